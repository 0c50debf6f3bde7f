// Any bytes as the outputs of a plant's file, and as a cursor: read or refused with problems, never a crash, nor
// options that no output can be made from.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "core/assert.hpp"
#include "forwarding/cursor.hpp"
#include "forwarding/outputs.hpp"
#include "forwarding/readings_cursor.hpp"

using namespace millwright;  // NOLINT: a program of one file

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(forwarding::parse_cursor(text));
  if (const auto cursor = forwarding::parse_readings_cursor(text)) {
    ASSERT(forwarding::parse_readings_cursor(forwarding::to_string(*cursor)).value() == *cursor, "another cursor");
  }
  auto document = config::Document::parse(text, "plant.yaml", {});
  if (!document) return 0;
  config::Section root = document->root();
  const auto outputs = forwarding::read_options(*document, root, "fuzz");
  root.finish();
  if (!document->problems().empty()) return 0;

  static const asset::Model model({}, {});
  for (const forwarding::OutputOptions& output : outputs) {
    ASSERT(output.lane.retry_min <= output.lane.retry_max, "pauses that shrink");
    if (const auto* mqtt = std::get_if<forwarding::MqttOptions>(&output.to)) {
      ASSERT(forwarding::make_mqtt_transport(*mqtt, model) != nullptr, "no transport");
    }
    if (const auto* kafka = std::get_if<forwarding::KafkaOptions>(&output.to)) {
      ASSERT(!kafka->brokers.empty() && forwarding::make_kafka_transport(*kafka) != nullptr, "no transport");
    }
    if (const auto* hook = std::get_if<forwarding::WebhookOptions>(&output.to)) {
      ASSERT(!hook->host.empty() && hook->port != 0, "a web address without a host or port");
    }
  }
  return 0;
}

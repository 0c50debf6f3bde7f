// Outputs: the `outputs` section, and the lanes made from it: alarms told to a broker, a stream, a web address;
// readings, or their roll-ups, brought to Kafka, databases, a unified namespace, a Sparkplug host; latest values to
// Redis.
//
//   outputs:
//     - {name: broker, kind: mqtt, host: broker.plant.local}
//     - {name: hook, kind: webhook, url: "https://hooks.example.com/alarms", secret_file: hook.key}
//     - {name: alarms, kind: redis, host: 127.0.0.1}
//     - {name: hq, kind: kafka, brokers: ["kafka.example.com:9092"]}
//     - {name: store, kind: postgres, host: db.example.com, database: plant, user: plant, password_file: db.key}
//
// Threads: open(), start() and stop() from one; wake() and status() from any. Each output has a thread of its own: one
// that is away costs the others nothing, and alarms never wait for one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "forwarding/alarm_source.hpp"
#include "forwarding/kafka_transport.hpp"
#include "forwarding/lane.hpp"
#include "forwarding/latest_feed.hpp"
#include "forwarding/line_transport.hpp"
#include "forwarding/mqtt_transport.hpp"
#include "forwarding/postgres_transport.hpp"
#include "forwarding/readings_feed.hpp"
#include "forwarding/redis_transport.hpp"
#include "forwarding/second_rollups.hpp"
#include "forwarding/sparkplug_transport.hpp"
#include "forwarding/webhook_transport.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/journal.hpp"

namespace millwright::forwarding {

struct OutputOptions {
  LaneOptions lane;
  std::variant<MqttOptions, RedisOptions, WebhookOptions, KafkaOptions, PostgresOptions, LineOptions, UnsOptions,
               RedisLatestOptions, SparkplugEdgeOptions>
      to;
  std::variant<std::monostate, ReadingsOptions, LatestOptions> content;  // monostate: changes of alarms
};
// Problems go to the document. `node` is the plant's name.
std::vector<OutputOptions> read_options(config::Document& document, config::Section root, const std::string& node);

// All of it outlives the outputs.
struct OutputContext {
  std::string node;  // the plant's name
  const asset::Model& model;
  const historian::Historian& history;
  const pipeline::LiveTable& live;
  const journal::Journal& alarm_journal;
  const alarms::AlarmManager& alarms;
  io::FileSystem& files;
  const io::Clock& clock;
  core::Metrics& metrics;
};

// Whether the receiver is there and lets us in: what there is to say of it. Nothing is sent, nothing is made.
core::Result<std::string> probe(const OutputOptions& options);

class Outputs {
 public:
  // `directory` holds a folder for each output.
  static core::Result<std::unique_ptr<Outputs>> open(const std::vector<OutputOptions>& options,
                                                     const std::string& directory, const OutputContext& context);
  void start();
  void stop();
  // Alarms have become durable.
  void wake();
  [[nodiscard]] std::vector<LaneStatus> status() const;

 private:
  explicit Outputs(const OutputContext& context)
      : source_(context.alarm_journal, context.alarms), seconds_(context.history, context.model) {}
  core::Result<std::unique_ptr<Feed>> open_feed(const OutputOptions& options, const std::string& directory,
                                                const OutputContext& context);

  AlarmSource source_;
  const SecondRollups seconds_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace millwright::forwarding

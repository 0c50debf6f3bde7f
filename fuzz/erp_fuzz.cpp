// What ERPs answer, and the templates of a plant's file: never a crash; what is a success is JSON; a field
// stays inside of its quotes whatever the order says.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "maintenance/erp_session.hpp"
#include "maintenance/template.hpp"

using namespace millwright;

// The first byte chooses: templates, or an answer with that many hundreds as its status.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] >= '2' && data[0] <= '5') {
    const auto answer =
        maintenance::read_answer({.status = (data[0] - '0') * 100, .fields = {}, .body = std::string(text)});
    if (answer) ASSERT(!answer->json.is_discarded() && data[0] == '2', "a success that is no JSON");
    const auto json = nlohmann::json::parse(text, nullptr, false);
    static_cast<void>(maintenance::message_of(json));
    static_cast<void>(maintenance::text_at(json, "/" + std::string(text.substr(0, 20))));
    ASSERT(maintenance::shortened(text, 10).size() <= 10, "a text that was cut is too long");
    return 0;
  }
  maintenance::WorkOrder order;
  order.cause = text;
  const auto fields = maintenance::fields_of(order, "");
  for (const auto escape : {maintenance::Escape::kJson, maintenance::Escape::kUrl}) {
    if (const auto given = maintenance::Template::parse(text, escape)) static_cast<void>(given->render(fields));
  }
  static const auto kBody =
      maintenance::Template::parse(R"({"a": "{{cause}}", "b": {{json:cause}}})", maintenance::Escape::kJson);
  const auto json = nlohmann::json::parse(kBody->render(fields), nullptr, false);
  ASSERT(!json.is_discarded() && json["a"] == json["b"], "a field broke out of its quotes");
  return 0;
}

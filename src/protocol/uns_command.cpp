#include "protocol/uns_command.hpp"

#include <nlohmann/json.hpp>

#include "protocol/uns_json.hpp"

namespace millwright::protocol {
namespace {

constexpr int kSchema = 1;
constexpr int kAnswerDepthMax = 4;  // of what is passed over

core::Unexpected wrong(const char* what) {
  return core::unexpected(core::ErrorCode::kInvalid, what);
}

// To its limit, between two characters.
void cut(std::string& text) {
  if (text.size() <= kUnsResultBytesMax) return;
  std::size_t end = kUnsResultBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
}

}  // namespace

std::string encode_uns_command(const UnsCommand& command) {
  nlohmann::ordered_json json{{"schema", kSchema},
                              {"id", command.id},
                              {"command", command.name},
                              {"t", core::format_time(command.time)},
                              {"answer", command.answer_topic},
                              {"arguments", nlohmann::ordered_json::object()}};
  for (const auto& [name, value] : command.arguments) {
    std::visit([&, &key = name](const auto& one) { json["arguments"][key] = one; }, value);
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

core::Result<UnsAnswer> parse_uns_answer(std::string_view payload) {
  const auto too_deep = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= kAnswerDepthMax;
  };
  const auto json = nlohmann::json::parse(payload, too_deep, false);
  if (!json.is_object()) return wrong("an answer that is no JSON object");
  const auto id = json.find("id");
  const auto good = json.find("ok");
  if (id == json.end() || !id->is_string() || id->get_ref<const std::string&>().size() > kUnsIdBytesMax) {
    return wrong("an answer without the command's 'id'");
  }
  if (good == json.end() || !good->is_boolean()) return wrong("an answer without 'ok', true or false");
  UnsAnswer answer{.id = id->get<std::string>(), .good = good->get<bool>()};
  if (const auto result = json.find("result"); result != json.end() && !result->is_null()) {
    answer.result = result->is_string() ? result->get<std::string>() : result->dump();
    cut(answer.result);
  }
  return answer;
}

}  // namespace millwright::protocol

#include "maintenance/template.hpp"

#include <fmt/format.h>

#include "core/text.hpp"
#include "http/url.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr std::string_view kJsonPrefix = "json:";
constexpr double kNsPerDay = 24.0 * 3600 * 1e9;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string plain(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump(value);
}

std::string inside_quotes(const std::string& text) {
  const std::string quoted = dump(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::vector<std::string_view> names_of(const Fields& fields) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : fields) names.push_back(name);
  return names;
}

}  // namespace

Fields fields_of(const WorkOrder& order, const std::string& equipment) {
  const std::string date = order.predicted_failure == 0 ? "" : core::format_time(order.predicted_failure);
  const std::string title = fmt::format("{}{}{}: {}", order.machine, order.component.empty() ? "" : "/",
                                        order.component, order.recommended_action);
  return {{"id", order.id},
          {"reference", order.reference},
          {"title", title},
          {"machine", order.machine},
          {"machine_path", order.machine_path},
          {"equipment", equipment},
          {"component", order.component},
          {"cause", order.cause},
          {"recommended_action", order.recommended_action},
          {"priority", std::string(to_string(order.priority))},
          {"priority_number", static_cast<int>(order.priority) + 1},
          {"predicted_failure_date", date.empty() ? Json() : Json(date)},
          {"predicted_failure_day", date.empty() ? Json() : Json(date.substr(0, 10))},
          {"lead_time_days", static_cast<double>(order.lead_time) / kNsPerDay},
          {"evidence", Json::parse(order.evidence, nullptr, false)},
          {"source", order.by_rule ? "rule" : "person"},
          {"created_by", order.created_by},
          {"created_at", core::format_time(order.created)},
          {"erp_id", order.erp_id}};
}

core::Result<Template> Template::parse(std::string_view text, Escape escape) {
  static const Fields kKnown = fields_of(WorkOrder{}, "");
  Template parsed;
  parsed.escape_ = escape;
  while (!text.empty()) {
    const auto open = text.find("{{");
    if (open != 0) parsed.parts_.push_back({.literal = std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const auto close = text.find("}}", open);
    if (close == std::string_view::npos) return unexpected(ErrorCode::kInvalid, "'{{' is not closed by '}}'");
    std::string_view name = core::trim(text.substr(open + 2, close - open - 2));
    const bool as_json = name.starts_with(kJsonPrefix);
    if (as_json) name.remove_prefix(kJsonPrefix.size());
    if (as_json && escape == Escape::kUrl) {
      return unexpected(ErrorCode::kInvalid, fmt::format("'{}{}' has no place in a URL", kJsonPrefix, name));
    }
    if (!kKnown.contains(name)) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("no field '{}'{}", name, core::did_you_mean(name, names_of(kKnown))));
    }
    parsed.parts_.push_back({.literal = {}, .field = std::string(name), .as_json = as_json});
    text.remove_prefix(close + 2);
  }
  return parsed;
}

std::string Template::render(const Fields& fields) const {
  std::string out;
  for (const Part& part : parts_) {
    if (part.field.empty()) {
      out += part.literal;
      continue;
    }
    const auto at = fields.find(part.field);
    ASSERT(at != fields.end(), "a template's field was checked when it was read");
    if (part.as_json) {
      out += dump(at->second);
    } else {
      out += escape_ == Escape::kUrl ? http::percent_encode(plain(at->second)) : inside_quotes(plain(at->second));
    }
  }
  return out;
}

}  // namespace millwright::maintenance

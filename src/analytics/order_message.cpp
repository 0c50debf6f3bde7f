#include "analytics/order_message.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "analytics/production_orders.hpp"
#include "core/text.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr std::size_t kNameBytesMax = 200;
constexpr std::array<std::string_view, 5> kActions{"create", "start", "finish", "material", "counts"};

std::vector<std::string_view> members_of(OrderAction action) {
  switch (action) {
    case OrderAction::kCreate:
      return {"id", "segment", "equipment", "material_definition", "quantity"};
    case OrderAction::kMaterial:
      return {"material_definition", "time"};
    case OrderAction::kCounts:
      return {"good", "reject", "key", "time"};
    default:
      return {"time"};
  }
}

// Reads members one after the other; the first problem counts.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  void text(const char* name, std::string& value, bool required = false) {
    const auto at = json_.find(name);
    if (at != json_.end() && !at->is_string()) return fail(fmt::format("{} must be a text", name));
    if (at != json_.end()) value = at->get<std::string>();
    if (value.size() > kNameBytesMax) return fail(fmt::format("{} is longer than {} bytes", name, kNameBytesMax));
    const bool plain = std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    if (!plain) return fail(fmt::format("{} holds a control character", name));
    if (required && core::trim(value).empty()) fail(fmt::format("{} is missing", name));
  }

  void quantity(const char* name, std::int64_t& value) {
    const auto at = json_.find(name);
    if (at == json_.end()) return;
    const bool whole = at->is_number_integer() && (!at->is_number_unsigned() || at->get<std::uint64_t>() <= INT64_MAX);
    if (whole) value = at->get<std::int64_t>();
    if (whole && value >= 0 && value <= kQuantityMax) return;
    fail(fmt::format("{} must be a whole number from 0 to {}", name, kQuantityMax));
  }

  void time(const char* name, std::optional<core::TimeNs>& value) {
    std::string written;
    text(name, written);
    if (written.empty()) return;
    const auto parsed = core::parse_time(written);
    if (parsed) {
      value = *parsed;
    } else {
      fail(fmt::format("{}: {}", name, parsed.error().message));
    }
  }

  void action(OrderAction& value) {
    std::string name;
    text("action", name, true);
    const auto* found = std::find(kActions.begin(), kActions.end(), name);
    if (found == kActions.end()) {
      return fail(fmt::format("action '{}' is none of {}{}", name, fmt::join(kActions, ", "),
                              core::did_you_mean(name, kActions)));
    }
    value = static_cast<OrderAction>(found - kActions.begin());
  }

  void only(const std::vector<std::string_view>& members) {
    for (const auto& [name, value] : json_.items()) {
      if (std::find(members.begin(), members.end(), name) != members.end()) continue;
      fail(fmt::format("unknown member '{}'{}; it takes {}", name, core::did_you_mean(name, members),
                       members.empty() ? "none" : fmt::format("{}", fmt::join(members, ", "))));
    }
  }

  [[nodiscard]] core::Status status() const {
    if (problem_.empty()) return {};
    return unexpected(ErrorCode::kInvalid, "body: " + problem_);
  }

 private:
  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const Json& json_;
  std::string problem_;
};

}  // namespace

core::Result<OrderMessage> parse_order(std::string_view text, const std::optional<KnownOrder>& known) {
  if (text.size() > kMessageBytesMax) {
    return unexpected(ErrorCode::kInvalid, fmt::format("body: longer than {} bytes", kMessageBytesMax));
  }
  const Json json = text.empty() && known ? Json::object() : Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return unexpected(ErrorCode::kInvalid, "body: must be a JSON object");
  Reader reader(json);
  OrderMessage message;
  std::vector<std::string_view> extra;
  if (known) {
    message.action = known->action;
    message.id = known->id;
  } else {
    reader.action(message.action);
    extra = {"action", "id"};
  }
  auto members = members_of(message.action);
  members.insert(members.end(), extra.begin(), extra.end());
  reader.only(members);
  if (message.id.empty()) reader.text("id", message.id, true);
  const bool creates = message.action == OrderAction::kCreate;
  reader.text("segment", message.segment);
  reader.text("equipment", message.equipment, creates);
  reader.text("material_definition", message.material_definition, creates || message.action == OrderAction::kMaterial);
  reader.quantity("quantity", message.quantity);
  reader.quantity("good", message.good);
  reader.quantity("reject", message.reject);
  reader.text("key", message.key);
  reader.time("time", message.time);
  if (auto right = reader.status(); !right) return unexpected(right.error());
  if (message.action == OrderAction::kCounts && message.good == 0 && message.reject == 0) {
    return unexpected(ErrorCode::kInvalid, "body: good and reject are both 0 or missing; tell how many pieces");
  }
  return message;
}

}  // namespace millwright::analytics

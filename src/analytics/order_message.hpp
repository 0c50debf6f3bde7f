// A MES's message on a production order, as JSON: {"action": "create", "id": "PO-4711", …}. The same members as the
// REST interface takes. docs/format/production-orders.md.
//
// Threads: values. Errors: kInvalid, with the member and what would be right. Limits: kMessageBytesMax.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::analytics {

inline constexpr std::size_t kMessageBytesMax = 64 * 1024;

enum class OrderAction : std::uint8_t { kCreate, kStart, kFinish, kMaterial, kCounts };

struct OrderMessage {
  OrderAction action = OrderAction::kCreate;
  std::string id;
  std::string segment;
  std::string equipment;
  std::string material_definition;
  std::int64_t quantity = 0;
  std::int64_t good = 0;
  std::int64_t reject = 0;
  std::string key;
  std::optional<core::TimeNs> time;  // nothing: now
};

// `known`: the action and the order where something else says them (a path), else both are members.
struct KnownOrder {
  OrderAction action = OrderAction::kCreate;
  std::string id;  // "": a member
};
core::Result<OrderMessage> parse_order(std::string_view json, const std::optional<KnownOrder>& known = std::nullopt);

}  // namespace millwright::analytics

// A command's value as the metric that it writes, and whether a metric reports it. Private to connectors.
//
// Threads: pure functions.
#pragma once

#include <optional>

#include "asset/commands.hpp"
#include "protocol/sparkplug_edge.hpp"

namespace millwright::connectors {

// As a metric of this type; nothing where it does not fit.
std::optional<protocol::sparkplug::EdgeValue> metric_value(const asset::CommandValue& value,
                                                           protocol::sparkplug::DataType type);
// Numbers by what they are worth, whatever their types.
bool is_reported(const protocol::sparkplug::EdgeValue& sent, const protocol::sparkplug::Value& reported);

}  // namespace millwright::connectors

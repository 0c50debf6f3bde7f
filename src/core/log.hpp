// Logs: spdlog, one named logger per part of the system, to standard error. `--log-format json` gives one object a
// line.
#pragma once

#include <memory>
#include <string>

#include <spdlog/logger.h>

#include "core/result.hpp"

namespace millwright::core {

enum class LogFormat { kText, kJson };

// Once, at the start of a process, before the first logger().
void set_up_logs(LogFormat format, spdlog::level::level_enum level);

// The logger of a part, such as "opcua-client". Made on first use. From any thread.
std::shared_ptr<spdlog::logger> logger(const std::string& part);

}  // namespace millwright::core

#include "core/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "core/mutex.hpp"
#include "core/time.hpp"

namespace millwright::core {
namespace {

Mutex creating;

// Quotes and backslashes in messages would break the object; spdlog has no JSON escaping of its own.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& out) override {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(msg.time.time_since_epoch()).count();
    const auto level = spdlog::level::to_string_view(msg.level);
    fmt::format_to(std::back_inserter(out), R"({{"time":"{}","level":"{}","part":"{}","message":")", format_time(ns),
                   std::string_view(level.data(), level.size()),
                   std::string_view(msg.logger_name.data(), msg.logger_name.size()));
    for (const char c : msg.payload) {
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out.push_back(c);
      }
    }
    out.push_back('"');
    out.push_back('}');
    out.push_back('\n');
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void set_up_logs(LogFormat format, spdlog::level::level_enum level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  auto root = std::make_shared<spdlog::logger>("millwright", sink);
  spdlog::set_default_logger(root);
  if (format == LogFormat::kJson) {
    spdlog::set_formatter(std::make_unique<JsonFormatter>());
  } else {
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %n: %v", spdlog::pattern_time_type::utc);
  }
  spdlog::set_level(level);
}

std::shared_ptr<spdlog::logger> logger(const std::string& part) {
  MutexLock lock(creating);
  if (auto existing = spdlog::get(part)) return existing;
  auto fresh = std::make_shared<spdlog::logger>(part, spdlog::default_logger()->sinks().begin(),
                                                spdlog::default_logger()->sinks().end());
  spdlog::initialize_logger(fresh);
  return fresh;
}

}  // namespace millwright::core

#include "analytics/order_intake.hpp"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analytics/order_message.hpp"

namespace millwright::analytics {
namespace {

constexpr core::DurationNs kReceive = 100 * core::kMillisecond;
constexpr core::DurationNs kSessionExpiry = 24 * core::kHour;
constexpr int kPauses = 50;  // of 100 ms, between two connections

bool is_message_fault(core::ErrorCode code) {
  return code == core::ErrorCode::kInvalid || code == core::ErrorCode::kNotFound || code == core::ErrorCode::kConflict;
}

}  // namespace

OrderIntake::OrderIntake(OrdersOptions options, Take take, core::Metrics& metrics)
    : options_(std::move(options)),
      take_(std::move(take)),
      taken_(metrics.counter("millwright_production_order_messages_total", "Messages on production orders",
                             {{"result", "taken"}})),
      refused_(metrics.counter("millwright_production_order_messages_total", "Messages on production orders",
                               {{"result", "refused"}})),
      log_(core::logger("production-orders")) {}

void OrderIntake::start() {
  thread_ = std::thread([this] { run(); });
}

void OrderIntake::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void OrderIntake::run() {
  while (!stopping_) {
    if (const auto served = serve(); !served && !stopping_) log_->warn("{}", served.error().message);
    for (int i = 0; i < kPauses && !stopping_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

core::Status OrderIntake::serve() {
  waiting_.clear();
  auto subscriber = mqtt::Subscriber::open(
      options_.broker,
      {.filters = {options_.topic}, .session_expiry = kSessionExpiry, .payload_bytes_max = kMessageBytesMax}, {},
      [this](const mqtt::Received& received) {
        if (!received.retained) waiting_.emplace_back(received.payload);
      },
      [this] { return stopping_.load(); });
  if (!subscriber) return core::unexpected(subscriber.error());
  log_->info("production orders from {} on {}", mqtt::to_string(options_.broker), options_.topic);
  while (!stopping_) {
    const auto received = (*subscriber)->receive(kReceive, 100);
    if (!received) return core::unexpected(received.error());
    if (auto handled = handle(**subscriber); !handled) return handled;
  }
  return {};
}

core::Status OrderIntake::handle(mqtt::Subscriber& subscriber) {
  for (const std::string& message : waiting_) {
    const auto taken = take_(message);
    if (taken) {
      taken_.Increment();
      continue;
    }
    if (!is_message_fault(taken.error().code)) return taken;  // not acknowledged, so it comes again
    refused_.Increment();
    log_->warn("refused: {}", taken.error().message);
    const nlohmann::json told = {{"detail", taken.error().message}, {"message", message}};
    const auto text = told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (auto said = subscriber.publish(options_.topic + "/refused", text); !said) return said;
  }
  waiting_.clear();
  return subscriber.held() > 0 ? subscriber.acknowledge() : core::Status{};
}

}  // namespace millwright::analytics

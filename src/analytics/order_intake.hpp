// OrderIntake: production orders over MQTT. A message is acknowledged once it is in the database, so none is lost; one
// that is refused is told on <topic>/refused and acknowledged too.
//
// Threads: one of its own between start() and stop(). Errors: logged and counted; the connection is made again.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "mqtt/options.hpp"
#include "mqtt/subscriber.hpp"

namespace millwright::analytics {

struct OrdersOptions {
  mqtt::Options broker;
  std::string topic;
};

class OrderIntake {
 public:
  // kInvalid, kNotFound and kConflict are the message's fault; anything else is tried again.
  using Take = std::function<core::Status(std::string_view message)>;
  OrderIntake(OrdersOptions options, Take take, core::Metrics& metrics);
  ~OrderIntake() { stop(); }
  void start();
  void stop();

 private:
  void run();
  core::Status serve();
  core::Status handle(mqtt::Subscriber& subscriber);

  const OrdersOptions options_;
  const Take take_;
  core::Counter& taken_;
  core::Counter& refused_;
  std::shared_ptr<spdlog::logger> log_;
  std::vector<std::string> waiting_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace millwright::analytics

// Desk: the maintenance desk of a plant: what the rest of it sees of work orders. Rules look at conditions and raise
// orders; people raise, approve, reject and end them; outboxes bring them to the ERPs.
//
//   auto desk = maintenance::Desk::open(options, {.database = …, .clock = …, .metrics = …, .hooks = {…}});
//   (*desk)->start();
//   (*desk)->observe({.machine = "pump-1", .component = "motor", .cause = "bearing wear", .failure_probability = 0.7,
//   …});
//
// Threads: any; calls wait for the database. start() and stop() from one.
// Errors: as OrderBook's.
#pragma once

#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "database/database.hpp"
#include "io/clock.hpp"
#include "maintenance/options.hpp"
#include "maintenance/order_book.hpp"
#include "maintenance/outbox.hpp"

namespace millwright::maintenance {

// How a component is, as predictions see it. What nobody knows is NaN or 0.
struct Condition {
  std::string machine;  // name
  std::string machine_path;
  std::string component;                                                  // "": the machine as a whole
  std::string cause;                                                      // what would fail: "bearing wear"
  double failure_probability = std::numeric_limits<double>::quiet_NaN();  // within `lookahead`
  double health = std::numeric_limits<double>::quiet_NaN();               // 0 to 100
  core::DurationNs remaining_life = 0;
  core::DurationNs lookahead = 0;
  nlohmann::json evidence = nlohmann::json::object();  // what speaks for it: alarms, sensors, model
  core::TimeNs time = 0;
};

class Desk {
 public:
  struct Parts {
    database::Database& database;
    const io::Clock& clock;
    core::Metrics& metrics;
    Hooks hooks{};
  };
  static core::Result<std::unique_ptr<Desk>> open(const Options& options, Parts parts);
  ~Desk();

  void start();
  void stop();

  // Raises an order where a rule says so; gives it. One order for each (machine, component, cause) at a time; after one
  // is done the next comes no earlier than `cool_down` later; after one is rejected, when the condition has been over.
  core::Result<std::optional<WorkOrder>> observe(const Condition& condition);

  // Orders, deliveries and events; what was approved or is to be sent again goes on its way at once.
  [[nodiscard]] OrderBook& book() { return *book_; }
  core::Result<WorkOrder> move(std::string_view order, const Move& move);
  core::Result<Delivery> retry(std::string_view delivery, const std::string& who);
  [[nodiscard]] std::vector<OutboxStatus> erps() const;

 private:
  Desk(const Options& options, const Parts& parts);
  [[nodiscard]] const Rule& rule_of(const Condition& condition) const;

  const Options options_;
  core::Counter& raised_;
  core::Mutex quiet_mutex_;
  // Conditions that no rule has on its mind: most of them, most of the time, and no cause to ask the database.
  std::set<std::string> quiet_ GUARDED_BY(quiet_mutex_);
  std::unique_ptr<OrderBook> book_;
  std::vector<std::unique_ptr<Outbox>> outboxes_;
};

}  // namespace millwright::maintenance

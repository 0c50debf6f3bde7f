// What a Service holds. Private to analytics.
//
// Threads: members are const, or have locks of their own; `mutex` is the watching thread's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "analytics/downtime_book.hpp"
#include "analytics/machine_history.hpp"
#include "analytics/oee_cache.hpp"
#include "analytics/options.hpp"
#include "analytics/order_intake.hpp"
#include "analytics/production_orders.hpp"
#include "analytics/service.hpp"
#include "core/mutex.hpp"

namespace millwright::analytics {

struct Service::Impl {
  Impl(Options given, const Parts& all, DowntimeStore downtime, ProductionOrders made)
      : options(std::move(given)),
        parts(all),
        calendars(options.calendars, parts.model),
        history(parts.model, parts.historian),
        book(parts.model, history, options.reasons, parts.clock, downtime),
        orders(made),
        cached_windows(windows(all.metrics, "cache")),
        made_windows(windows(all.metrics, "history")) {}
  static core::Counter& windows(core::Metrics& metrics, const char* source) {
    return metrics.counter("millwright_oee_windows_total", "Windows of machines that OEE was asked of, by what told it",
                           {{"source", source}});
  }

  void watch_downtime() EXCLUDES(mutex);
  // A machine over a period, ready to be summed, and what it was made of. It has an `oee`.
  struct Timeline {
    OeeTimeline line;
    Intervals whole;         // stops and edited events: who looks at a part of one looks at all of it
    core::TimeNs reach = 0;  // from when on history told it
  };
  core::Result<Timeline> timeline(const asset::Machine& machine, const Interval& period);
  // What each window of a machine comes to; those that are `kept` come from the cache or go there. In order of time.
  struct Piece {
    Interval time{};
    bool kept = false;
    std::optional<Totals> totals{};
  };
  core::Status sum(const asset::Machine& machine, std::vector<Piece>& pieces, const std::function<bool()>& ended);
  core::Status sum_run(const asset::Machine& machine, std::span<Piece> run, const HistoryMarks& marks);
  // An event was edited.
  void forget(const DowntimeRecord& record);

  const Options options;
  const Parts parts;
  const Calendars calendars;
  const MachineHistory history;
  DowntimeBook book;
  ProductionOrders orders;
  OeeCache cache;
  core::Counter& cached_windows;
  core::Counter& made_windows;
  std::unique_ptr<OrderIntake> intake;
  std::thread watch;
  core::Mutex mutex;
  core::Condition stopped;
  bool stopping GUARDED_BY(mutex) = false;
};

}  // namespace millwright::analytics

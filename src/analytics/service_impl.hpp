// What a Service holds. Private to analytics.
//
// Threads: members are const, or have locks of their own; `mutex` is the watching thread's.
#pragma once

#include <memory>
#include <thread>

#include "analytics/downtime_book.hpp"
#include "analytics/machine_history.hpp"
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
        orders(made) {}

  void watch_downtime() EXCLUDES(mutex);
  // A machine over a period, ready to be summed. It has an `oee`.
  core::Result<OeeTimeline> timeline(const asset::Machine& machine, const Interval& period);

  const Options options;
  const Parts parts;
  const Calendars calendars;
  const MachineHistory history;
  DowntimeBook book;
  ProductionOrders orders;
  std::unique_ptr<OrderIntake> intake;
  std::thread watch;
  core::Mutex mutex;
  core::Condition stopped;
  bool stopping GUARDED_BY(mutex) = false;
};

}  // namespace millwright::analytics

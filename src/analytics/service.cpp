#include "analytics/service.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "analytics/machine_history.hpp"
#include "analytics/options.hpp"
#include "analytics/order_intake.hpp"
#include "analytics/service_impl.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::analytics {
namespace {

using core::ErrorCode;
using core::MutexLock;
using core::unexpected;

constexpr core::DurationNs kFirstLook = kDay;
constexpr core::DurationNs kLook = 2 * core::kHour;

}  // namespace

core::Result<std::unique_ptr<Service>> Service::open(Options options, const Parts& parts) {
  auto downtime = DowntimeStore::open(parts.database);
  if (!downtime) return unexpected(downtime.error());
  auto orders = ProductionOrders::open(parts.database);
  if (!orders) return unexpected(orders.error());
  auto impl = std::make_unique<Impl>(std::move(options), parts, *downtime, *orders);
  std::unique_ptr<Service> service(new Service(std::move(impl)));
  Impl& made = *service->impl_;
  if (made.options.orders) {
    made.intake = std::make_unique<OrderIntake>(
        *made.options.orders,
        [self = service.get()](std::string_view text) -> core::Status {
          const auto message = parse_order(text);
          if (!message) return unexpected(message.error());
          const auto taken = self->take(*message, "mqtt", {});
          if (!taken) return unexpected(taken.error());
          return {};
        },
        parts.metrics);
  }
  return service;
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Service::~Service() {
  stop();
}

void Service::start() {
  impl_->watch = std::thread([impl = impl_.get()] { impl->watch_downtime(); });
  if (impl_->intake) impl_->intake->start();
}

void Service::stop() {
  if (impl_->intake) impl_->intake->stop();
  {
    MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->stopped.notify_all();
  }
  if (impl_->watch.joinable()) impl_->watch.join();
}

void Service::Impl::watch_downtime() {
  const auto log = core::logger("analytics");
  core::DurationNs back = kFirstLook;
  while (true) {
    for (const asset::Machine& machine : parts.model.machines()) {
      {
        MutexLock lock(mutex);
        if (stopping) return;
      }
      if (!machine.oee) continue;
      const core::TimeNs now = parts.clock.now();
      const auto looked = book.look(machine, {now - back, now});
      if (!looked) log->warn("downtime of {}: {}", machine.path, looked.error().message);
    }
    back = kLook;
    MutexLock lock(mutex);
    if (stopping) return;
    stopped.wait_for(mutex, std::chrono::nanoseconds(options.downtime_interval));
  }
}

core::Result<std::vector<const asset::Machine*>> Service::machines(const Scope& scope) const {
  std::vector<const asset::Machine*> found;
  std::vector<std::string_view> sites;
  for (const asset::Machine& machine : impl_->parts.model.machines()) {
    if (scope.sees && !scope.sees(machine.path)) continue;
    const std::string& site = machine.hierarchy[1];
    if (std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(site);
    const bool here = scope.factory.empty() || scope.factory == site ||
                      scope.factory == machine.hierarchy[0] + "/" + site || scope.factory == machine.hierarchy[0];
    const bool wanted = scope.machine.empty() || scope.machine == machine.name || scope.machine == machine.path;
    if (here && wanted) found.push_back(&machine);
  }
  if (!found.empty()) return found;
  if (scope.machine.empty()) {
    return unexpected(ErrorCode::kNotFound, fmt::format("factory_id: there is no site '{}'{}", scope.factory,
                                                        core::did_you_mean(scope.factory, sites)));
  }
  return unexpected(ErrorCode::kNotFound, fmt::format("there is no machine '{}'{}", scope.machine,
                                                      scope.factory.empty() ? "" : " in factory " + scope.factory));
}

core::Result<Interval> Service::period(const std::string& from, const std::string& to, const TimeZone& zone,
                                       core::DurationNs usual) const {
  const core::TimeNs now = impl_->parts.clock.now();
  const auto end = to.empty() || to == "now" ? core::Result<core::TimeNs>(now) : zone.parse(to);
  if (!end) return unexpected(end.error().within("to"));
  const core::TimeNs usually = usual > 0 ? *end - usual : zone.start_of(zone.day_of(*end));
  const auto start = from.empty() ? core::Result<core::TimeNs>(usually) : zone.parse(from);
  if (!start) return unexpected(start.error().within("from"));
  if (*start > *end) {
    return unexpected(ErrorCode::kInvalid, fmt::format("from={} is after to={}; swap them", core::format_time(*start),
                                                       core::format_time(*end)));
  }
  // Beyond what is kept the sums could not be made.
  if (*start < 0 || *end / kDay - *start / kDay > kPeriodMax / kDay) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("the period from {} to {} is longer than {} days; ask for less at a time",
                                  core::format_time(*start), core::format_time(*end), kPeriodMax / kDay));
  }
  return Interval{*start, *end};
}

core::Result<std::vector<DowntimeRecord>> Service::downtime(const DowntimeRequest& request) {
  const auto machines = this->machines(request.scope);
  if (!machines) return unexpected(machines.error());
  if (!request.reason.empty()) {
    if (const auto known = impl_->options.reasons.find(request.reason); !known) return unexpected(known.error());
  }
  const auto period = this->period(request.from, request.to, calendars().of(machines->front()->id).zone(), kDay);
  if (!period) return unexpected(period.error());
  std::vector<DowntimeRecord> all;
  for (const asset::Machine* machine : *machines) {
    if (!machine->oee) continue;
    auto look = impl_->book.look(*machine, *period);
    if (!look) return unexpected(look.error());
    for (DowntimeRecord& record : look->records) {
      if (!record.time.overlaps(*period)) continue;
      if (!request.reason.empty() && record.reason != request.reason) continue;
      if (request.unexplained && !record.reason.empty()) continue;
      all.push_back(std::move(record));
    }
  }
  std::sort(all.begin(), all.end(), [](const DowntimeRecord& a, const DowntimeRecord& b) {
    return std::tie(a.time.from, a.id) < std::tie(b.time.from, b.id);
  });
  return all;
}

core::Result<DowntimeRecord> Service::find_downtime(const std::string& id) {
  return impl_->book.find(id);
}

core::Result<std::vector<DowntimeRecord>> Service::downtime_versions(const std::string& id) {
  return impl_->book.versions(id);
}

core::Result<DowntimeRecord> Service::explain(const std::string& id, const std::optional<std::string>& reason,
                                              const std::optional<std::string>& comment, const ChangedBy& by) {
  auto record = impl_->book.explain(id, reason, comment, by);
  if (record) impl_->forget(*record);
  return record;
}

core::Result<std::vector<DowntimeRecord>> Service::split(const std::string& id, const std::string& at,
                                                         const ChangedBy& by) {
  const auto record = impl_->book.find(id);
  if (!record) return unexpected(record.error());
  const asset::Machine* machine = impl_->parts.model.find_machine(record->machine);
  const TimeZone zone = machine == nullptr ? TimeZone() : calendars().of(machine->id).zone();
  auto records = impl_->book.split(id, at, zone, by);
  if (!records) return records;
  for (const DowntimeRecord& part : *records) impl_->forget(part);
  return records;
}

core::Result<DowntimeRecord> Service::merge(const std::string& id, const std::string& with, const ChangedBy& by) {
  auto record = impl_->book.merge(id, with, by);
  if (record) impl_->forget(*record);
  return record;
}

const Reasons& Service::reasons() const {
  return impl_->options.reasons;
}

const Calendars& Service::calendars() const {
  return impl_->calendars;
}

const asset::Model& Service::model() const {
  return impl_->parts.model;
}

core::TimeNs Service::now() const {
  return impl_->parts.clock.now();
}

ProductionOrders& Service::orders() {
  return impl_->orders;
}

core::Result<std::string> Service::take(const OrderMessage& message, const std::string& by,
                                        const std::function<bool(const std::string&)>& sees) {
  const OrderStep step{message.id, message.time.value_or(now()), by};
  if (step.time > now() + core::kMinute) {
    return unexpected(ErrorCode::kInvalid, fmt::format("time: {} is in the future", core::format_time(step.time)));
  }
  ProductionOrders& orders = impl_->orders;
  if (message.action == OrderAction::kCreate) {
    const auto machine = machines({.machine = message.equipment, .sees = sees});
    if (!machine) return unexpected(machine.error().within("equipment"));
    const auto created = orders.create({.id = message.id,
                                        .segment = message.segment,
                                        .equipment = machine->front()->path,
                                        .material_definition = message.material_definition,
                                        .quantity = message.quantity,
                                        .created = now(),
                                        .changed_by = by});
    if (!created) return unexpected(created.error());
    return message.id;
  }
  const auto order = orders.find(message.id);
  if (!order) return unexpected(order.error());
  if (sees && !sees(order->equipment)) {
    return unexpected(ErrorCode::kNotFound, fmt::format("there is no production order '{}'", message.id));
  }
  core::Status done;
  switch (message.action) {
    case OrderAction::kStart:
      done = orders.start(step);
      break;
    case OrderAction::kFinish:
      done = orders.finish(step);
      break;
    case OrderAction::kMaterial:
      done = orders.change_material(step, message.material_definition);
      break;
    default:
      done = orders.count(step, message.good, message.reject, message.key);
  }
  if (!done) return unexpected(done.error());
  if (const asset::Machine* machine = impl_->parts.model.find_machine(order->equipment); machine != nullptr) {
    impl_->cache.forget(machine->id, {step.time, INT64_MAX});
  }
  return message.id;
}

}  // namespace millwright::analytics

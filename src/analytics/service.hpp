// Service: effectiveness and downtime of a plant's machines, from history, calendars and what people and the MES say.
//
// Threads: any; what reads history or the database may take long, so never from a thread that must not wait. A thread
// of its own looks for new downtime between start() and stop(); another takes production orders from a broker.
// Errors: kNotFound, kInvalid and kConflict say what and what to do; else those of history and the database.
// Limits: kPeriodMax a request, kRowsMax rows, kMachineTimeMax over all machines. Source: docs/oee.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analytics/calendar_file.hpp"
#include "analytics/downtime_book.hpp"
#include "analytics/oee.hpp"
#include "analytics/order_message.hpp"
#include "analytics/production_orders.hpp"
#include "analytics/reasons.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"

namespace millwright::analytics {

struct Options;

inline constexpr core::DurationNs kPeriodMax = 400 * kDay;
inline constexpr core::DurationNs kMachineTimeMax = 250 * 366 * kDay;
inline constexpr std::size_t kRowsMax = 50'000;

// Whose: what the caller may see, and of that a site and perhaps a part of it.
struct Scope {
  std::string factory{};  // a site, or enterprise/site; "": all
  std::string machine{};  // name or path; "": all
  std::function<bool(const std::string& path)> sees{};
};

enum class Level : std::uint8_t { kMachine, kLine, kSite };
enum class By : std::uint8_t { kWhole, kEachShift, kEachDay, kEachHour };

struct OeeRequest {
  Scope scope{};
  std::string from{};  // as people write it; "": the site's today
  std::string to{};    // "": now
  Level level = Level::kSite;
  By by = By::kWhole;
  std::function<bool()> stopping{};
};

struct OeeRow {
  std::string path;  // of the machine, line or site
  std::size_t machines = 0;
  Interval window;
  std::string shift;  // with By::kEachShift
  std::string day;    // with By::kEachShift and kDay, on the site's clock
  Totals totals;
};

struct OeeAnswer {
  Interval period;        // `to` is not in the future
  std::string time_zone;  // of the site
  std::vector<OeeRow> rows;
};

struct DowntimeRequest {
  Scope scope{};
  std::string from{};  // "": a day ago
  std::string to{};    // "": now
  std::string reason{};
  bool unexplained = false;  // those without a reason alone
};

class Service {
 public:
  // All of it outlives the service.
  struct Parts {
    const asset::Model& model;
    const historian::Historian& historian;
    database::Database& database;
    const io::Clock& clock;
    core::Metrics& metrics;
  };
  static core::Result<std::unique_ptr<Service>> open(Options options, const Parts& parts);
  ~Service();  // stops
  void start();
  void stop();

  core::Result<OeeAnswer> oee(const OeeRequest& request);

  // By start; what history tells by now.
  core::Result<std::vector<DowntimeRecord>> downtime(const DowntimeRequest& request);
  core::Result<DowntimeRecord> find_downtime(const std::string& id);
  core::Result<std::vector<DowntimeRecord>> downtime_versions(const std::string& id);
  // Each gives the event as it is now. A value that is not given stays; a reason of "" takes the old one away.
  core::Result<DowntimeRecord> explain(const std::string& id, const std::optional<std::string>& reason,
                                       const std::optional<std::string>& comment, const ChangedBy& by);
  // At `at`, on the site's clock where it has no offset; gives both.
  core::Result<std::vector<DowntimeRecord>> split(const std::string& id, const std::string& at, const ChangedBy& by);
  // With the next or the one before on the machine.
  core::Result<DowntimeRecord> merge(const std::string& id, const std::string& with, const ChangedBy& by);

  [[nodiscard]] const Reasons& reasons() const;
  [[nodiscard]] const Calendars& calendars() const;
  [[nodiscard]] const asset::Model& model() const;
  [[nodiscard]] core::TimeNs now() const;
  // The period that two texts name on a zone's clock, with the limits of all requests.
  core::Result<Interval> period(const std::string& from, const std::string& to, const TimeZone& zone,
                                core::DurationNs usual) const;
  // kNotFound where there is no such site or machine, or none that the caller sees.
  core::Result<std::vector<const asset::Machine*>> machines(const Scope& scope) const;

  [[nodiscard]] ProductionOrders& orders();
  // What a message asks for, done; gives the order's id. `sees` as in a scope; empty: everything.
  core::Result<std::string> take(const OrderMessage& message, const std::string& by,
                                 const std::function<bool(const std::string&)>& sees);

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::analytics

// The handlers: what each route answers. No HTTP library and no sockets; the dispatcher calls them.
//
// Threads: any, at once. history(), charts() and orders about models may take long: they belong on threads of their
// own. Errors: an Error is answered as a problem document (problem.hpp).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/active_alarms.hpp"
#include "api/body_cache.hpp"
#include "api/http.hpp"
#include "api/identity.hpp"
#include "api/parameters.hpp"
#include "api/server.hpp"
#include "api/streamer.hpp"
#include "core/result.hpp"
#include "historian/processed.hpp"

namespace millwright::api {

struct HistoryQuery;

class Handlers {
 public:
  // `board` outlives the handlers.
  Handlers(const Options& options, const Services& services, const AlarmBoard& board);

  [[nodiscard]] Response plant(const Identity& who) const;
  [[nodiscard]] core::Result<Response> machines(const Parameters& parameters, const Identity& who) const;
  [[nodiscard]] core::Result<Response> machine(std::string_view name, const Identity& who) const;
  // `stopping` is asked between steps; true makes it give up with kUnavailable.
  [[nodiscard]] core::Result<Response> history(std::string_view machine, const Parameters& parameters,
                                               std::string_view accept, const Identity& who,
                                               const std::function<bool()>& stopping) const;
  [[nodiscard]] core::Result<Response> charts(const Parameters& parameters, const Identity& who,
                                              const std::function<bool()>& stopping) const;
  [[nodiscard]] core::Result<Response> limits(std::string_view machine, const Identity& who) const;
  [[nodiscard]] core::Result<Response> relearn(std::string_view machine, std::string_view body,
                                               const Identity& who) const;
  [[nodiscard]] core::Result<Response> alarms(const Parameters& parameters, const Identity& who) const;
  [[nodiscard]] core::Result<Response> acknowledge(std::string_view id, std::string_view body,
                                                   const Identity& who) const;
  [[nodiscard]] core::Result<Response> reset(std::string_view id, std::string_view body, const Identity& who) const;
  [[nodiscard]] core::Result<Response> shelve(std::string_view id, std::string_view body, const Identity& who) const;
  [[nodiscard]] Response alarm_controls(const Identity& who) const;
  [[nodiscard]] core::Result<Response> suppress(std::string_view body, const Identity& who) const;
  [[nodiscard]] core::Result<Response> release(std::string_view id, std::string_view body, const Identity& who) const;
  [[nodiscard]] core::Result<Response> alarm_performance(const Parameters& parameters) const;
  [[nodiscard]] Response models(const Identity& who) const;
  [[nodiscard]] core::Result<Response> add_model(std::string_view file) const;
  [[nodiscard]] core::Result<Response> deploy_model(std::string_view model, std::string_view body) const;
  [[nodiscard]] core::Result<Response> machine_model(std::string_view machine, const Identity& who) const;
  [[nodiscard]] core::Result<Response> set_machine_model(std::string_view machine, std::string_view body,
                                                         const Identity& who) const;
  [[nodiscard]] core::Result<Response> roll_back_model(std::string_view machine, std::string_view body,
                                                       const Identity& who) const;
  [[nodiscard]] core::Result<Subscription> subscription(const Parameters& parameters, std::string_view last_event_id,
                                                        const Identity& who) const;
  [[nodiscard]] Response open_api() const;
  [[nodiscard]] Response health() const;
  [[nodiscard]] Response ready() const;
  [[nodiscard]] Response metrics() const;

 private:
  // What `who` does not see does not exist.
  [[nodiscard]] core::Result<alarms::Alarm> find_alarm(std::string_view id, const Identity& who) const;
  // As the alarm system lists them, but what `who` sees.
  [[nodiscard]] std::vector<alarms::Alarm> list_alarms(alarms::Filter filter, const Identity& who) const;
  // The check that history's steps ask: whether the server stops, and whether it has taken too long.
  [[nodiscard]] historian::Check check(const std::function<bool()>& stopping) const;
  core::Result<std::optional<core::TimeNs>> write_page(const HistoryQuery& query, const historian::Check& check,
                                                       std::string& rows) const;
  [[nodiscard]] core::Result<const asset::Sensor*> find_sensor(const asset::Machine& machine,
                                                               std::string_view name) const;

  const Options options_;
  const Services services_;
  const AlarmBoard& board_;
  mutable BodyCache alarm_lists_;  // of who sees all
  const std::string hierarchy_;    // JSON; the model never changes
};

}  // namespace millwright::api

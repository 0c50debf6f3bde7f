// The parts of a plant that keep records: opened from the plant's file and database, and joined to each other.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "identity_provider.hpp"
#include "plant.hpp"

namespace millwright::app {
namespace {

// What predictions say of a machine's components, as rules of work orders judge it. One cause a component: what it is
// due to is in the evidence.
void observe(maintenance::Desk& desk, const asset::Machine& machine, const twin::MachineView& view) {
  for (const twin::ComponentView& component : view.components) {
    maintenance::Condition condition{
        .machine = machine.name,
        .machine_path = machine.path,
        .component = component.name,
        .cause = "degradation",
        .failure_probability = component.failure_probability,
        .health = component.health.value,
        .lookahead = static_cast<core::DurationNs>(twin::kLookaheadDays) * 24 * core::kHour,
        .time = view.time};
    if (std::isfinite(component.life.days)) {
      condition.remaining_life = static_cast<core::DurationNs>(std::min(component.life.days, 36'500.0) * 24 *
                                                               static_cast<double>(core::kHour));
    }
    condition.evidence = {{"method", twin::to_string(component.life.method)}, {"reasons", nlohmann::json::array()}};
    for (const twin::Reason& reason : component.health.reasons) condition.evidence["reasons"].push_back(reason.text);
    if (const auto raised = desk.observe(condition); !raised) {
      core::logger("maintenance")->error("{}: {}", machine.path, raised.error().message);
    }
  }
}

}  // namespace

core::Status Plant::open_records(std::function<void()> reload) {
  auto database = database::Database::open(config_.database);
  if (!database) return core::unexpected(database.error());
  database_ = std::move(*database);
  auto registry = registry::Registry::open(*database_);
  if (!registry) return core::unexpected(registry.error());
  registry_ = std::move(*registry);
  const auto assets = registry_->take_file(config_.file_assets, config_.file, clock_.now());
  if (!assets) return core::unexpected(assets.error());
  if (registry_->differs_from_file()) {
    core::logger("plant")->warn(
        "{}: its assets were changed after assets had been edited while the plant ran; the edits "
        "stand (`millwright assets take` puts the file's in their place)",
        config_.file);
  }
  assets_.emplace(
      api::AssetServices{.registry = *registry_,
                         .clock = clock_,
                         .check = [this](const std::string& text) { return check_assets(config_.file, text); },
                         .running = assets->version.number,
                         .reload = std::move(reload)});
  return {};
}

core::Status Plant::open_access() {
  auto authority =
      access::Authority::open(config_.access, *database_, config_.engine.data_directory, clock_, fetch_from_provider);
  if (!authority) return core::unexpected(authority.error().within("access"));
  access_ = std::move(*authority);
  return {};
}

// What did not come over REST, whose requests the API writes down itself.
void Plant::append_audit(access::AuditEntry entry) {
  entry.time = clock_.now();
  entry.from = "this machine";
  const auto sealed = access_->audit().append(entry);
  if (!sealed) core::logger("access")->error("the audit log: {}", sealed.error().message);
}

core::Status Plant::open_analytics() {
  auto analytics = analytics::Service::open(config_.analytics, {.model = *config_.model,
                                                                .historian = engine_->history(),
                                                                .database = *database_,
                                                                .clock = clock_,
                                                                .metrics = engine_->metrics()});
  if (!analytics) return core::unexpected(analytics.error());
  analytics_ = std::move(*analytics);
  return {};
}

core::Status Plant::open_twins() {
  const twin::Context context{.model = *config_.model,
                              .live = engine_->live(),
                              .history = engine_->history(),
                              .alarms = engine_->alarms(),
                              .models = engine_->models(),
                              .database = *database_,
                              .files = files_,
                              .clock = clock_,
                              .metrics = engine_->metrics()};
  auto twins = twin::Twins::open(config_.twin, context);
  if (!twins) return core::unexpected(twins.error());
  twins_ = std::move(*twins);
  mirror_ = std::make_unique<twin::Mirror>(config_.mirror, *twins_, context);
  twins_->add_listener([this](const twin::MachineView& view) { api_->on_twin(view); });
  engine_->alarms().add_listener([this](const alarms::Alarm& alarm) { twins_->on_alarm(alarm); });
  return {};
}

core::Status Plant::open_desk() {
  if (!config_.maintenance.enabled) return {};
  maintenance::Hooks hooks;
  // Every step of an order, also those that rules and ERPs make, which no request stands for.
  hooks.audit = [this](const maintenance::AuditNote& note) {
    append_audit({.who = note.who,
                  .by = "maintenance",
                  .what = note.action + " " + note.target,
                  .status = 200,
                  .detail = note.detail});
  };
  hooks.on_event = [this](const maintenance::MaintenanceEvent& event) {
    const bool failed = event.type == "breakdown";
    const bool renews = event.type == "corrective" || event.type == "predictive" || event.type == "replacement";
    if (!failed && !renews) return;
    const auto begun = twins_->on_maintenance(event.machine, event.component, event.occurred, failed);
    if (!begun) core::logger("maintenance")->error("{}: {}", event.machine, begun.error().message);
  };
  auto desk = maintenance::Desk::open(
      config_.maintenance,
      {.database = *database_, .clock = clock_, .metrics = engine_->metrics(), .hooks = std::move(hooks)});
  if (!desk) return core::unexpected(desk.error());
  desk_ = std::move(*desk);
  maintenance_.emplace(api::MaintenanceServices{.desk = *desk_, .model = *config_.model, .clock = clock_});
  twins_->add_listener(
      [this](const twin::MachineView& view) { observe(*desk_, config_.model->machine(view.machine), view); });
  return {};
}

// Each command goes to the connector that it names; what becomes of it is in the log.
void Plant::wire_commands() {
  std::map<std::string, asset::SendCommand, std::less<>> senders;
  for (const auto& connector : connectors_) {
    senders[connector->status().name] = [to = connector.get()](const auto& command, auto values, auto timeout) {
      return to->execute(command, values, timeout);
    };
  }
  const auto audit = [this, log = core::logger("audit")](const asset::CommandAudit& entry) {
    log->info("command {} of {} ({}) by {} over {}: {}{}", entry.command, entry.machine, entry.values, entry.by,
              entry.route, entry.good ? "done" : "refused: ", entry.good && entry.result.empty() ? "" : entry.result);
    if (entry.route == "rest") return;  // whose requests are in the audit log already
    append_audit({.who = entry.by,
                  .by = entry.route,
                  .what = fmt::format("command {} of {}", entry.command, entry.machine),
                  .status = entry.good ? 200 : 409,
                  .detail = fmt::format("{}: {}", entry.values, entry.result)});
  };
  commands_ = std::make_unique<asset::CommandDesk>(std::move(senders), audit);
}

}  // namespace millwright::app

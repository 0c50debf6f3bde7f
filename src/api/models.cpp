// The models' routes: which there are, which machine is judged by which, and the orders to change that.
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "api/body.hpp"
#include "api/handlers.hpp"
#include "api/lookup.hpp"
#include "api/views.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::unexpected;
using models::Mode;

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json model_json(const models::ModelInfo& info) {
  const models::Bundle& bundle = info.bundle;
  const models::Training& training = bundle.training;
  return {{"id", info.id},
          {"kind", bundle.kind},
          {"machine_type", bundle.machine_type},
          {"sensors", bundle.sensors},
          {"period", core::format_duration(bundle.grid.period)},
          {"states", bundle.states},
          {"training",
           {{"sources", training.sources},
            {"rows", training.rows},
            {"from", core::format_time(training.from)},
            {"to", core::format_time(training.to)},
            {"false_alarms", number_or_null(training.false_alarms)}}},
          {"sha256", info.sha256},
          {"key", info.key},
          {"problem", info.problem},
          {"active_on", info.active_on},
          {"shadow_on", info.shadow_on}};
}

Json activity_json(const std::optional<models::Activity>& activity) {
  if (!activity) return {};
  return {{"model", activity->model},
          {"problem", activity->problem},
          {"rows", activity->rows},
          {"alarm_rows", activity->alarm_rows},
          {"late_readings", activity->late},
          {"in_alarm", activity->in_alarm},
          {"score", number_or_null(activity->score)},
          {"last_row", time_or_null(activity->last_row)}};
}

Json machine_model_json(const models::MachineModel& one) {
  const models::Disagreement& d = one.disagreement;
  const double share = d.rows == 0 ? 0 : static_cast<double>(d.different) / static_cast<double>(d.rows);
  return {{"machine", one.machine},
          {"active", activity_json(one.active)},
          {"previous", one.previous.empty() ? Json() : Json(one.previous)},
          {"shadow", activity_json(one.shadow)},
          {"disagreement",
           {{"rows", d.rows}, {"different", d.different}, {"share", share}, {"last", time_or_null(d.last)}}}};
}

core::Result<Response> machine_response(const core::Result<models::MachineModel>& machine) {
  if (!machine) return unexpected(machine.error());
  return json_response(to_text(machine_model_json(*machine)));
}

core::Result<Mode> mode_of(const Body& body, std::span<const std::string_view> modes) {
  const auto text = body.text("mode", kNameBytesMax);
  if (!text) return unexpected(text.error());
  if (text->empty()) return Mode::kActive;
  const auto at = std::find(modes.begin(), modes.end(), *text);
  if (at != modes.end()) return static_cast<Mode>(at - modes.begin());
  return unexpected(core::ErrorCode::kInvalid, fmt::format("body: mode: '{}' is none of {}{}", *text,
                                                           fmt::join(modes, ", "), core::did_you_mean(*text, modes)));
}

// By the enumeration's order; a whole machine type is not left without a model by one order.
constexpr std::array<std::string_view, 3> kModes = {"active", "shadow", "none"};

}  // namespace

// Who does not see the whole plant sees the models that judge machines they see, and only these machines.
Response Handlers::models(const Identity& who) const {
  const auto unseen = [&](const std::string& machine) { return !find_machine(services_.model, machine, who); };
  Json items = Json::array();
  for (models::ModelInfo info : services_.models.list()) {
    if (!who.sees_all()) {
      std::erase_if(info.active_on, unseen);
      std::erase_if(info.shadow_on, unseen);
      if (info.active_on.empty() && info.shadow_on.empty()) continue;
      info.bundle.training.sources.clear();
    }
    items.push_back(model_json(info));
  }
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<Response> Handlers::add_model(std::string_view file) const {
  const auto info = services_.models.add(file);
  if (!info) return unexpected(info.error());
  return json_response(to_text(model_json(*info)));
}

core::Result<Response> Handlers::deploy_model(std::string_view model, std::string_view text) const {
  static constexpr std::array<std::string_view, 1> kMembers = {"mode"};
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  const auto mode = mode_of(*body, std::span(kModes).first(2));
  if (!mode) return unexpected(mode.error());
  const auto machines = services_.models.deploy("", model, *mode);
  if (!machines) return unexpected(machines.error());
  Json items = Json::array();
  for (const models::MachineModel& one : *machines) items.push_back(machine_model_json(one));
  return json_response(to_text({{"items", std::move(items)}}));
}

core::Result<Response> Handlers::machine_model(std::string_view name, const Identity& who) const {
  const auto machine = find_machine(services_.model, name, who);
  if (!machine) return unexpected(machine.error());
  return machine_response(services_.models.find((*machine)->name));
}

core::Result<Response> Handlers::set_machine_model(std::string_view name, std::string_view text,
                                                   const Identity& who) const {
  static constexpr std::array<std::string_view, 2> kMembers = {"model", "mode"};
  const auto machine = find_machine(services_.model, name, who);
  if (!machine) return unexpected(machine.error());
  const auto body = Body::parse(text, kMembers);
  if (!body) return unexpected(body.error());
  const auto mode = mode_of(*body, kModes);
  if (!mode) return unexpected(mode.error());
  const auto model = *mode == Mode::kNone ? body->text("model", kNameBytesMax)
                                          : body->required("model", kNameBytesMax, "which, like pump-pca@1.0.0");
  if (!model) return unexpected(model.error());
  const auto machines = services_.models.deploy((*machine)->name, *model, *mode);
  if (!machines) return unexpected(machines.error());
  return machine_response(machines->front());
}

core::Result<Response> Handlers::roll_back_model(std::string_view name, std::string_view text,
                                                 const Identity& who) const {
  const auto machine = find_machine(services_.model, name, who);
  if (!machine) return unexpected(machine.error());
  const auto body = Body::parse(text, {});
  if (!body) return unexpected(body.error());
  return machine_response(services_.models.rollback((*machine)->name));
}

}  // namespace millwright::api

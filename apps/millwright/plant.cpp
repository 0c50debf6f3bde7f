#include "plant.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "core/log.hpp"

namespace millwright::app {

core::Result<std::unique_ptr<Plant>> Plant::open(PlantConfig config, std::function<void()> reload) {
  std::unique_ptr<Plant> plant(new Plant(std::move(config)));
  auto engine = engine::Engine::open(*plant->config_.model, plant->clock_, plant->files_, plant->config_.engine);
  if (!engine) return core::unexpected(engine.error());
  plant->engine_ = std::move(*engine);
  if (auto opened = plant->open_records(std::move(reload)); !opened) return core::unexpected(opened.error());
  if (auto opened = plant->open_access(); !opened) return core::unexpected(opened.error());
  if (auto opened = plant->open_twins(); !opened) return core::unexpected(opened.error());
  if (auto opened = plant->open_analytics(); !opened) return core::unexpected(opened.error());
  if (auto opened = plant->open_desk(); !opened) return core::unexpected(opened.error());
  plant->wire();
  if (auto opened = plant->open_outputs(); !opened) return core::unexpected(opened.error());
  return plant;
}

Plant::Plant(PlantConfig config)
    : config_(std::move(config)), certificates_(make_certificate_store(config_, files_, clock_)) {}
Plant::~Plant() {
  stop();
}

void Plant::wire() {
  const connectors::ConnectorContext context{
      .model = *config_.model,
      .pipeline = engine_->pipeline(),
      .sources = engine_->sources(),
      .live = engine_->live(),
      .clock = clock_,
      .network = network_,
      .metrics = engine_->metrics(),
      .texts = engine_->history().texts(),
      .durable = [this](core::SourceId source) { return engine_->history().durable(source); }};
  for (const auto& options : config_.connectors) {
    connectors_.push_back(connectors::make_connector(options, context, &certificates_));
  }

  wire_commands();

  const opcua::ServerSecurity security{certificates_, files_, clock_};
  const opcua::ServerHistory history{engine_->history(), clock_};
  opcua_ = std::make_unique<opcua::Server>(
      config_.opcua_server, *config_.model, engine_->live(), engine_->history().texts(), engine_->metrics(),
      opcua::ServerParts{
          .security = &security, .history = &history, .alarms = &engine_->alarms(), .commands = commands_.get()});
  api_ =
      std::make_unique<api::Server>(config_.api, api::Services{.model = *config_.model,
                                                               .live = engine_->live(),
                                                               .historian = engine_->history(),
                                                               .alarms = engine_->alarms(),
                                                               .models = engine_->models(),
                                                               .metrics = engine_->metrics(),
                                                               .clock = clock_,
                                                               .plant_status = [this] { return status(); },
                                                               .readiness = [this] { return readiness(); },
                                                               .charts = control_charts(),
                                                               .database = database_.get(),
                                                               .assets = &*assets_,
                                                               .commands = commands_.get(),
                                                               .twins = twins_.get(),
                                                               .analytics = analytics_.get(),
                                                               .maintenance = maintenance_ ? &*maintenance_ : nullptr,
                                                               .access = access_.get()});
  if (config_.opcua_server.enabled) {
    engine_->alarms().add_listener([this](const alarms::Alarm& alarm) { opcua_->on_alarm(alarm); });
  }
  engine_->alarms().add_listener([this](const alarms::Alarm& alarm) { api_->on_alarm(alarm); });
}

core::Status Plant::open_outputs() {
  auto outputs = forwarding::Outputs::open(config_.outputs, config_.engine.data_directory + "/outputs",
                                           forwarding::OutputContext{.node = config_.name,
                                                                     .model = *config_.model,
                                                                     .history = engine_->history(),
                                                                     .live = engine_->live(),
                                                                     .alarm_journal = engine_->alarm_journal(),
                                                                     .alarms = engine_->alarms(),
                                                                     .files = files_,
                                                                     .clock = clock_,
                                                                     .metrics = engine_->metrics()});
  if (!outputs) return core::unexpected(outputs.error());
  outputs_ = std::move(*outputs);
  engine_->on_alarms_durable([this] { outputs_->wake(); });
  return {};
}

namespace {

api::ControlChart to_api(const engine::ChartView& view) {
  api::ControlChart chart{.sensor = view.sensor,
                          .chart = std::string(detection::to_string(view.kind)),
                          .state = view.state,
                          .subgroup_size = view.subgroup_size,
                          .progress = view.progress,
                          .trained = view.limits.has_value()};
  if (view.specification) chart.specification = {view.specification->low, view.specification->high};
  if (!view.limits) return chart;
  chart.centre = view.limits->centre;
  chart.low = view.limits->low;
  chart.high = view.limits->high;
  chart.spread_centre = view.limits->spread_centre;
  chart.spread_high = view.limits->spread_high;
  if (!view.specification) return chart;
  const detection::Capability capability =
      detection::capability(*view.specification, view.limits->centre, view.limits->within, view.limits->overall);
  chart.cp = capability.cp;
  chart.cpk = capability.cpk;
  chart.pp = capability.pp;
  chart.ppk = capability.ppk;
  return chart;
}

}  // namespace

api::ControlCharts Plant::control_charts() {
  return {.of =
              [this](core::MachineId machine) {
                std::vector<api::ControlChart> charts;
                for (const engine::ChartView& view : engine_->charts(machine)) charts.push_back(to_api(view));
                return charts;
              },
          .relearn = [this](core::MachineId machine, core::SensorId sensor, const std::string& chart) -> std::size_t {
            engine::RelearnRequest request{.machine = machine, .sensor = sensor};
            if (!chart.empty()) {
              request.kind = detection::chart_kind(chart);
              if (!request.kind) return 0;
            }
            return engine_->relearn(request);
          }};
}

core::Status Plant::start() {
  started_ = clock_.now();
  if (config_.opcua_server.enabled) {
    if (auto up = opcua_->start(); !up) return core::unexpected(up.error().within("opcua_server"));
  }
  if (auto up = access_->start(); !up) return core::unexpected(up.error().within("access"));
  if (auto up = api_->start(); !up) return core::unexpected(up.error().within("api"));
  engine_->start();
  analytics_->start();
  outputs_->start();
  twins_->start();
  mirror_->start();
  if (desk_) desk_->start();
  for (auto& connector : connectors_) {
    if (auto up = connector->start(); !up)
      return core::unexpected(up.error().within("connector " + connector->status().name));
  }
  listening_ = true;
  return {};
}

void Plant::stop() {
  if (mirror_) mirror_->stop();
  if (twins_) twins_->stop();
  if (engine_) engine_->begin_stop();
  for (auto& connector : connectors_) connector->stop();
  if (engine_) engine_->stop();
  if (outputs_) outputs_->stop();
  if (desk_) desk_->stop();
  if (opcua_) opcua_->stop();
  if (api_) api_->stop();
  if (analytics_) analytics_->stop();
  if (access_) access_->stop();
}

std::string Plant::opcua_endpoint() const {
  return config_.opcua_server.enabled ? opcua_->endpoint() : std::string();
}

std::string Plant::dashboard_url() const {
  return fmt::format("{}://{}:{}/", config_.api.tls.given() ? "https" : "http", config_.api.host, api_->port());
}

// Over the last second or so; asked often, computed once a second.
double Plant::readings_per_s() {
  core::MutexLock lock(rate_mutex_);
  const core::TimeNs now = clock_.monotonic();
  if (now - rate_at_ < core::kSecond) return rate_;
  const std::uint64_t readings = engine_->pipeline().readings();
  if (rate_at_ != 0) {
    rate_ = static_cast<double>(readings - rate_readings_) * 1e9 / static_cast<double>(now - rate_at_);
  }
  rate_at_ = now;
  rate_readings_ = readings;
  return rate_;
}

api::PlantStatus Plant::status() {
  api::PlantStatus status;
  status.name = config_.name;
  status.enterprise = config_.model->machines().empty() ? "" : config_.model->machines().front().hierarchy[0];
  status.version = kVersion;
  status.started = started_;
  status.shards = engine_->pipeline().shards();
  status.opcua_endpoint = opcua_endpoint();
  for (const auto& connector : connectors_) {
    const connectors::ConnectorStatus now = connector->status();
    status.connectors.push_back({.name = now.name,
                                 .kind = now.kind,
                                 .state = std::string(connectors::to_string(now.state)),
                                 .detail = now.detail,
                                 .since = now.since,
                                 .readings = now.readings,
                                 .refused = now.refused,
                                 .reconnects = now.reconnects});
  }
  for (const forwarding::LaneStatus& output : outputs_->status()) {
    status.outputs.push_back({.name = output.name,
                              .kind = output.kind,
                              .state = std::string(forwarding::to_string(output.state)),
                              .detail = output.detail,
                              .since = output.since,
                              .backlog = output.backlog.count,
                              .backlog_bytes = output.backlog.bytes,
                              .backlog_age_s = static_cast<double>(output.backlog.age) * 1e-9,
                              .backlog_bytes_per_s = output.backlog.bytes_per_s,
                              .delivered = output.delivered,
                              .dead = output.dead,
                              .lost = output.lost,
                              .last_error = output.last_error,
                              .last_error_time = output.last_error_time});
  }
  status.readings = engine_->pipeline().readings();
  status.readings_per_s = readings_per_s();
  if (const alarms::Latency latency = engine_->alarms().latency(); latency.count != 0) {
    status.alarm_latency_p50_ms = latency.p50_ms;
    status.alarm_latency_p99_ms = latency.p99_ms;
  }
  return status;
}

// What connectors reach is not among the checks: a machine that is off does not make the node unready.
std::vector<api::Check> Plant::readiness() {
  const core::Status health = engine_->health();
  return {{"history", health.has_value(), health ? "writing" : health.error().message},
          {"start", listening_, listening_ ? "done" : "connectors are being started"}};
}

}  // namespace millwright::app

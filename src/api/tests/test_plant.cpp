#include "api/tests/test_plant.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millwright::api::testing {

void MemoryHistorian::add(core::SensorId sensor, core::TimeNs time, std::uint64_t bits, core::Quality quality) {
  readings_[sensor.value].push_back({time, bits, quality});
}

void MemoryHistorian::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void MemoryHistorian::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

void MemoryHistorian::wait_while_held() const {
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.wait(lock, [&] { return !held_; });
  --waiting_;
}

std::unique_ptr<pipeline::Stage> MemoryHistorian::recorder(std::size_t) {
  return nullptr;
}
void MemoryHistorian::join(journal::GroupCommit&) {}
pipeline::LanePosition MemoryHistorian::recovered(core::SourceId, std::size_t) const {
  return {};
}
pipeline::LanePosition MemoryHistorian::durable(core::SourceId) const {
  return {};
}

core::Result<std::vector<historian::Reading>> MemoryHistorian::raw(core::SensorId sensor, historian::Range range,
                                                                   std::size_t limit,
                                                                   std::optional<core::TimeNs>* next) const {
  wait_while_held();
  if (failure_) return core::unexpected(*failure_);
  std::vector<historian::Reading> rows;
  *next = std::nullopt;
  const auto at = readings_.find(sensor.value);
  if (at == readings_.end()) return rows;
  for (const historian::Reading& reading : at->second) {
    if (reading.time < range.from || reading.time >= range.to) continue;
    if (rows.size() >= limit && reading.time != rows.back().time) {
      *next = reading.time;
      break;
    }
    rows.push_back(reading);
  }
  return rows;
}

core::Result<std::vector<historian::Aggregate>> MemoryHistorian::aggregates(core::SensorId sensor,
                                                                            historian::Range range,
                                                                            const historian::Intervals& intervals,
                                                                            std::size_t limit,
                                                                            std::optional<core::TimeNs>* next) const {
  std::optional<core::TimeNs> none;
  const auto readings = raw(sensor, range, 10'000'000, &none);
  if (!readings) return core::unexpected(readings.error());
  std::vector<historian::Aggregate> rows;
  if (next != nullptr) next->reset();
  for (const historian::Reading& reading : *readings) {
    const core::TimeNs start = intervals.start_of(reading.time);
    if (rows.empty() || rows.back().start != start) {
      if (rows.size() == limit) {
        if (next != nullptr) *next = start;
        break;
      }
      rows.push_back({.start = start, .count = 0, .bad_count = 0, .min = 0, .max = 0, .sum = 0, .first = 0, .last = 0});
    }
    historian::Aggregate& row = rows.back();
    if (reading.quality.is_bad()) {
      ++row.bad_count;
      continue;
    }
    double value = 0;
    std::memcpy(&value, &reading.bits, sizeof(value));
    row.min = row.count == 0 ? value : std::min(row.min, value);
    row.max = row.count == 0 ? value : std::max(row.max, value);
    if (row.count == 0) row.first = value;
    row.last = value;
    row.sum += value;
    ++row.count;
  }
  return rows;
}

core::Result<std::optional<historian::Reading>> MemoryHistorian::before(core::SensorId sensor,
                                                                        core::TimeNs time) const {
  std::optional<historian::Reading> last;
  const auto at = readings_.find(sensor.value);
  if (at == readings_.end()) return last;
  for (const historian::Reading& reading : at->second) {
    if (reading.time < time && !reading.quality.is_bad()) last = reading;
  }
  return last;
}

historian::Historian::Stats MemoryHistorian::stats() const {
  return {.readings = 1000, .bytes = 2500, .disk_bytes = 1'000'000, .disk_full = false};
}

alarms::Alarm MemoryAlarms::put(alarms::Alarm alarm, bool tell) {
  Listener listener;
  {
    const std::lock_guard lock(mutex_);
    alarm.version = ++version_;
    alarms_[alarm.id] = alarm;
    listener = listener_;
  }
  if (tell && listener) listener(alarm);
  return alarm;
}

std::optional<alarms::Alarm> MemoryAlarms::signal(const alarms::Signal&) {
  return std::nullopt;
}

core::Result<alarms::Alarm> MemoryAlarms::acknowledge(std::uint64_t id, const std::string& by,
                                                      const std::string& comment) {
  alarms::Alarm alarm;
  {
    const std::lock_guard lock(mutex_);
    const auto at = alarms_.find(id);
    if (at == alarms_.end()) return core::unexpected(core::ErrorCode::kNotFound, "alarm " + std::to_string(id));
    if (at->second.acknowledged != 0) return core::unexpected(core::ErrorCode::kConflict, "acknowledged already");
    alarm = at->second;
  }
  alarm.state = alarms::State::kAcknowledged;
  alarm.acknowledged = kNow;
  alarm.acknowledged_by = by;
  alarm.comment = comment;
  return put(alarm);
}

core::Result<alarms::Alarm> MemoryAlarms::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto at = alarms_.find(id);
  if (at == alarms_.end()) return core::unexpected(core::ErrorCode::kNotFound, "alarm " + std::to_string(id));
  return at->second;
}

core::Result<alarms::Alarm> MemoryAlarms::reset(std::uint64_t id, const std::string& by, const std::string&) {
  auto alarm = find(id);
  if (!alarm) return alarm;
  if (alarm->state != alarms::State::kLatchedAcknowledged) {
    return core::unexpected(core::ErrorCode::kConflict, "not latched");
  }
  alarm->state = alarms::State::kNormal;
  alarm->acknowledged_by = by;
  return put(*alarm);
}

core::Result<alarms::Control> MemoryAlarms::suppress(alarms::Control control) {
  const std::lock_guard lock(mutex_);
  control.id = 7;
  control.since = kNow;
  controls_.put(control);
  return control;
}

core::Result<alarms::Control> MemoryAlarms::release(std::uint64_t id, const std::string& by, const std::string&) {
  const std::lock_guard lock(mutex_);
  const alarms::Control* known = controls_.find(id);
  if (known == nullptr) return core::unexpected(core::ErrorCode::kNotFound, "control " + std::to_string(id));
  alarms::Control control = *known;
  control.released = true;
  control.by = by;
  controls_.put(control);
  return control;
}

std::vector<alarms::Control> MemoryAlarms::controls() const {
  const std::lock_guard lock(mutex_);
  return controls_.all();
}

alarms::Performance MemoryAlarms::performance(core::DurationNs period) const {
  alarms::Performance all;
  all.period = period;
  all.raises = 3;
  all.bad_actors = {{"a#xbar", 2}, {"b#xbar", 1}};
  all.stale = {"a#xbar"};
  return all;
}

std::vector<alarms::Alarm> MemoryAlarms::list(const alarms::Filter& filter) const {
  const std::lock_guard lock(mutex_);
  std::vector<alarms::Alarm> found;
  for (auto at = alarms_.rbegin(); at != alarms_.rend() && found.size() < filter.limit; ++at) {
    const alarms::Alarm& alarm = at->second;
    if (filter.before_id != 0 && alarm.id >= filter.before_id) continue;
    if (filter.active && alarms::active(alarm.state) != *filter.active) continue;
    if (filter.suppressed && (alarm.suppression != alarms::Suppression::kNone) != *filter.suppressed) continue;
    if (!filter.machine.empty() && alarm.machine != filter.machine) continue;
    found.push_back(alarm);
  }
  return found;
}

std::uint64_t MemoryAlarms::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::size_t MemoryAlarms::active_count() const {
  return list(alarms::annunciated_alarms()).size();
}

namespace {

class ModelBuilder {
 public:
  asset::Machine& machine(const std::string& name, std::array<std::string, 5> hierarchy) {
    asset::Machine machine;
    machine.id = core::MachineId(machines_.size());
    machine.name = name;
    for (const std::string& level : hierarchy) machine.path += level + "/";
    machine.path += name;
    machine.hierarchy = std::move(hierarchy);
    machine.type = "centrifugal-pump";
    machines_.push_back(std::move(machine));
    return machines_.back();
  }
  asset::Sensor& sensor(const std::string& component, const std::string& name, core::ValueType type) {
    asset::Machine& machine = machines_.back();
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors_.size());
    sensor.machine = machine.id;
    sensor.name = name;
    sensor.path = machine.path + "/" + (component.empty() ? "" : component + "/") + name;
    sensor.component = component;
    sensor.type = type;
    machine.sensors.push_back(sensor.id);
    if (!component.empty()) {
      auto at = std::find_if(machine.components.begin(), machine.components.end(),
                             [&](const auto& c) { return c.name == component; });
      if (at == machine.components.end())
        at = machine.components.insert(at, asset::Component{component, "", "", {}, {}});
      at->sensors.push_back(sensor.id);
    }
    sensors_.push_back(std::move(sensor));
    return sensors_.back();
  }
  asset::Model build() { return {std::move(machines_), std::move(sensors_)}; }

 private:
  std::vector<asset::Machine> machines_;
  std::vector<asset::Sensor> sensors_;
};

void add_acme(ModelBuilder& b) {
  asset::Machine& pump = b.machine("pump-1", {"acme", "lyon", "utilities", "cooling", "pumps"});
  pump.description = "cooling water";
  pump.manufacturer = "Sulzer \"AG\"";
  pump.model = "A\n1";
  pump.serial_number = "17";
  pump.commands = {{.name = "set-speed",
                    .description = "Sets the speed",
                    .arguments = {{.name = "speed",
                                   .description = "of the shaft",
                                   .unit = asset::find_unit("rpm"),
                                   .range = asset::Range{0, 1800}}},
                    .target = {"plc", "s=Speed"},
                    .object = {},
                    .value = {}}};
  b.sensor("", "state", core::ValueType::kState).states = {{0, "Down"}, {1, "Idle"}, {2, "Running"}, {3, "CIP, hot"}};
  b.sensor("", "parts", core::ValueType::kInt64);
  b.sensor("", "door", core::ValueType::kBool);
  auto& temperature = b.sensor("motor", "temperature", core::ValueType::kFloat64);
  temperature.unit = asset::find_unit("°C");
  temperature.range = asset::Range{-20, 120};
  b.sensor("pump", "temperature", core::ValueType::kFloat64);
  b.sensor("pump", "vibration-de", core::ValueType::kFloat32).rate_hz = 1000;
  b.machine("pump-2", {"acme", "lyon", "utilities", "cooling", "pumps"});
  b.sensor("", "flow", core::ValueType::kFloat64);
  b.machine("fan-1", {"acme", "ulm", "assembly", "line-1", ""});
  b.sensor("", "batch", core::ValueType::kText);
}

}  // namespace

asset::Model make_model() {
  ModelBuilder b;
  add_acme(b);
  return b.build();
}

asset::Model make_model_of_two_tenants() {
  ModelBuilder b;
  add_acme(b);
  b.machine("press-1", {"globex", "brno", "hall-1", "line-1", ""}).type = "hydraulic-press";
  b.sensor("", "force", core::ValueType::kFloat64);
  return b.build();
}

asset::Model make_large_model(std::size_t machines) {
  ModelBuilder b;
  for (std::size_t i = 0; i < machines; ++i) {
    b.machine("machine-" + std::to_string(i), {"acme", "lyon", "hall-" + std::to_string(i % 10), "line", "cell"});
    b.sensor("", "flow", core::ValueType::kFloat64);
  }
  return b.build();
}

namespace {

constexpr const char* kAssets = R"({"enterprise":"acme","sites":[{"name":"lyon","areas":[{"name":"utilities","lines":[)"
                                R"({"name":"cooling","cells":[{"name":"pumps","machines":[)"
                                R"({"name":"pump-1","type":"pump"},{"name":"pump-2","type":"pump"}]}]}]}]}]})";

registry::Registry filled(database::Database& database) {
  auto registry = registry::Registry::open(database);
  EXPECT_TRUE(registry) << registry.error().message;
  EXPECT_TRUE(registry->take_file(kAssets, "plant.yaml", kNow));
  return *registry;
}

}  // namespace

TestRegistry::TestRegistry(const io::Clock& clock)
    : database_(std::move(
          *database::Database::open({.file = folder_.path() + "/plant.db", .postgresql = {}, .password = {}}))),
      registry_(filled(*database_)),
      services_{.registry = registry_,
                .clock = clock,
                .check = [](const std::string& assets) -> core::Status {
                  if (assets.find("wrong") == std::string::npos) return {};
                  return core::unexpected(core::ErrorCode::kInvalid, "assets: wrong");
                },
                .running = 1,
                .reload = [this] { ++reloads; }} {}

namespace {

std::unique_ptr<maintenance::Desk> open_desk(database::Database& database, const io::Clock& clock,
                                             core::Metrics& metrics) {
  auto desk = maintenance::Desk::open({}, {.database = database, .clock = clock, .metrics = metrics});
  EXPECT_TRUE(desk) << desk.error().message;
  return std::move(*desk);
}

}  // namespace

Plant::Plant(Options options, asset::Model given, access::Authority* access)
    : model(std::move(given)),
      live(model.sensors().size()),
      desk(open_desk(registry.database(), clock, metrics)),
      server(
          [&] {
            options.port = 0;
            return options;
          }(),
          Services{model,
                   live,
                   historian,
                   alarms,
                   models,
                   metrics,
                   clock,
                   [] {
                     PlantStatus status;
                     status.name = "Lyon";
                     status.enterprise = "acme";
                     status.version = "0.1.0";
                     status.started = kNow - core::kHour;
                     status.shards = 2;
                     status.opcua_endpoint = "opc.tcp://127.0.0.1:4840";
                     status.connectors = {{"plc", "opcua", "connected", "opc.tcp://10.0.0.5", kNow, 7, 1, 2}};
                     status.outputs = {{.name = "broker",
                                        .kind = "mqtt",
                                        .state = "backing-off",
                                        .detail = "mqtt://10.0.0.6:1883: refused",
                                        .since = kNow,
                                        .backlog = 3,
                                        .delivered = 40,
                                        .last_error = "refused",
                                        .last_error_time = kNow}};
                     status.readings = 123;
                     status.readings_per_s = 4.5;
                     status.alarm_latency_p50_ms = 2.5;
                     return status;
                   },
                   [this] { return checks; },
                   {.of = [this](core::MachineId) { return charts; },
                    .relearn = [this](core::MachineId, core::SensorId sensor, const std::string& chart) -> std::size_t {
                      if (chart == "none") return 0;
                      relearnt.push_back((sensor.valid() ? model.sensor(sensor).path : "*") + " " + chart);
                      return 2;
                    }},
                   &registry.database(),
                   &registry.services(),
                   &commands,
                   nullptr,
                   nullptr,
                   &maintenance,
                   access}) {
  alarms.add_listener([this](const alarms::Alarm& alarm) { server.on_alarm(alarm); });
  const auto started = server.start();
  EXPECT_TRUE(started) << started.error().message;
}

Plant::~Plant() {
  historian.release();
  server.stop();
}

Reply Plant::send(const std::string& method, const std::string& target, const std::string& body, Fields fields) {
  return ask(server.port(), method, target, fields, body);
}

Reply Plant::post(const std::string& target, const std::string& body, Fields fields) {
  fields.emplace_back("Content-Type", "application/json");
  return send("POST", target, body, std::move(fields));
}

core::SensorId Plant::sensor(std::string_view path) const {
  const asset::Sensor* found = model.find_sensor(kPump + "/" + std::string(path));
  EXPECT_NE(found, nullptr) << path;
  return found->id;
}

alarms::Alarm Plant::raise(std::uint64_t id, alarms::State state, const std::string& machine) {
  alarms::Alarm alarm;
  alarm.id = id;
  alarm.condition = kPump + "/motor/temperature#xbar";
  alarm.state = state;
  alarm.priority = id % 2 == 0 ? alarms::Priority::kHigh : alarms::Priority::kMedium;
  alarm.machine = machine;
  alarm.component = "motor";
  alarm.sensor = kPump + "/motor/temperature";
  alarm.message = "motor temperature out of control";
  alarm.value = 91.5;
  alarm.limit = 80;
  alarm.raised = kNow;
  alarm.published = kNow + core::kMillisecond;
  return alarms.put(alarm);
}

std::string problem_detail(const Reply& reply, int status) {
  EXPECT_EQ(reply.status, status) << reply.body;
  EXPECT_EQ(reply.field("content-type"), "application/problem+json");
  const auto json = reply.json();
  EXPECT_EQ(json.value("status", 0), status);
  EXPECT_NE(json.value("title", ""), "");
  EXPECT_THAT(json.value("type", ""), ::testing::StartsWith("urn:millwright:problem:"));
  EXPECT_TRUE(json.contains("instance"));
  return json.value("detail", "");
}

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  path_ = std::filesystem::temp_directory_path() /
          ("millwright-api-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryFolder::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name) << text;
}

}  // namespace millwright::api::testing

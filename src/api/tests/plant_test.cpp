// The small plant of the tests (test_plant.hpp), and the routes that show it: plant, machines, twin.
#include <algorithm>
#include <atomic>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

Plant::Plant(Options options, asset::Model given, access::Authority* access)
    : model(std::move(given)),
      live(model.sensors().size()),
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
                   &registry.services(),
                   &commands,
                   nullptr,
                   nullptr,
                   nullptr,
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

namespace {

TEST(PlantRoute, ShowsHierarchyConnectorsAndStatistics) {
  Plant plant;
  plant.raise(1);
  const Reply reply = plant.get("/v1/plant");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "application/json");
  const auto json = reply.json();
  EXPECT_EQ(json["name"], "Lyon");
  EXPECT_EQ(json["started"], "2026-11-21T07:00:00Z");
  EXPECT_EQ(json["machines"], 3);
  EXPECT_EQ(json["sensors"], 8);
  ASSERT_EQ(json["hierarchy"].size(), 2u);
  const auto& lyon = json["hierarchy"][0];
  EXPECT_EQ(lyon["kind"], "site");
  EXPECT_EQ(lyon["path"], "acme/lyon");
  const auto& cell = lyon["children"][0]["children"][0]["children"][0];
  EXPECT_EQ(cell["kind"], "cell");
  ASSERT_EQ(cell["children"].size(), 2u);
  EXPECT_EQ(cell["children"][1]["path"], "acme/lyon/utilities/cooling/pumps/pump-2");
  // A level that a machine leaves out is left out of the tree.
  EXPECT_EQ(json["hierarchy"][1]["children"][0]["children"][0]["children"][0]["kind"], "machine");
  EXPECT_EQ(json["connectors"][0]["since"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(json["connectors"][0]["reconnects"], 2);
  EXPECT_EQ(json["outputs"][0]["backlog"], 3);
  EXPECT_EQ(json["outputs"][0]["last_error_time"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(json["stats"]["active_alarms"], 1);
  EXPECT_EQ(json["stats"]["bytes_per_reading"], 2.5);
  EXPECT_EQ(json["stats"]["alarm_latency_ms"]["p50"], 2.5);
  EXPECT_TRUE(json["stats"]["alarm_latency_ms"]["p99"].is_null());
}

TEST(MachinesRoute, SumsUpEachMachine) {
  Plant plant;
  plant.write("state", std::int32_t{2});
  for (const char* path : {"parts", "motor/temperature", "pump/temperature"}) plant.write(path, 1.0);
  plant.write("door", std::uint8_t{1});
  plant.write("pump/vibration-de", 1.0F, core::kUncertainEuExceeded);
  plant.raise(1);
  plant.raise(2);
  plant.raise(3, alarms::State::kNormal);
  const auto json = plant.get("/v1/machines").json();
  ASSERT_EQ(json["items"].size(), 3u);
  EXPECT_TRUE(json["next_cursor"].is_null());
  const auto& pump = json["items"][0];
  EXPECT_EQ(pump["id"], "pump-1");
  EXPECT_EQ(pump["path"], kPump);
  EXPECT_EQ(pump["site"], "lyon");
  EXPECT_EQ(pump["cell"], "pumps");
  EXPECT_EQ(pump["state"], "running");
  EXPECT_EQ(pump["state_name"], "Running");
  EXPECT_EQ(pump["quality"], "uncertain");
  EXPECT_EQ(pump["active_alarms"], 2);
  EXPECT_EQ(pump["highest_priority"], "high");
  EXPECT_EQ(pump["sensors"], 6);
  const auto& other = json["items"][1];
  EXPECT_EQ(other["state"], "unknown");
  EXPECT_EQ(other["quality"], "bad");  // nothing received yet
  EXPECT_TRUE(other["highest_priority"].is_null());
}

TEST(MachinesRoute, AStateOfBadQualityOrAnotherNameIsUnknown) {
  Plant plant;
  plant.write("state", std::int32_t{3});
  auto pump = plant.get("/machines").json()["items"][0];
  EXPECT_EQ(pump["state"], "unknown");
  EXPECT_EQ(pump["state_name"], "CIP, hot");
  plant.write("state", std::int32_t{2}, core::kBadNoCommunication);
  pump = plant.get("/machines").json()["items"][0];
  EXPECT_EQ(pump["state"], "unknown");
  EXPECT_EQ(pump["quality"], "bad");
}

TEST(MachinesRoute, PagesByCursor) {
  Plant plant;
  const auto first = plant.get("/v1/machines?limit=2").json();
  ASSERT_EQ(first["items"].size(), 2u);
  const auto cursor = first["next_cursor"].get<std::string>();
  const auto second = plant.get("/v1/machines?limit=2&cursor=" + cursor).json();
  ASSERT_EQ(second["items"].size(), 1u);
  EXPECT_EQ(second["items"][0]["id"], "fan-1");
  EXPECT_TRUE(second["next_cursor"].is_null());
  for (const std::string& bad :
       {std::string("x"), cursor + "A", "B" + cursor.substr(1), std::string("@@"), cursor.substr(4)}) {
    EXPECT_THAT(problem_detail(plant.get("/v1/machines?cursor=" + bad), 400), HasSubstr("cursor: malformed")) << bad;
  }
  EXPECT_THAT(problem_detail(plant.get("/v1/alarms?cursor=" + cursor), 400), HasSubstr("another query"));
}

TEST(MachinesRoute, TenThousandMachinesComeInOnePage) {
  Plant plant({}, make_large_model(10'000));
  const auto json = plant.get("/v1/machines").json();
  EXPECT_EQ(json["items"].size(), 10'000u);
  EXPECT_TRUE(json["next_cursor"].is_null());
}

TEST(TwinRoute, ShowsEverySensorWithItsOwnType) {
  Plant plant;
  plant.write("state", std::int32_t{1});
  plant.write("parts", std::int64_t{9'007'199'254'740'993});
  plant.write("door", std::uint8_t{1});
  plant.write("motor/temperature", 0.1 + 0.2, core::kUncertainLastUsable);
  plant.write("pump/vibration-de", 0.1F);
  plant.write("pump/temperature", std::numeric_limits<double>::quiet_NaN(), core::kBadSensorFailure);
  pipeline::Rollup rollup;
  rollup.start = kNow - core::kSecond;
  rollup.count = 4;
  rollup.bad_count = 1;
  rollup.min = static_cast<double>(0.1F);
  rollup.max = 2;
  rollup.sum = 6;
  plant.live.write_rollup(plant.sensor("pump/vibration-de"), rollup);
  plant.raise(5);

  const Reply reply = plant.get("/v1/machines/pump-1/twin");
  ASSERT_EQ(reply.status, 200);
  const auto json = reply.json();
  EXPECT_EQ(json["nameplate"]["manufacturer"], "Sulzer \"AG\"");
  EXPECT_EQ(json["nameplate"]["model"], "A\n1");
  EXPECT_EQ(json["hierarchy"]["enterprise"], "acme");
  EXPECT_EQ(json["state"], "idle");
  ASSERT_EQ(json["sensors"].size(), 3u);
  EXPECT_EQ(json["sensors"][0]["value"], 1);
  EXPECT_EQ(json["sensors"][0]["state_name"], "Idle");
  EXPECT_EQ(json["sensors"][1]["value"].get<std::int64_t>(), 9'007'199'254'740'993);
  EXPECT_FALSE(json["sensors"][1].contains("state_name"));
  EXPECT_EQ(json["sensors"][2]["value"], true);
  ASSERT_EQ(json["components"].size(), 2u);
  const auto& motor = json["components"][0]["sensors"][0];
  EXPECT_EQ(motor["value"].get<double>(), 0.1 + 0.2);
  EXPECT_EQ(motor["unit"], "°C");
  EXPECT_EQ(motor["range"]["high"], 120.0);
  EXPECT_EQ(motor["quality"], "UncertainLastUsableValue");
  EXPECT_EQ(motor["quality_code"], 0x40900000u);
  EXPECT_EQ(motor["source_time"], "2026-11-21T08:00:00Z");
  EXPECT_EQ(motor["received"], "2026-11-21T08:00:00.001Z");
  EXPECT_TRUE(motor["last_second"].is_null());
  EXPECT_TRUE(json["components"][1]["sensors"][0]["value"].is_null());  // NaN
  EXPECT_EQ(json["components"][1]["sensors"][0]["quality"], "BadSensorFailure");
  EXPECT_THAT(reply.body, HasSubstr(R"("value":0.1,)"));  // a float32 as people know it
  const auto& second = json["components"][1]["sensors"][1]["last_second"];
  EXPECT_EQ(second["start"], "2026-11-21T07:59:59Z");
  EXPECT_EQ(second["bad_count"], 1);
  EXPECT_EQ(second["min"], 0.1);
  EXPECT_EQ(second["mean"], 1.5);
  ASSERT_EQ(json["active_alarms"].size(), 1u);
  EXPECT_EQ(json["active_alarms"][0]["id"], 5);
  // Nothing received: null, and no time.
  const auto other = plant.get("/machines/pump-2/twin").json();
  EXPECT_TRUE(other["sensors"][0]["value"].is_null());
  EXPECT_TRUE(other["sensors"][0]["source_time"].is_null());
  EXPECT_EQ(other["sensors"][0]["quality"], "BadWaitingForInitialData");
}

TEST(TwinRoute, AnUnknownMachineNamesTheNearest) {
  Plant plant;
  EXPECT_THAT(problem_detail(plant.get("/v1/machines/pump-11/twin"), 404), HasSubstr("did you mean 'pump-1'?"));
  EXPECT_THAT(problem_detail(plant.get("/v1/machines/%zz/twin"), 400), HasSubstr("hexadecimal"));
  // The full path, encoded, is a name as well.
  EXPECT_EQ(plant.get("/v1/machines/acme%2flyon%2futilities%2Fcooling%2Fpumps%2Fpump-2/twin").json()["id"], "pump-2");
}

}  // namespace
}  // namespace millwright::api::testing

// Twins on a simulated clock: real alarms, a real database, a live table that the test writes.
#include "twin/twins.hpp"

#include <filesystem>

#include <gmock/gmock.h>

#include "historian/follower.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"
#include "twin/mirror.hpp"

namespace millwright::twin {
namespace {

using core::kHour;
using core::kMinute;
using core::kSecond;
using ::testing::HasSubstr;

constexpr core::TimeNs kStart = 1'795'248'000 * kSecond;

// Keeps nothing; windows are what the test says.
class FewWindows final : public historian::Historian {
 public:
  std::map<std::uint32_t, std::vector<historian::Aggregate>> windows;

  std::unique_ptr<pipeline::Stage> recorder(std::size_t) override { return nullptr; }
  [[nodiscard]] core::Texts& texts() const override { return texts_; }
  void join(journal::GroupCommit&) override {}
  void stop_waiting() override {}
  [[nodiscard]] pipeline::LanePosition recovered(core::SourceId, std::size_t) const override { return {}; }
  [[nodiscard]] pipeline::LanePosition durable(core::SourceId) const override { return {}; }
  core::Result<std::vector<historian::Reading>> raw(core::SensorId, historian::Range, std::size_t,
                                                    std::optional<core::TimeNs>*) const override {
    return std::vector<historian::Reading>();
  }
  core::Result<std::vector<historian::Aggregate>> aggregates(core::SensorId sensor, historian::Range range,
                                                             const historian::Intervals&, std::size_t limit,
                                                             std::optional<core::TimeNs>* next) const override {
    std::vector<historian::Aggregate> out;
    const auto at = windows.find(sensor.value);
    if (at == windows.end()) return out;
    for (const historian::Aggregate& one : at->second) {
      if (one.start < range.from || one.start >= range.to) continue;
      if (out.size() == limit) {
        *next = one.start;
        break;
      }
      out.push_back(one);
    }
    return out;
  }
  core::Result<std::optional<historian::Reading>> before(core::SensorId, core::TimeNs) const override {
    return std::optional<historian::Reading>();
  }
  [[nodiscard]] std::unique_ptr<historian::Follower> follow() const override { return nullptr; }
  void start() override {}
  core::Status tidy() override { return {}; }
  [[nodiscard]] Stats stats() const override { return {}; }

 private:
  mutable core::TextTable texts_;
};

class NoModels final : public models::Service {
 public:
  std::optional<models::Activity> active;

  core::Result<models::ModelInfo> add(std::string_view) override { return none(); }
  [[nodiscard]] std::vector<models::ModelInfo> list() const override { return {}; }
  core::Result<std::vector<models::MachineModel>> deploy(std::string_view, std::string_view, models::Mode) override {
    return none();
  }
  core::Result<models::MachineModel> rollback(std::string_view) override { return none(); }
  [[nodiscard]] core::Result<models::MachineModel> find(std::string_view machine) const override {
    return models::MachineModel{.machine = std::string(machine), .active = active};
  }

 private:
  static core::Unexpected none() { return core::unexpected(core::ErrorCode::kUnsupported, "none"); }
};

asset::Model pump() {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "pump-1";
  machine.path = "acme/lyon/hall/line/cell/pump-1";
  machine.hierarchy = {"acme", "lyon", "hall", "line", "cell"};
  machine.components.resize(2);
  machine.components[0].name = "motor";
  machine.components[1].name = "pump";
  std::vector<asset::Sensor> sensors;
  const auto add = [&](std::string name, std::string component, core::ValueType type) -> asset::Sensor& {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.path = machine.path + "/" + (component.empty() ? name : component + "/" + name);
    sensor.name = std::move(name);
    sensor.component = std::move(component);
    sensor.type = type;
    machine.sensors.push_back(sensor.id);
    sensors.push_back(sensor);
    return sensors.back();
  };
  add("temperature", "motor", core::ValueType::kFloat64).range = asset::Range{0, 200};
  add("state", "", core::ValueType::kState).states = {{0, "idle"}, {1, "running"}};
  asset::Feature zone;
  zone.kind = asset::FeatureKind::kZone;
  add("vibration-zone", "pump", core::ValueType::kState).feature = zone;
  return {{machine}, sensors};
}

class TwinsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("millwright-twins-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    auto journal = journal::Journal::open(disk_, clock_, "/data/alarms", 1, {});
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    auto manager = alarms::AlarmManager::open(model_, *journal_, clock_, {}, metrics_);
    ASSERT_TRUE(manager) << manager.error().message;
    alarms_ = std::move(*manager);
    alarms_->add_listener([this](const alarms::Alarm& alarm) {
      if (twins_) twins_->on_alarm(alarm);
    });
    options_.envelopes = {{.match = "**/temperature", .normal = asset::Range{20, 80}, .states = {{"idle", {10, 40}}}}};
    write(1, std::int32_t{1});
    write(0, 50.0);
    open();
  }
  void TearDown() override {
    twins_.reset();
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    twins_.reset();
    database_.reset();
    auto database =
        database::Database::open({.file = (folder_ / "plant.db").string(), .postgresql = {}, .password = {}});
    ASSERT_TRUE(database) << database.error().message;
    database_ = std::move(*database);
    auto twins = Twins::open(options_, context());
    ASSERT_TRUE(twins) << twins.error().message;
    twins_ = std::move(*twins);
    twins_->add_listener([this](const MachineView& view) { told_.push_back(view.health); });
    told_.clear();
  }
  Context context() {
    return {.model = model_,
            .live = live_,
            .history = history_,
            .alarms = *alarms_,
            .models = models_,
            .database = *database_,
            .files = disk_,
            .clock = clock_,
            .metrics = metrics_};
  }

  template <typename T>
  void write(std::size_t sensor, T value, core::Quality quality = core::kGood) {
    pipeline::LiveValue live;
    live.type = model_.sensor(core::SensorId(sensor)).type;
    live.quality = quality;
    live.source_time = clock_.now();
    live.received = clock_.now();
    std::memcpy(&live.bits, &value, sizeof(T));
    live_.write(core::SensorId(sensor), live);
  }
  void turn(core::DurationNs later = kSecond) {
    clock_.advance(later);
    twins_->judge();
  }
  void alarm(bool in_alarm, alarms::Priority priority = alarms::Priority::kHigh, const std::string& kind = "xbar") {
    alarms::Signal signal;
    signal.condition = model_.sensor(core::SensorId(0)).path + "#" + kind;
    signal.in_alarm = in_alarm;
    signal.sensor = core::SensorId(0);
    signal.machine = core::MachineId(0);
    signal.component = "motor";
    signal.priority = priority;
    signal.source_time = clock_.now();
    alarms_->signal(signal);
  }
  std::shared_ptr<const MachineView> view() { return twins_->view(core::MachineId(0)); }
  const ComponentView& part(std::size_t i) {
    kept_ = view();
    return kept_->components.at(i);
  }
  core::Status patch(std::string_view text, std::optional<std::uint64_t> expected = {}) {
    const auto done = twins_->patch(core::MachineId(0), text, expected, "anna");
    return done ? core::Status() : core::Status(core::unexpected(done.error()));
  }
  std::vector<alarms::Alarm> active() {
    alarms::Filter filter;
    filter.active = true;
    return alarms_->list(filter);
  }

  const asset::Model model_ = pump();
  io::SimClock clock_{kStart};
  io::SimDisk disk_{1};
  core::Metrics metrics_;
  pipeline::LiveTable live_{model_.sensors().size()};
  FewWindows history_;
  NoModels models_;
  Options options_;
  std::filesystem::path folder_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<alarms::AlarmManager> alarms_;
  std::unique_ptr<database::Database> database_;
  std::unique_ptr<Twins> twins_;
  std::shared_ptr<const MachineView> kept_;
  std::vector<double> told_;
};

TEST_F(TwinsTest, AHealthyMachineSaysSo) {
  turn();
  EXPECT_EQ(view()->health, 100);
  ASSERT_EQ(view()->components.size(), 3u);  // itself, motor, pump
  EXPECT_EQ(part(1).name, "motor");
  EXPECT_TRUE(part(1).health.reasons.empty());
  EXPECT_TRUE(told_.empty());
}

TEST_F(TwinsTest, HealthFollowsItsReasons) {
  write(0, 110.0);  // half a range's width outside
  write(2, std::int32_t{3});
  models_.active = models::Activity{.model = "pca@1", .rows = 5, .score = 2.5};
  turn();
  EXPECT_DOUBLE_EQ(part(1).health.value, 70);
  EXPECT_THAT(part(1).health.reasons[0].text, HasSubstr("motor/temperature is 110, normally 20 to 80"));
  EXPECT_DOUBLE_EQ(part(2).health.value, 35);
  EXPECT_THAT(part(2).health.reasons[0].text, HasSubstr("zone D"));
  EXPECT_DOUBLE_EQ(part(0).health.value, 75);
  EXPECT_DOUBLE_EQ(view()->health, 0.8 * 35 + 0.2 * 60);
  ASSERT_EQ(told_.size(), 1u);
  turn();
  EXPECT_EQ(told_.size(), 1u);  // nothing new
  write(0, 50.0);
  write(1, std::int32_t{0});  // idle: 10 to 40
  turn();
  EXPECT_THAT(part(1).health.reasons[0].text, HasSubstr("normally 10 to 40"));
}

TEST_F(TwinsTest, AlarmsCountAndFade) {
  alarm(true);
  turn();
  EXPECT_DOUBLE_EQ(part(1).health.value, 70);
  alarm(false);
  turn(kHour);
  EXPECT_NEAR(part(1).health.value, 85, 0.1);
  turn(9 * kHour);
  EXPECT_EQ(part(1).health.value, 100);
  alarm(true, alarms::Priority::kCritical, "health-stuck");  // of the device: the machine is well
  turn();
  EXPECT_EQ(part(1).health.value, 100);
  write(0, 50.0, core::kBadWaitingForInitialData);
  turn();
  EXPECT_EQ(part(1).health.confidence, 0);
}

TEST_F(TwinsTest, DocumentsHaveVersionsAndOutliveARestart) {
  ASSERT_TRUE(patch(R"({"nameplate": {"model": "P5"}})"));
  ASSERT_TRUE(patch(R"({"desired": {"motor/temperature": {"value": 60}}})", 1));
  const core::Status old = patch(R"({"desired": null})", 1);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, core::ErrorCode::kConflict);
  EXPECT_THAT(old.error().message, HasSubstr("is at version 2, not 1"));
  ASSERT_TRUE(patch(R"({"nameplate": {"model": "P5"}})", 2));  // nothing new: no version
  open();
  const auto current = twins_->document(core::MachineId(0));
  EXPECT_EQ(current->version, 2u);
  EXPECT_EQ(current->document.text, R"({"nameplate":{"model":"P5"},"desired":{"motor/temperature":{"value":60}}})");
  const auto versions = twins_->versions(core::MachineId(0), 0, 10);
  ASSERT_TRUE(versions);
  ASSERT_EQ(versions->size(), 2u);
  EXPECT_EQ((*versions)[0].version, 2u);
  EXPECT_EQ((*versions)[1].patch, R"({"nameplate": {"model": "P5"}})");
  EXPECT_EQ((*versions)[1].author, "anna");
  EXPECT_EQ(twins_->versions(core::MachineId(0), 2, 10)->size(), 1u);
}

TEST_F(TwinsTest, WhatIsDesiredAndNotDoneIsAnAlarm) {
  ASSERT_TRUE(
      patch(R"({"desired": {"motor/temperature": {"value": 60, "tolerance": 2}, "state": {"value": "running"}}})"));
  turn();
  EXPECT_EQ(view()->desired.at("state").state, Deviation::State::kMet);
  const auto since = view()->desired.at("motor/temperature").since;
  EXPECT_EQ(view()->desired.at("motor/temperature").state, Deviation::State::kDiffers);
  EXPECT_TRUE(active().empty());
  turn(2 * kMinute);
  ASSERT_EQ(active().size(), 1u);
  EXPECT_THAT(active()[0].message, HasSubstr("motor/temperature is 50, but 60 ± 2 is desired, since"));
  EXPECT_EQ(alarms::category(active()[0].condition), alarms::Category::kDevice);
  EXPECT_EQ(view()->desired.at("motor/temperature").since, since);
  EXPECT_TRUE(view()->desired.at("motor/temperature").alarmed);

  open();  // the alarm was there before the restart, and goes when the value comes
  turn();
  EXPECT_EQ(active().size(), 1u);
  write(0, 61.0);
  turn();
  EXPECT_TRUE(active().empty());

  write(0, 50.0);
  turn();
  turn(2 * kMinute);
  EXPECT_EQ(active().size(), 1u);
  ASSERT_TRUE(patch(R"({"desired": null})"));
  turn();
  EXPECT_TRUE(active().empty());
  EXPECT_TRUE(view()->desired.empty());
}

TEST_F(TwinsTest, FallingHealthPredictsAFailure) {
  for (int i = 0; i < 120; ++i) {
    write(0, 80 + 0.4 * i);
    turn(kMinute);
  }
  EXPECT_EQ(part(1).life.method, Method::kTrend);
  const auto predictions = twins_->predictions(30);
  ASSERT_EQ(predictions.size(), 1u);
  EXPECT_EQ(predictions[0].component.name, "motor");
  EXPECT_GT(predictions[0].probability, 0.9);
  EXPECT_LT(twins_->predictions(0.01)[0].probability, predictions[0].probability);

  write(0, 50.0);
  ASSERT_TRUE(twins_->on_maintenance("pump-1", "motor", clock_.now(), true));
  turn();
  EXPECT_EQ(part(1).life.method, Method::kHealth);
  EXPECT_EQ(part(1).in_service, clock_.now() - kSecond);
  const core::Status none = twins_->on_maintenance("pump-1", "moter", clock_.now(), false);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("did you mean 'motor'?"));
}

TEST_F(TwinsTest, HealthIsKeptByTheHour) {
  write(0, 110.0);
  for (int i = 0; i < 5; ++i) turn(kHour);
  twins_->update_lives();
  Store store(*database_);
  const auto rows = store.health(0);
  ASSERT_TRUE(rows);
  std::size_t motor = 0;
  for (const Store::HealthRow& row : *rows) motor += row.component.second == "motor" && row.hour.health == 70 ? 1 : 0;
  EXPECT_EQ(motor, 1u);  // the others said the same
}

TEST_F(TwinsTest, AMissingLifeModelSaysSo) {
  options_.life_models = {{.file = "/nowhere/fleet.mwrul", .machine_type = "", .match = "**", .component = "pump"}};
  open();
  twins_->update_lives();
  turn();
  EXPECT_EQ(part(2).life.method, Method::kHealth);
  EXPECT_EQ(part(2).model, "fleet.mwrul");
  EXPECT_THAT(part(2).problem, HasSubstr("/nowhere/fleet.mwrul"));
}

TEST_F(TwinsTest, PredictionsAreHeldAgainstWhatHappened) {
  Store store(*database_);
  const ComponentKey motor{"pump-1", "motor"};
  const core::DurationNs day = 24 * kHour;
  ASSERT_TRUE(store.add_lives({{motor, kStart, {.method = Method::kModel, .days = 12, .low = 8, .high = 20}},
                               {motor, kStart + 2 * day, {.method = Method::kModel, .days = 4, .low = 2, .high = 6}}},
                              kStart));
  clock_.advance(10 * day);
  ASSERT_TRUE(twins_->on_maintenance("pump-1", "motor", kStart + 10 * day, true));
  const auto outcome = store.outcomes(motor);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ((*outcome)->predictions, 2u);
  EXPECT_DOUBLE_EQ((*outcome)->error_days, 3);  // 2 and 4 days off
  EXPECT_DOUBLE_EQ((*outcome)->covered, 0.5);
}

TEST_F(TwinsTest, MirrorsHaveEveryField) {
  ASSERT_TRUE(patch(R"({"desired": {"motor/temperature": {"value": 60}}})"));
  turn();
  const Fields fields = fields_of(context(), *twins_, model_.machines().front());
  EXPECT_EQ(fields.at("value:motor/temperature"), "50");
  EXPECT_EQ(fields.at("quality:motor/temperature"), "Good");
  EXPECT_EQ(fields.at("health"), "100.0");
  EXPECT_EQ(fields.at("component:motor:life_method"), "health");
  EXPECT_EQ(fields.at("desired:motor/temperature"), "differs");
  EXPECT_EQ(fields.at("version"), "1");
}

// ---- from history to a life ----

TEST(LifeModels, CyclesAreWindowsOfHistory) {
  const asset::Model assets = pump();
  // Ten units whose temperature rises to the same end.
  std::vector<prognostics::Run> runs;
  for (std::size_t unit = 0; unit < 10; ++unit) {
    const std::size_t life = 60 + 5 * unit;
    prognostics::Run run{.unit = std::to_string(unit), .cycles = {}, .settings = {}, .sensors = {}};
    for (std::size_t i = 0; i < life; ++i) {
      run.cycles.push_back(static_cast<double>(i + 1));
      run.settings.append(std::vector<double>{});
      const double left = static_cast<double>(life - i);
      run.sensors.append(std::vector{40 + 1000 / (left + 10) + 0.1 * static_cast<double>((i * 7 + unit) % 5)});
    }
    runs.push_back(run);
  }
  auto model = prognostics::RulModel::train(
      runs, {.unit = "u", .cycle = "c", .settings = {}, .sensors = {"temperature"}}, {.cap = 50, .rounds = 60});
  if (!model && model.error().code == core::ErrorCode::kUnsupported) GTEST_SKIP() << model.error().message;
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->training.shortest, 60);
  EXPECT_EQ(model->training.longest, 105);
  const auto text = model->text();
  auto read = prognostics::RulModel::read(*text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->share(), 0.9);
  ASSERT_EQ(read->inputs().size(), 1u);
  const auto shared = std::make_shared<const prognostics::RulModel>(std::move(*read));

  const LifeModelRule rule{.file = "",
                           .machine_type = "",
                           .match = "**",
                           .component = "motor",
                           .cycle = kHour,
                           .columns = {{"temperature", "motor/temperature"}}};
  EXPECT_TRUE(applies(rule, assets.machines().front()));
  auto follower = Follower::make(assets, assets.machines().front(), rule, shared);
  ASSERT_TRUE(follower) << follower.error().message;
  const auto wrong = Follower::make(assets, assets.machines().front(), {.columns = {{"temperature", "heat"}}}, shared);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("no sensor 'heat' for the model's column 'temperature'"));

  FewWindows history;
  EXPECT_FALSE(follower->update(history, 0, kStart)->has_value());
  for (std::size_t i = 0; i < 75; ++i) {
    historian::Aggregate window;
    window.start = kStart + static_cast<core::DurationNs>(2 * i) * kHour;  // every second hour it stands
    window.count = 2;
    window.sum = 2 * (40 + 1000 / (80.0 - static_cast<double>(i) + 10));
    history.windows[0].push_back(window);
  }
  const auto early = follower->update(history, 0, kStart + 21 * kHour);
  ASSERT_TRUE(early && *early) << early.error().message;
  EXPECT_EQ(follower->cycles(), 11u);
  const auto late = follower->update(history, 0, kStart + 149 * kHour);
  ASSERT_TRUE(late && *late);
  EXPECT_EQ(follower->cycles(), 75u);
  EXPECT_LT((*late)->days, (*early)->days);
  EXPECT_NEAR((*late)->days, 5 * 2 / 24.0, 0.5);  // cycles come every two hours
  EXPECT_LE((*late)->low, (*late)->days);
  EXPECT_FALSE(follower->drift().drifted());
  const auto standing = follower->update(history, 0, kStart + 2000 * kHour);
  ASSERT_TRUE(standing && *standing);
  EXPECT_EQ((*standing)->days, (*late)->days);  // it has stood since: nothing wore

  // A new component: only what came after it counts, and it is far from what was learnt.
  for (historian::Aggregate& window : history.windows[0]) window.sum = 2 * 500;
  ASSERT_TRUE(follower->update(history, kStart + 10 * kHour, kStart + 149 * kHour));
  EXPECT_EQ(follower->cycles(), 70u);
  EXPECT_TRUE(follower->drift().drifted());
  EXPECT_EQ(follower->drift().column, "temperature");
}

}  // namespace
}  // namespace millwright::twin

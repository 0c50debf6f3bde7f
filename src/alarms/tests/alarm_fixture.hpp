// What the alarms' tests share: a manager on a simulated disk and clock, and restarts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alarms/alarm_manager.hpp"
#include "io/sim_disk.hpp"
#include "journal/journal.hpp"

namespace millwright::alarms {

using core::kMillisecond;
using core::kSecond;

inline constexpr core::TimeNs kStart = 1'700'000'000 * kSecond;
inline const std::string kOverheat = "acme/lyon/hall/line/cell/pump-1/motor/temperature#high";

inline asset::Model model_with(const std::vector<std::string>& sensor_names) {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "pump-1";
  machine.path = "acme/lyon/hall/line/cell/pump-1";
  std::vector<asset::Sensor> sensors;
  for (const std::string& name : sensor_names) {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.name = name;
    sensor.component = "motor";
    sensor.path = machine.path + "/motor/" + name;
    machine.sensors.push_back(sensor.id);
    sensors.push_back(sensor);
  }
  return {{machine}, sensors};
}

// Of no machine and decided by no reading.
inline Signal platform_signal(const std::string& condition, bool in_alarm) {
  Signal signal;
  signal.condition = condition;
  signal.in_alarm = in_alarm;
  signal.message = condition;
  return signal;
}

class AlarmManagerTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    auto journal = journal::Journal::open(disk_, clock_, "/data/alarms", 1, options_);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
    auto manager = AlarmManager::open(model_, *journal_, clock_, handling_, metrics_);
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = std::move(*manager);
  }
  void commit() { ASSERT_TRUE(journal_->commit()); }
  void restart() {
    commit();
    disk_.cut_power();
    manager_.reset();
    journal_.reset();
    open();
  }

  Signal overheat(bool in_alarm = true) const {
    return Signal{.condition = kOverheat,
                  .in_alarm = in_alarm,
                  .sensor = core::SensorId(0),
                  .machine = core::MachineId(0),
                  .component = "motor",
                  .priority = Priority::kHigh,
                  .message = "motor temperature 92.5 °C, limit 80 °C",
                  .value = 92.5,
                  .limit = 80,
                  .source_time = clock_.now() - 3 * kMillisecond,
                  .received = clock_.now() - 2 * kMillisecond};
  }
  Alarm raise() { return *manager_->signal(overheat(true)); }
  std::optional<Alarm> clear() { return manager_->signal(overheat(false)); }
  Alarm now() const { return manager_->list({}).front(); }
  static Filter active_only(bool active) {
    Filter filter;
    filter.active = active;
    return filter;
  }

  io::SimDisk disk_{1};
  io::SimClock clock_{kStart};
  core::Metrics metrics_;
  journal::Options options_;
  AlarmOptions handling_;
  asset::Model model_ = model_with({"temperature", "current"});
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<AlarmManager> manager_;
};

}  // namespace millwright::alarms

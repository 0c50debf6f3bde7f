// A small plant for the tests: real model, live table and metrics; a historian and alarms in memory; a server on a free
// port.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "api/assets.hpp"
#include "api/maintenance.hpp"
#include "api/server.hpp"
#include "asset/commands.hpp"
#include "historian/follower.hpp"
#include "http/tests/test_client.hpp"

namespace millwright::api::testing {

using http::testing::ask;
using http::testing::Connection;
using http::testing::Event;
using http::testing::Fields;
using http::testing::Reply;
using http::testing::request_text;

inline constexpr core::TimeNs kNow = 1'795'248'000 * core::kSecond;  // 2026-11-21T08:00:00Z

// Answers from memory by the rules of historian.hpp.
class MemoryHistorian final : public historian::Historian {
 public:
  void add(core::SensorId sensor, core::TimeNs time, std::uint64_t bits, core::Quality quality = core::kGood);
  template <typename T>
  void add_value(core::SensorId sensor, core::TimeNs time, T value, core::Quality quality = core::kGood) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    add(sensor, time, bits, quality);
  }
  // From now on every query waits until release(), and counts itself in waiting().
  void hold();
  void release();
  [[nodiscard]] int waiting() const { return waiting_; }
  void fail_with(core::Error error) { failure_ = std::move(error); }

  std::unique_ptr<pipeline::Stage> recorder(std::size_t shard) override;
  [[nodiscard]] core::Texts& texts() const override { return texts_; }
  void join(journal::GroupCommit& commit) override;
  [[nodiscard]] pipeline::LanePosition recovered(core::SourceId source, std::size_t shard) const override;
  [[nodiscard]] pipeline::LanePosition durable(core::SourceId source) const override;
  core::Result<std::vector<historian::Reading>> raw(core::SensorId sensor, historian::Range range, std::size_t limit,
                                                    std::optional<core::TimeNs>* next) const override;
  core::Result<std::vector<historian::Aggregate>> aggregates(core::SensorId sensor, historian::Range range,
                                                             const historian::Intervals& intervals, std::size_t limit,
                                                             std::optional<core::TimeNs>* next) const override;
  core::Result<std::optional<historian::Reading>> before(core::SensorId sensor, core::TimeNs time) const override;
  void start() override {}
  core::Status tidy() override { return {}; }
  void stop_waiting() override {}
  [[nodiscard]] std::unique_ptr<historian::Follower> follow() const override { return nullptr; }
  [[nodiscard]] Stats stats() const override;

 private:
  void wait_while_held() const;
  std::map<std::uint32_t, std::vector<historian::Reading>> readings_;
  std::optional<core::Error> failure_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool held_ = false;
  mutable std::atomic<int> waiting_{0};
  mutable core::TextTable texts_;
};

class MemoryAlarms final : public alarms::AlarmManager {
 public:
  // Puts an alarm in place of the one with its id, gives it the next version, and tells the listeners.
  alarms::Alarm put(alarms::Alarm alarm, bool tell = true);

  void add_listener(Listener listener) override { listener_ = std::move(listener); }
  std::optional<alarms::Alarm> signal(const alarms::Signal& signal) override;
  void tick() override {}
  core::Result<alarms::Alarm> acknowledge(std::uint64_t id, const std::string& by, const std::string& comment) override;
  core::Result<alarms::Alarm> reset(std::uint64_t id, const std::string& by, const std::string& comment) override;
  core::Result<alarms::Alarm> comment(std::uint64_t id, const std::string&, const std::string&) override {
    return find(id);
  }
  core::Result<alarms::Control> suppress(alarms::Control control) override;
  core::Result<alarms::Control> release(std::uint64_t id, const std::string& by, const std::string& comment) override;
  [[nodiscard]] std::vector<alarms::Control> controls() const override;
  [[nodiscard]] core::DurationNs shelve_max() const override { return 24 * core::kHour; }
  [[nodiscard]] core::Result<alarms::Alarm> find(std::uint64_t id) const override;
  [[nodiscard]] alarms::Performance performance(core::DurationNs period) const override;
  [[nodiscard]] std::vector<alarms::Alarm> list(const alarms::Filter& filter) const override;
  [[nodiscard]] std::size_t active_count() const override;
  [[nodiscard]] std::uint64_t version() const override;
  [[nodiscard]] alarms::Latency latency() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, alarms::Alarm> alarms_;
  alarms::ControlBook controls_;
  std::uint64_t version_ = 0;
  Listener listener_;
};

// Knows one model, pump-pca@1, and puts it wherever it is told to.
class MemoryModels final : public models::Service {
 public:
  core::Result<models::ModelInfo> add(std::string_view file) override;
  [[nodiscard]] std::vector<models::ModelInfo> list() const override;
  core::Result<std::vector<models::MachineModel>> deploy(std::string_view machine, std::string_view model,
                                                         models::Mode mode) override;
  core::Result<models::MachineModel> rollback(std::string_view machine) override;
  [[nodiscard]] core::Result<models::MachineModel> find(std::string_view machine) const override;

 private:
  models::MachineModel pump_{.machine = "pump-1"};
};

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// A registry with the assets of one file, in a database that all parts share, and a check that refuses what holds the
// word "wrong".
class TestRegistry {
 public:
  explicit TestRegistry(const io::Clock& clock);
  [[nodiscard]] const AssetServices& services() const { return services_; }
  [[nodiscard]] database::Database& database() const { return *database_; }
  int reloads = 0;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<database::Database> database_;
  registry::Registry registry_;
  AssetServices services_;
};

asset::Model make_model();
// The same, and a press of another enterprise, globex.
asset::Model make_model_of_two_tenants();
// As many machines as wanted, with a sensor each.
asset::Model make_large_model(std::size_t machines);

class Plant {
 public:
  explicit Plant(Options options = {}, asset::Model given = make_model(), access::Authority* access = nullptr);
  ~Plant();

  Reply get(const std::string& target, const Fields& fields = {}) { return ask(server.port(), "GET", target, fields); }
  Reply send(const std::string& method, const std::string& target, const std::string& body, Fields fields = {});
  Reply post(const std::string& target, const std::string& body, Fields fields = {});
  core::SensorId sensor(std::string_view path) const;
  template <typename T>
  void write(std::string_view path, T value, core::Quality quality = core::kGood, core::TimeNs time = kNow) {
    pipeline::LiveValue live_value;
    live_value.type = model.sensor(sensor(path)).type;
    live_value.quality = quality;
    live_value.source_time = time;
    live_value.received = time + core::kMillisecond;
    std::memcpy(&live_value.bits, &value, sizeof(T));
    live.write(sensor(path), live_value);
  }
  alarms::Alarm raise(std::uint64_t id, alarms::State state = alarms::State::kUnacknowledged,
                      const std::string& machine = "pump-1");

  asset::Model model;
  pipeline::LiveTable live;
  MemoryHistorian historian;
  MemoryAlarms alarms;
  MemoryModels models;
  core::Metrics metrics;
  io::SimClock clock{kNow};
  std::vector<Check> checks{{"historian", true, ""}};
  std::vector<ControlChart> charts;
  std::vector<std::string> relearnt;  // "<sensor's path> <chart>"
  TestRegistry registry{clock};
  std::vector<asset::CommandAudit> audit;
  core::Result<std::string> answer = std::string("ok");  // of the connector that carries out commands
  std::unique_ptr<maintenance::Desk> desk;
  MaintenanceServices maintenance{*desk, model, clock};
  asset::CommandDesk commands{{{"plc", [this](const auto&, auto, auto) { return answer; }}},
                              [this](const auto& entry) { audit.push_back(entry); }};
  Server server;
};

inline const std::string kPump = "acme/lyon/utilities/cooling/pumps/pump-1";

// Checks status, content type and body of a problem document; gives its detail.
std::string problem_detail(const Reply& reply, int status);

}  // namespace millwright::api::testing

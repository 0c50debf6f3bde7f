// demo: a simulated factory and a plant, two processes on this machine, and what they do, told live.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "commands.hpp"
#include "core/time.hpp"
#include "http_get.hpp"
#include "io/child_process.hpp"
#include "io/clock.hpp"
#include "plant_config.hpp"
#include "shipped.hpp"
#include "stop_signal.hpp"

namespace millwright::app {
namespace {

using nlohmann::json;

struct DemoOptions {
  int seconds = 0;  // 0: until stopped
  std::uint64_t seed = 1;
  std::string data_directory = "data/demo";
};

constexpr core::DurationNs kStartPatience = 30 * core::kSecond;
constexpr core::DurationNs kStopPatience = 10 * core::kSecond;

class Demo {
 public:
  Demo(DemoOptions options, std::string plant_file, PlantConfig config)
      : options_(std::move(options)),
        plant_file_(std::move(plant_file)),
        config_(std::move(config)),
        url_(fmt::format("http://{}:{}", config_.api.host, config_.api.port)) {}

  int run() {
    if (auto started = start(); !started) return fail(started.error());
    if (auto live = wait_until_live(); !live) return fail(live.error());
    announce();
    const core::TimeNs until = options_.seconds > 0 ? clock_.monotonic() + options_.seconds * core::kSecond : INT64_MAX;
    while (clock_.monotonic() < until && !stop_.wait(std::min(core::kSecond, until - clock_.monotonic()))) {
      if (auto alive = look_after_children(); !alive) return fail(alive.error());
      show();
    }
    return finish();
  }

 private:
  core::Status start() {
    auto simulator = io::ChildProcess::start(own_executable(), {"--log-level", "error", "simulate", "--plant",
                                                                plant_file_, "--seed", std::to_string(options_.seed)});
    if (!simulator) return core::unexpected(simulator.error());
    simulator_.emplace(std::move(*simulator));
    return start_plant();
  }

  core::Status start_plant() {
    auto plant = io::ChildProcess::start(own_executable(), {"--log-level", "error", "run", plant_file_},
                                         {{"MILLWRIGHT_NODE__DATA_DIR", options_.data_directory}});
    if (!plant) return core::unexpected(plant.error());
    plant_.emplace(std::move(*plant));
    return {};
  }

  // Live: connectors connected and readings arriving.
  core::Status wait_until_live() {
    const core::TimeNs until = clock_.monotonic() + kStartPatience;
    while (clock_.monotonic() < until) {
      if (stop_.wait(core::kSecond / 5))
        return core::unexpected(core::ErrorCode::kClosed, "stopped before the plant was live");
      if (const auto code = plant_->poll()) return ended("plant", *code);
      if (const auto code = simulator_->poll()) return ended("simulator", *code);
      const auto plant = get_json(url_ + "/v1/plant", core::kSecond);
      if (plant && (*plant)["stats"]["readings"].get<std::uint64_t>() > 0 && all_connected(*plant)) return {};
    }
    return core::unexpected(
        core::ErrorCode::kTimeout,
        "the plant did not come alive in 30 s; run it by hand to see why: millwright run " + plant_file_);
  }

  static bool all_connected(const json& plant) {
    const auto& connectors = plant["connectors"];
    return std::all_of(connectors.begin(), connectors.end(), [](const json& c) { return c["state"] == "connected"; });
  }

  static core::Unexpected ended(const std::string& what, int code) {
    return core::unexpected(core::ErrorCode::kUnavailable,
                            fmt::format("the {} ended with exit code {}; its reason is above", what, code));
  }

  void announce() {
    fmt::print("\n  The plant is live: {} machines, {} sensors, two processes (simulator {}, plant {}).\n\n",
               config_.model->machines().size(), config_.model->sensors().size(), simulator_->pid(), plant_->pid());
    fmt::print("    dashboard   {}/\n", url_);
    fmt::print("    OPC UA      opc.tcp://{}:{}   (any client; Objects > Machines)\n", config_.opcua_server.host,
               config_.opcua_server.port);
    fmt::print("    REST        {}/v1/machines   (OpenAPI: {}/v1/openapi.json)\n", url_, url_);
    fmt::print("    data        {}\n\n", options_.data_directory);
    fmt::print("  A first fault starts about 35 s after the simulator did. {}\n\n",
               options_.seconds > 0 ? fmt::format("Ends by itself after {} s.", options_.seconds) : "Ctrl-C ends it.");
    std::fflush(stdout);
  }

  // A plant that dies is started again, as a service manager would; the simulator is the demo's own matter.
  core::Status look_after_children() {
    if (const auto code = simulator_->poll()) return ended("simulator", *code);
    if (const auto code = plant_->poll()) {
      end_line();
      fmt::print("  plant ended (exit code {}); starting it again\n", *code);
      ++restarts_;
      return start_plant();
    }
    return {};
  }

  void show() {
    const auto plant = get_json(url_ + "/v1/plant", core::kSecond);
    if (!plant) return;
    stats_ = (*plant)["stats"];
    show_new_alarms();
    const auto& latency = stats_["alarm_latency_ms"];
    const auto ms = [](const json& value) {
      return value.is_number() ? fmt::format("{:.2f}", value.get<double>()) : std::string("-");
    };
    const std::string line = fmt::format(
        "  {:>9.0f} readings/s | {} machines | {} active alarms | {} on disk, {:.2f} bytes/reading | alarm latency p50 "
        "{} ms, p99 {} ms",
        stats_["readings_per_s"].get<double>(), (*plant)["machines"].get<std::uint64_t>(),
        stats_["active_alarms"].get<std::uint64_t>(), megabytes(stats_["disk_bytes"]),
        number(stats_["bytes_per_reading"]), ms(latency["p50"]), ms(latency["p99"]));
    if (interactive_) {
      fmt::print("\r\x1b[K{}", line);
    } else if (++shown_ % 5 == 1) {
      fmt::print("{}\n", line);
    }
    std::fflush(stdout);
  }

  void show_new_alarms() {
    const auto alarms = get_json(url_ + "/v1/alarms?limit=50", core::kSecond);
    if (!alarms) return;
    std::vector<json> fresh((*alarms)["items"].begin(), (*alarms)["items"].end());
    std::sort(fresh.begin(), fresh.end(), [](const json& a, const json& b) { return a["version"] < b["version"]; });
    for (const json& alarm : fresh) {
      const auto version = alarm["version"].get<std::uint64_t>();
      if (version <= alarm_version_) continue;
      alarm_version_ = version;
      const bool raised = alarm["cleared"].is_null();
      alarms_ += raised ? 1 : 0;
      end_line();
      fmt::print("  {} {:<7} {}  {}\n", alarm["published"].get<std::string>().substr(11, 8),
                 raised ? "ALARM" : "cleared", alarm["machine"].get<std::string>(),
                 alarm["message"].get<std::string>());
    }
  }

  int finish() {
    show();
    end_line();
    const int plant = plant_->stop(kStopPatience);
    const int simulator = simulator_->stop(kStopPatience);
    const auto readings = number(stats_["readings"]);
    fmt::print("\n  Summary: {:.0f} readings kept, {} on disk ({:.2f} bytes/reading), {} alarms raised, {} restarts.\n",
               readings, megabytes(stats_["disk_bytes"]), number(stats_["bytes_per_reading"]), alarms_, restarts_);
    fmt::print("  History stays in {} until the next demo.\n", options_.data_directory);
    if (plant == 0 && simulator == 0 && readings > 0) return kDone;
    fmt::print(stderr, "millwright: plant ended with {}, simulator with {}, {:.0f} readings\n", plant, simulator,
               readings);
    return kFailed;
  }

  void end_line() {
    if (interactive_) fmt::print("\r\x1b[K");
  }
  static double number(const json& value) { return value.is_number() ? value.get<double>() : 0; }
  static std::string megabytes(const json& bytes) { return fmt::format("{:.1f} MB", number(bytes) / 1e6); }

  DemoOptions options_;
  std::string plant_file_;
  PlantConfig config_;
  std::string url_;
  io::RealClock clock_;
  StopSignal stop_;
  std::optional<io::ChildProcess> simulator_;
  std::optional<io::ChildProcess> plant_;
  json stats_ = json::object();
  std::uint64_t alarm_version_ = 0;
  std::uint64_t alarms_ = 0;
  int restarts_ = 0;
  int shown_ = 0;
  const bool interactive_ = isatty(STDOUT_FILENO) == 1;
};

// A demo begins with an empty history. Removes a folder only where an earlier demo marked it as its own.
core::Status clear_data(const std::string& directory) {
  namespace fs = std::filesystem;
  const fs::path mark = fs::path(directory) / "millwright-demo";
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_empty(directory, error)) {
    if (!fs::exists(mark, error)) {
      return core::unexpected(core::ErrorCode::kConflict,
                              directory + " is not empty and not from a demo; choose another folder with --data-dir");
    }
    auto lock = io::DirectoryLock::acquire(directory);
    if (!lock) return core::unexpected(lock.error());
    fs::remove_all(directory, error);
  }
  fs::create_directories(directory, error);
  if (error)
    return core::unexpected(core::ErrorCode::kIo, "cannot create folder " + directory + ": " + error.message());
  std::FILE* file = std::fopen(mark.c_str(), "w");
  if (file == nullptr) return core::unexpected(core::ErrorCode::kIo, "cannot write to folder " + directory);
  std::fclose(file);
  return {};
}

int demo(DemoOptions options) {
  const std::string plant_file = shipped_directory("demo") + "/plant.yaml";
  options.data_directory = std::filesystem::absolute(options.data_directory).string();
  PlantConfig config;
  if (auto loaded = load_plant_config(plant_file, config); !loaded) return fail(loaded.error());
  if (auto cleared = clear_data(options.data_directory); !cleared) return fail(cleared.error());
  return Demo(std::move(options), plant_file, std::move(config)).run();
}

}  // namespace

void add_demo(CLI::App& app, const SetCommand& set) {
  auto* sub =
      app.add_subcommand("demo", "a living plant on this machine: a simulated factory and a node that watches it");
  auto options = std::make_shared<DemoOptions>();
  sub->add_option("--seconds", options->seconds, "end after so many seconds; 0: on Ctrl-C")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  sub->add_option("--seed", options->seed, "of the simulated factory")->capture_default_str();
  sub->add_option("--data-dir", options->data_directory, "where history goes; emptied at the start")
      ->capture_default_str();
  sub->callback([=] { set([=] { return demo(*options); }); });
}

}  // namespace millwright::app

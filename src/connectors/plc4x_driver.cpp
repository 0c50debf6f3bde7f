#include "connectors/plc4x_driver.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "connectors/burst_server.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"
#include "io/child_process.hpp"
#include "io/file_system.hpp"

namespace millwright::connectors {
namespace {

using config::Section;
using core::kMillisecond;
using core::kSecond;
using core::MutexLock;

constexpr std::array<std::string_view, 3> kModes{"poll", "changes", "cyclic"};
constexpr core::DurationNs kRestartMin = kSecond;
constexpr core::DurationNs kRestartMax = 30 * kSecond;
constexpr core::DurationNs kSteady = 30 * kSecond;  // a driver that ran for so long begins with the short pause again
constexpr core::DurationNs kLook = 100 * kMillisecond;
constexpr core::DurationNs kEndPatience = 8 * kSecond;

// A connection's secrets are in its options.
std::string without_options(const std::string& connection) {
  return connection.substr(0, connection.find('?'));
}

Plc4xDevice read_device(Section& section) {
  Plc4xDevice device;
  device.name = section.text("name", {.fallback = std::nullopt, .length_max = 200});
  if (device.name.find('/') != std::string::npos)
    section.problem("name", "may not hold a '/': addresses are split there");
  device.connection = section.text("connection");
  if (!device.connection.empty() && device.connection.find(':') == std::string::npos) {
    section.problem("connection",
                    fmt::format("'{}' is not a PLC4X connection; write protocol://host, such as s7://10.0.0.5",
                                without_options(device.connection)));
  }
  device.mode = kModes[section.choice("mode", kModes, 0)];
  device.period = section.duration("period", {.fallback = 0, .low = 0, .high = 24 * core::kHour});
  if (device.period != 0 && device.period < kMillisecond) section.problem("period", "a millisecond is the shortest");
  section.finish();
  return device;
}

std::int64_t milliseconds(core::DurationNs duration) {
  return std::max<std::int64_t>(duration / kMillisecond, 1);
}

std::int64_t period_ms(const Plc4xDevice& device, const asset::Sensor& sensor) {
  if (device.period != 0) return milliseconds(device.period);
  return std::clamp<std::int64_t>(std::llround(1000 / sensor.rate_hz), 1, 24 * core::kHour / kMillisecond);
}

class Plc4xDriver final : public Connector {
 public:
  Plc4xDriver(std::string name, Plc4xOptions options, const ConnectorContext& context)
      : name_(std::move(name)),
        options_(std::move(options)),
        context_(context),
        log_(core::logger("plc4x")),
        server_(name_, loopback(), context) {}
  ~Plc4xDriver() override { stop(); }

  core::Status start() override {
    if (auto up = server_.start(); !up) return up;
    keeper_ = std::thread([this] { keep(); });
    return {};
  }

  void stop() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (keeper_.joinable()) keeper_.join();
    server_.stop();
  }

  [[nodiscard]] ConnectorStatus status() const override {
    ConnectorStatus status = server_.status();
    status.kind = "plc4x";
    MutexLock lock(mutex_);
    status.reconnects += restarts_;
    if (status.state == ConnectorState::kStopped) return status;
    status.detail = detail_;
    if (status.state == ConnectorState::kConnected) return status;
    status.state = running_ ? ConnectorState::kConnecting : ConnectorState::kBackingOff;
    status.since = std::max(status.since, since_);
    return status;
  }

 private:
  static BurstServerOptions loopback() {
    BurstServerOptions options;
    options.port = 0;
    return options;
  }

  void keep() {
    core::DurationNs pause = 0;
    for (;;) {
      const core::TimeNs begun = context_.clock.monotonic();
      const core::Status ended = run();
      if (is_stopping()) return;
      if (!ended) tell(ended.error().message);
      const bool steady = context_.clock.monotonic() - begun >= kSteady;
      pause = steady ? kRestartMin : std::clamp(pause * 2, kRestartMin, kRestartMax);
      if (sleep(pause)) return;
      MutexLock lock(mutex_);
      ++restarts_;
    }
  }

  // From the driver's start to its end, whoever ends it.
  core::Status run() {
    const auto settings = write_settings();
    if (!settings) return core::unexpected(settings.error());
    if (auto whole = check_plc4x(options_); !whole) return whole;
    auto driver = io::ChildProcess::start(
        io::find_program(options_.java),
        {"-XX:+UseSerialGC", fmt::format("-Xmx{}k", options_.memory_bytes >> 10U), "-jar", options_.jar, *settings});
    if (!driver) return core::unexpected(driver.error());
    show(true, fmt::format("the driver runs, process {}, {} {}", driver->pid(), options_.devices.size(),
                           options_.devices.size() == 1 ? "device" : "devices"));
    while (!sleep(kLook)) {
      if (const auto code = driver->poll()) {
        return core::unexpected(core::ErrorCode::kUnavailable,
                                fmt::format("the driver ended with exit code {}; its reason is in the log", *code));
      }
    }
    driver->stop(kEndPatience);
    return {};
  }

  core::Result<std::string> write_settings() {
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    // A connection may hold a password.
    std::filesystem::permissions(options_.folder, std::filesystem::perms::owner_all, error);
    std::vector<std::string> unread;
    const std::string text = plc4x_settings(options_, context_.model, name_, server_.port(), unread);
    if (!std::exchange(unread_told_, true)) {
      for (const std::string& why : unread) log_->warn("{}: {}", name_, why);
    }
    io::RealFileSystem files;
    std::string file = options_.folder + "/driver.yaml";
    if (auto written = io::write_file_atomically(files, file, text); !written) return core::unexpected(written.error());
    return file;
  }

  void tell(const std::string& trouble) {
    {
      MutexLock lock(mutex_);
      if (detail_ == trouble) return;
    }
    log_->error("{}: {}", name_, trouble);
    show(false, trouble);
  }

  void show(bool running, std::string detail) {
    MutexLock lock(mutex_);
    running_ = running;
    detail_ = std::move(detail);
    since_ = context_.clock.now();
  }

  bool is_stopping() {
    MutexLock lock(mutex_);
    return stopping_;
  }

  // True: it is time to stop.
  bool sleep(core::DurationNs duration) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(duration);
    MutexLock lock(mutex_);
    while (!stopping_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= std::chrono::nanoseconds(0)) return false;
      changed_.wait_for(mutex_, left);
    }
    return true;
  }

  const std::string name_;
  const Plc4xOptions options_;
  const ConnectorContext context_;
  std::shared_ptr<spdlog::logger> log_;
  BurstServer server_;
  std::thread keeper_;
  bool unread_told_ = false;  // the keeper's

  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool running_ GUARDED_BY(mutex_) = false;
  std::string detail_ GUARDED_BY(mutex_) = "starting the driver";
  core::TimeNs since_ GUARDED_BY(mutex_) = 0;
  std::uint64_t restarts_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::string plc4x_settings(const Plc4xOptions& options, const asset::Model& model, const std::string& connector,
                           std::uint16_t port, std::vector<std::string>& unread) {
  using Json = nlohmann::ordered_json;
  std::vector<Json> tags(options.devices.size(), Json::array());
  std::set<std::string> channels;
  for (const core::SensorId id : model.sensors_of(connector)) {
    const asset::Sensor& sensor = model.sensor(id);
    const std::string& address = sensor.source.address;
    const std::size_t slash = std::min(address.find('/'), address.size());
    const auto device = std::find_if(options.devices.begin(), options.devices.end(),
                                     [&](const Plc4xDevice& one) { return one.name == address.substr(0, slash); });
    if (device == options.devices.end() || slash + 1 >= address.size()) {
      unread.push_back(
          fmt::format("{}: address '{}' names no device of the connector; write device/address", sensor.path, address));
    } else if (sensor.type == core::ValueType::kText) {
      unread.push_back(fmt::format("{}: texts are not part of the burst stream", sensor.path));
    } else if (channels.insert(address).second) {
      tags[static_cast<std::size_t>(device - options.devices.begin())].push_back(
          {{"channel", address},
           {"address", address.substr(slash + 1)},
           {"type", core::to_string(sensor.type)},
           {"period_ms", period_ms(*device, sensor)}});
    }
  }
  Json devices = Json::array();
  for (std::size_t i = 0; i < options.devices.size(); ++i) {
    const Plc4xDevice& device = options.devices[i];
    devices.push_back({{"name", device.name},
                       {"connection", device.connection},
                       {"mode", device.mode},
                       {"timeout_ms", milliseconds(options.timeout)},
                       {"retry_min_ms", milliseconds(options.retry_min)},
                       {"retry_max_ms", milliseconds(options.retry_max)},
                       {"tags", std::move(tags[i])}});
  }
  const Json all{{"plant", fmt::format("127.0.0.1:{}", port)},
                 {"source", "plc4x"},
                 {"spool", options.folder + "/spool"},
                 {"spool_bytes", options.spool_bytes},
                 {"devices", std::move(devices)}};
  return all.dump(1) + "\n";
}

core::Status check_plc4x(const Plc4xOptions& options) {
  if (io::find_program(options.java).empty()) {
    return core::unexpected(
        core::ErrorCode::kNotFound,
        fmt::format("'{}' cannot be run: install Java 17 or newer (openjdk-17-jre-headless), or say "
                    "where it is by the connector's 'java'",
                    options.java));
  }
  std::error_code error;
  if (options.jar.empty() || !std::filesystem::is_regular_file(options.jar, error)) {
    return core::unexpected(core::ErrorCode::kNotFound,
                            fmt::format("the driver {} is not there: build it (make plc4x), or say where it is by the "
                                        "connector's 'jar'",
                                        options.jar.empty() ? "millwright-plc4x.jar" : options.jar));
  }
  return {};
}

// protocol [":" transport] "://" [user "@"] host [":" port] ["/" …] ["?" …]
std::optional<io::Address> plc4x_address(const std::string& connection) {
  static constexpr std::array<std::pair<std::string_view, std::uint16_t>, 8> kPorts{{{"s7", 102},
                                                                                     {"modbus-tcp", 502},
                                                                                     {"ads", 48898},
                                                                                     {"eip", 44818},
                                                                                     {"logix", 44818},
                                                                                     {"opcua", 4840},
                                                                                     {"iec-60870-5-104", 2404},
                                                                                     {"umas", 502}}};
  const std::size_t slashes = connection.find("://");
  if (slashes == std::string::npos) return std::nullopt;
  const std::string_view all(connection);
  const std::string_view scheme = all.substr(0, slashes);
  const std::string_view protocol = scheme.substr(0, scheme.find(':'));
  const auto known = std::find_if(kPorts.begin(), kPorts.end(), [&](const auto& one) { return one.first == protocol; });
  const bool over_tcp = scheme.size() == protocol.size() || scheme.ends_with(":tcp");
  if (known == kPorts.end() || !over_tcp) return std::nullopt;
  std::string_view place = all.substr(slashes + 3);
  place = place.substr(0, place.find_first_of("/?"));
  place = place.substr(place.rfind('@') + 1);
  const std::size_t bracket = place.rfind(']');
  const std::size_t colon = place.find(':', bracket == std::string_view::npos ? 0 : bracket);
  io::Address address{std::string(place.substr(0, colon)), known->second};
  if (bracket != std::string_view::npos && place.starts_with('[')) address.host = place.substr(1, bracket - 1);
  if (colon != std::string_view::npos) {
    const std::string_view port = place.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
  }
  if (address.host.empty()) return std::nullopt;
  return address;
}

Plc4xOptions read_plc4x_options(Section& section, const std::string& directory) {
  Plc4xOptions options;
  options.timeout =
      section.duration("timeout", {.fallback = options.timeout, .low = 10 * kMillisecond, .high = core::kHour});
  options.retry_min =
      section.duration("retry_min", {.fallback = options.retry_min, .low = 10 * kMillisecond, .high = core::kHour});
  options.retry_max =
      section.duration("retry_max", {.fallback = options.retry_max, .low = options.retry_min, .high = core::kHour});
  options.spool_bytes =
      section.bytes("spool_size", {.fallback = options.spool_bytes, .low = 1ULL << 20, .high = 1ULL << 50});
  options.memory_bytes =
      section.bytes("memory", {.fallback = options.memory_bytes, .low = 64ULL << 20, .high = 1ULL << 40});
  options.java = section.text("java", {.fallback = options.java});
  const std::string jar = section.text("jar", {.fallback = ""});
  if (!jar.empty()) options.jar = (std::filesystem::path(directory) / jar).string();
  std::set<std::string> names;
  for (Section& one : section.sections("devices")) {
    options.devices.push_back(read_device(one));
    const std::string& name = options.devices.back().name;
    if (!names.insert(name).second) one.problem("name", fmt::format("there is a device '{}' already", name));
  }
  if (options.devices.empty()) section.problem("devices", "no devices; list them by name and connection");
  return options;
}

std::unique_ptr<Connector> make_plc4x(std::string name, const Plc4xOptions& options, const ConnectorContext& context) {
  return std::make_unique<Plc4xDriver>(std::move(name), options, context);
}

}  // namespace millwright::connectors

#include "doctor.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/timex.h>
#include <unistd.h>

#include "connectors/modbus_link.hpp"
#include "connectors/modbus_probe.hpp"
#include "connectors/opcua_probe.hpp"
#include "core/text.hpp"
#include "doctor_services.hpp"
#include "io/datagram_socket.hpp"
#include "io/network.hpp"
#include "maintenance/erp.hpp"

namespace millwright::app {
namespace {

using State = Finding::State;

constexpr std::uint64_t kLittleSpace = 1ULL << 30;
constexpr core::DurationNs kConnectTimeout = 5 * core::kSecond;
constexpr core::TimeNs kNotBefore = 1'735'689'600 * core::kSecond;  // 2025; a clock that was never set is far before
constexpr std::size_t kShown = 3;

class Doctor {
 public:
  explicit Doctor(const PlantConfig& config)
      : config_(config), certificates_(make_certificate_store(config, files_, clock_)) {}

  std::vector<Finding> run() {
    check_data_folder();
    check_clock();
    check_port("dashboard and REST (api)", config_.api.host, config_.api.port, "api.port");
    if (config_.opcua_server.enabled) {
      check_port("OPC UA server", config_.opcua_server.host, config_.opcua_server.port, "opcua_server.port");
    }
    for (const auto& connector : config_.connectors) {
      what_ = "connector " + connector.name;
      name_ = connector.name;
      std::visit([this](const auto& source) { check(source); }, connector.source);
    }
    for (const auto& output : config_.outputs) {
      what_ = "output " + output.lane.name;
      check_output(output);
    }
    for (const auto& erp : config_.maintenance.erps) check_erp(erp);
    for (Finding& finding : examine_services(config_, clock_)) findings_.push_back(std::move(finding));
    return std::move(findings_);
  }

 private:
  void say(State state, std::string detail, std::string advice = {}) {
    findings_.push_back({what_, state, std::move(detail), std::move(advice)});
  }

  // ---- this machine
  // --------------------------------------------------------------------------------------------------

  void check_data_folder() {
    what_ = "data folder";
    const std::string& folder = config_.engine.data_directory;
    if (auto made = files_.make_directories(folder); !made) {
      return say(State::kBad, made.error().message, "let the plant's user write there, or set node.data_dir");
    }
    const std::string probe = folder + "/doctor.tmp";
    if (auto written = io::write_file_atomically(files_, probe, std::string_view("?")); !written) {
      return say(State::kBad, written.error().message, "let the plant's user write there, or set node.data_dir");
    }
    static_cast<void>(files_.remove(probe));
    const auto lock = io::DirectoryLock::acquire(folder);
    runs_ = !lock;
    say(State::kOk, fmt::format("{} can be written{}", folder, runs_ ? "; a plant runs on it" : ""));
    check_space(folder);
  }

  void check_space(const std::string& folder) {
    what_ = "disk space";
    const auto free = files_.free_bytes(folder);
    if (!free) return say(State::kBad, free.error().message);
    const double gib = static_cast<double>(*free) / static_cast<double>(1ULL << 30);
    const std::string detail = fmt::format("{:.1f} GiB free", gib);
    const std::uint64_t quota = config_.engine.history.disk_quota_bytes;
    if (*free < kLittleSpace) return say(State::kBad, detail, "make room: what does not fit on the disk is lost");
    if (!runs_ && quota != 0 && *free < quota) {
      return say(State::kWarning, detail, "historian.disk_quota asks for more than there is: lower it, or make room");
    }
    say(State::kOk, detail);
  }

  void check_clock() {
    what_ = "clock";
    const core::TimeNs now = clock_.now();
    const std::string detail = core::format_time(now);
    if (now < kNotBefore) return say(State::kBad, detail + " is long past", "set the machine's clock");
    timex state{};
    const bool is_kept = ::adjtimex(&state) != -1 && (state.status & STA_UNSYNC) == 0;
    if (is_kept) return say(State::kOk, detail + ", kept by a time service");
    say(State::kWarning, detail + "; no time service says that it is right",
        "run chrony or systemd-timesyncd, so that readings of several machines can be compared");
  }

  void check_port(const std::string& what, const std::string& host, std::uint16_t port, const std::string& key) {
    what_ = what;
    const std::string where = fmt::format("{}:{}", host, port);
    const auto listener = network_.listen({host, port});
    if (listener) return say(State::kOk, where + " is free");
    if (listener.error().code == core::ErrorCode::kConflict && runs_) {
      return say(State::kOk, where + " is in use, by the plant that runs");
    }
    say(State::kBad, listener.error().message, fmt::format("end what listens there, or set {}", key));
  }

  // ---- peers
  // ---------------------------------------------------------------------------------------------------------

  void check_reachable(const std::string& host, std::uint16_t port, const std::string& then) {
    const auto stream = network_.connect({host, port}, kConnectTimeout);
    if (!stream) {
      return say(State::kBad, stream.error().message,
                 "is it on, does the name or address fit, does a firewall let it through?");
    }
    say(State::kOk, fmt::format("{}:{} takes connections{}", host, port, then));
  }

  void check(const connectors::OpcUaClientOptions& options) {
    std::vector<std::string> addresses;
    for (const core::SensorId id : config_.model->sensors_of(name_)) {
      addresses.push_back(config_.model->sensor(id).source.address);
    }
    std::vector<std::string> endpoints{options.endpoint};
    endpoints.insert(endpoints.end(), options.others.begin(), options.others.end());
    for (const std::string& endpoint : endpoints) {
      const auto found = connectors::probe_opcua(options, endpoint, &certificates_, clock_, addresses);
      if (!found) {
        say(State::kBad, fmt::format("{}: {}", endpoint, found.error().message),
            "see millwright opcua browse, and docs/opcua.md for certificates and users");
        continue;
      }
      const std::string detail =
          fmt::format("{}: {} of {} sensors have their node", endpoint, found->found, addresses.size());
      if (found->missing.empty()) {
        say(State::kOk, detail);
        continue;
      }
      say(State::kBad, detail + shown(found->missing), "millwright opcua browse shows what the server calls them");
    }
  }

  void check(const connectors::BurstServerOptions& options) {
    check_port(what_, options.host, options.port, "its port");
  }
  void check(const connectors::InfluxServerOptions& options) {
    check_port(what_, options.host, options.port, "its port");
  }
  void check(const connectors::ReplayOptions& options) {
    if (files_.open(options.file, io::OpenMode::kRead)) return say(State::kOk, options.file + " can be read");
    say(State::kBad, options.file + " cannot be read", "give the connector another file");
  }
  void check(const connectors::ModbusOptions& options) {
    const auto* serial = std::get_if<connectors::ModbusSerial>(&options.bus);
    if (serial != nullptr && !check_line(*serial)) return;
    const auto found = connectors::probe_modbus(options, *config_.model, name_);
    if (!found) {
      return say(State::kBad, found.error().message,
                 "is it on, does the name or address fit, does a firewall let it through?");
    }
    if (!found->unknown.empty()) {
      say(State::kBad, "addresses that no map has" + shown(found->unknown), "see the sensors' addresses");
    }
    for (const auto& device : found->devices) {
      what_ = fmt::format("connector {}, {}", name_, device.name);
      check_device(connectors::to_string(options.bus), device);
    }
  }
  void check_device(const std::string& bus, const connectors::ModbusProbe::Device& device) {
    const std::string who = fmt::format("{}, unit {}", bus, device.unit);
    if (!device.silent.empty()) {
      return say(
          State::kBad, fmt::format("{} does not answer: {}", who, device.silent),
          "is it on, is it that unit; on a serial line, do baud_rate and parity fit, behind a gateway, its table?");
    }
    const std::string detail = fmt::format("{}: {} of {} registers are read", who, device.read, device.wanted);
    if (device.refused.empty()) return say(State::kOk, detail);
    say(State::kBad, detail + shown(device.refused),
        "compare unit and map with the maker's list: table, address, address_base");
  }
  // "; 'one': why; …"
  static std::string shown(const std::vector<std::pair<std::string, std::string>>& problems) {
    std::string text;
    for (std::size_t i = 0; i < std::min(kShown, problems.size()); ++i) {
      text += fmt::format("; '{}': {}", problems[i].first, problems[i].second);
    }
    if (problems.size() > kShown) text += fmt::format("; and {} more", problems.size() - kShown);
    return text;
  }

  void check(const connectors::MqttClientOptions& options) {
    std::vector<std::string> filters;
    for (const auto& topic : options.topics) filters.push_back(topic.filter());
    findings_.push_back(examine_subscriptions(what_, options.link.broker, filters));
  }
  void check(const connectors::SparkplugOptions& options) {
    std::vector<std::string> filters;
    for (const std::string& group : options.groups) filters.push_back(fmt::format("spBv1.0/{}/#", group));
    if (filters.empty()) filters.emplace_back("spBv1.0/+/#");
    findings_.push_back(examine_subscriptions(what_, options.link.broker, filters));
  }

  void check(const connectors::Plc4xOptions& options) {
    const auto whole = connectors::check_plc4x(options);
    if (!whole) return say(State::kBad, whole.error().message, "see docs/plc4x.md");
    say(State::kOk, options.java + " and the driver are there");
    for (const auto& device : options.devices) {
      what_ = fmt::format("connector {}, {}", name_, device.name);
      const auto address = connectors::plc4x_address(device.connection);
      if (address) {
        check_reachable(address->host, address->port, "; its tags were not asked for");
      } else {
        say(State::kOk, "not asked: its protocol does not connect by TCP, and is the driver's to speak");
      }
    }
  }

  void check(const connectors::PubSubOptions& options) {
    const std::string where = fmt::format("{}:{}", options.address, options.port);
    const auto socket = io::DatagramSocket::open({options.address, options.port}, options.interface);
    if (socket) return say(State::kOk, where + " can be listened to; whether anybody publishes was not waited for");
    if (socket.error().code == core::ErrorCode::kConflict && runs_) {
      return say(State::kOk, where + " is in use, by the plant that runs");
    }
    say(State::kBad, socket.error().message, "address is this machine's or a multicast group; see interface and port");
  }

  // Whether it can be asked now.
  bool check_line(const connectors::ModbusSerial& bus) {
    if (runs_) {
      say(State::kOk, bus.device + " was not asked: the plant that runs has it, and a line takes one master");
      return false;
    }
    const int fd = ::open(bus.device.c_str(), O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
      ::close(fd);
      return true;
    }
    say(State::kBad, fmt::format("{}: {}", bus.device, std::strerror(errno)),
        errno == EACCES ? "add the plant's user to the group that owns it, mostly dialout" : "is it plugged in?");
    return false;
  }

  // A read with the plant's own log-in; nothing is written.
  void check_erp(const maintenance::ErpOptions& options) {
    what_ = "ERP " + options.name;
    const auto answered = maintenance::make_erp(options, clock_)->probe([] { return false; });
    if (answered) return say(State::kOk, "answers a read of its work orders");
    say(State::kBad, answered.error().message, "see url, allow, log-in and docs/maintenance.md");
  }

  void check_output(const forwarding::OutputOptions& output) {
    const auto there = forwarding::probe(output);
    if (there) return say(State::kOk, *there);
    say(State::kBad, there.error().message,
        "see its address, user, password and tls; is it on, does a firewall let us?");
  }

  const PlantConfig& config_;
  io::RealFileSystem files_;
  io::RealClock clock_;
  io::RealNetwork network_;
  security::CertificateStore certificates_;
  std::string what_;
  std::string name_;
  bool runs_ = false;  // a plant holds the data folder
  std::vector<Finding> findings_;
};

}  // namespace

const char* to_string(Finding::State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kWarning:
      return "warning";
    case State::kBad:
      return "bad";
  }
  return "bad";
}

std::vector<Finding> examine(const PlantConfig& config) {
  return Doctor(config).run();
}

}  // namespace millwright::app

#include "simulator/factory.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/log.hpp"

namespace millwright::simulator {
namespace {

constexpr core::DurationNs kStepMax = core::kSecond;  // of catching up, so that memory stays bounded
constexpr core::DurationNs kScheduleAhead = 2 * core::kMinute;
constexpr std::size_t kFrameBytes = 1024 * 1024;

core::DurationNs scaled(core::DurationNs duration, double speed) {
  return static_cast<core::DurationNs>(static_cast<double>(duration) / speed);
}

}  // namespace

Factory::Factory(const asset::Model& model, const SimulateOptions& options, io::Clock& clock)
    : model_(model), options_(options), clock_(clock), routes_(model.sensors().size()) {}

Factory::~Factory() {
  for (Sender& sender : senders_) {
    if (sender.client) sender.client->stop();
  }
}

void Factory::start_at(core::TimeNs start) {
  start_ = start;
  const MachineSimulationOptions options{.idles = options_.idles};
  machines_.reserve(model_.machines().size());
  for (const asset::Machine& machine : model_.machines()) {
    machines_.emplace_back(model_, machine.id, options_.seed, start, options);
  }
  for (const Planned& planned : faults_) {
    for (MachineSimulation& machine : machines_) machine.add_fault(planned.fault);
  }
}

core::Status Factory::plan_faults() {
  for (const std::string& text : options_.faults) {
    const auto fault = parse_fault(text);
    if (!fault) return core::unexpected(fault.error());
    if (auto status = check_fault(*fault, model_); !status) return status;
    add_fault(*fault);
  }
  if (!options_.faults.empty() || !options_.demo_faults || model_.machines().empty()) return {};
  schedule_.emplace(model_, options_.seed);
  add_fault(schedule_->next());
  return {};
}

void Factory::add_fault(Fault fault) {
  fault.start = scaled(fault.start, options_.speed);
  fault.ramp = scaled(fault.ramp, options_.speed);
  fault.duration = scaled(fault.duration, options_.speed);
  for (MachineSimulation& machine : machines_) machine.add_fault(fault);
  faults_.push_back({std::move(fault)});
}

std::size_t Factory::server_for(const std::string& connector, std::uint16_t port) {
  auto server = std::find_if(servers_.begin(), servers_.end(), [&](const Server& s) { return s.port == port; });
  if (server == servers_.end()) {
    server = servers_.emplace(servers_.end());
    server->port = port;
  }
  auto& names = server->connectors;
  if (std::find(names.begin(), names.end(), connector) == names.end()) names.push_back(connector);
  return static_cast<std::size_t>(server - servers_.begin());
}

void Factory::route_sensor(const asset::Sensor& sensor, const std::vector<SimulatedConnector>& connectors) {
  const auto connector = std::find_if(connectors.begin(), connectors.end(),
                                      [&](const SimulatedConnector& c) { return c.name == sensor.source.connector; });
  Route& route = routes_[sensor.id.value];
  if (connector == connectors.end() || connector->kind == SimulatedConnector::Kind::kOther) {
    ++unserved_;
    return;
  }
  if (connector->kind == SimulatedConnector::Kind::kOpcUa) {
    route.kind = Route::Kind::kOpcUa;
    route.peer = server_for(connector->name, options_.opcua_port.value_or(connector->port));
    auto& variables = servers_[route.peer].variables;
    route.channel = static_cast<std::uint32_t>(variables.size());
    OpcUaVariable& variable = variables.emplace_back();
    variable.address = sensor.source.address;
    variable.name = sensor.name;
    variable.type = sensor.type;
    variable.folders = {model_.machine(sensor.machine).name};
    if (!sensor.component.empty()) variable.folders.push_back(sensor.component);
    return;
  }
  auto sender =
      std::find_if(senders_.begin(), senders_.end(), [&](const Sender& s) { return s.connector == connector->name; });
  if (sender == senders_.end()) {
    sender = senders_.emplace(senders_.end());
    sender->connector = connector->name;
    sender->port = connector->port;
  }
  route.kind = Route::Kind::kBurst;
  route.peer = static_cast<std::size_t>(sender - senders_.begin());
  route.channel = static_cast<std::uint32_t>(sender->channels.size());
  sender->channels.push_back({route.channel, sensor.type, sensor.source.address});
}

core::Status Factory::open(const std::vector<SimulatedConnector>& connectors) {
  for (const asset::Sensor& sensor : model_.sensors()) {
    if (sensor.feature) continue;  // computed by the plant
    route_sensor(sensor, connectors);
    ++simulated_;
  }
  if (servers_.empty() && senders_.empty()) {
    return core::unexpected(
        core::ErrorCode::kInvalid,
        "the plant has no sensor on a connector of type opcua or burst; there is nothing to simulate");
  }
  return start_peers();
}

core::Status Factory::start_peers() {
  for (Server& server : servers_) {
    auto source = OpcUaSource::start({server.port, OpcUaSourceOptions::Report::kChanges}, server.variables);
    if (!source) return core::unexpected(source.error());
    server.source = std::move(*source);
  }
  for (Sender& sender : senders_) {
    sender.network = std::make_unique<CutNetwork>();
    connectors::BurstClientOptions options;
    options.address = {"127.0.0.1", sender.port};
    options.source = "simulator";
    options.client = "millwright simulate";
    options.overflow = connectors::WindowOverflow::kDropOldest;  // a machine does not wait
    sender.client = std::make_unique<connectors::BurstClient>(std::move(options), *sender.network, clock_);
    sender.client->declare(sender.channels);
    sender.client->start();
  }
  return {};
}

void Factory::describe(std::ostream& out) const {
  out << fmt::format("Simulating {} machines, {} sensors, seed {}\n", model_.machines().size(), simulated_,
                     options_.seed);
  for (const Server& server : servers_) {
    out << fmt::format("  {}: OPC UA server, {} variables in {} (connector {})\n", server.source->endpoint(),
                       server.variables.size(), kNamespaceUri, fmt::join(server.connectors, ", "));
  }
  for (const Sender& sender : senders_) {
    out << fmt::format("  127.0.0.1:{}: burst stream to it, {} channels (connector {})\n", sender.port,
                       sender.channels.size(), sender.connector);
  }
  if (unserved_ > 0) {
    out << fmt::format("  {} sensors are on connectors of other types and are not simulated\n", unserved_);
  }
  if (faults_.empty()) out << "  no faults\n";
  for (const Planned& planned : faults_) out << fmt::format("  fault {}\n", to_string(planned.fault));
  if (schedule_)
    out << fmt::format("  and another fault every {}\n", core::format_duration(scaled(core::kMinute, options_.speed)));
  out.flush();
}

void Factory::advance(core::DurationNs since_start) {
  while (advanced_ < since_start) {
    advanced_ = std::min(since_start, advanced_ + kStepMax);
    follow_faults(advanced_);
    batch_.clear();
    for (MachineSimulation& machine : machines_) machine.step(start_ + advanced_, batch_);
    deliver(batch_);
  }
  follow_network(since_start);
}

void Factory::follow_faults(core::DurationNs since_start) {
  while (schedule_ && (faults_.empty() || faults_.back().fault.start < since_start + kScheduleAhead)) {
    add_fault(schedule_->next());
  }
  for (Planned& planned : faults_) {
    if (planned.announced || !planned.fault.active(since_start)) continue;
    planned.announced = true;
    core::logger("simulator")
        ->info("{} fault begins: {}", core::format_time(start_ + planned.fault.start), to_string(planned.fault));
  }
  std::erase_if(faults_, [&](const Planned& planned) {
    const Fault& fault = planned.fault;
    const bool over = fault.duration > 0 && since_start >= fault.start + fault.duration;
    if (over && planned.announced) {
      core::logger("simulator")
          ->info("{} fault ends: {}", core::format_time(start_ + fault.start + fault.duration), to_string(fault));
    }
    return over;
  });
}

bool Factory::lost(const std::string& connector, core::DurationNs since_start) const {
  return std::any_of(faults_.begin(), faults_.end(), [&](const Planned& planned) {
    const Fault& fault = planned.fault;
    if (fault.kind != FaultKind::kNetworkLoss || !fault.active(since_start)) return false;
    if (fault.machine == "*" || fault.machine == connector) return true;
    const asset::Machine* machine = model_.find_machine(fault.machine);
    if (machine == nullptr) return false;
    return std::any_of(machine->sensors.begin(), machine->sensors.end(),
                       [&](core::SensorId id) { return model_.sensor(id).source.connector == connector; });
  });
}

void Factory::follow_network(core::DurationNs since_start) {
  for (Server& server : servers_) {
    server.silent = std::any_of(server.connectors.begin(), server.connectors.end(),
                                [&](const std::string& connector) { return lost(connector, since_start); });
  }
  for (Sender& sender : senders_) {
    const bool cut = lost(sender.connector, since_start);
    if (cut && !sender.cut) sender.network->cut();
    if (!cut && sender.cut) sender.network->mend();
    sender.cut = cut;
  }
}

void Factory::deliver(const core::BlockBatch& batch) {
  for (const core::Block& block : batch.blocks) {
    const Route& route = routes_[block.sensor.value];
    if (route.kind == Route::Kind::kOpcUa) {
      OpcUaSource& source = *servers_[route.peer].source;
      const std::size_t width = core::width(block.type);
      for (std::uint32_t i = 0; i < block.count; ++i)
        source.write(route.channel, block.values + i * width, block.time(i));
    } else if (route.kind == Route::Kind::kBurst) {
      Sender& sender = senders_[route.peer];
      protocol::burst::OutBlock out;
      out.channel = route.channel;
      out.type = block.type;
      out.count = block.count;
      out.start = block.start;
      out.period = block.period;
      out.values = block.values;
      const std::size_t bytes = protocol::burst::encoded_bytes(out);
      if (sender.bytes + bytes > kFrameBytes) send(sender);
      sender.blocks.push_back(out);
      sender.bytes += bytes;
    }
  }
  for (Sender& sender : senders_) send(sender);
}

void Factory::send(Sender& sender) {
  if (!sender.blocks.empty()) {
    if (auto sent = sender.client->send(sender.blocks); !sent) {
      core::logger("simulator")->warn("burst stream to port {}: {}", sender.port, sent.error().message);
    }
  }
  sender.blocks.clear();
  sender.bytes = 0;
}

void Factory::serve(core::DurationNs duration) {
  const core::TimeNs end = clock_.monotonic() + duration;
  for (;;) {
    core::DurationNs left = end - clock_.monotonic();
    if (left < core::kMillisecond) break;
    Server* last = nullptr;
    for (Server& server : servers_) {
      if (server.silent) continue;
      if (last != nullptr) last->source->run(0);
      last = &server;
    }
    if (last == nullptr) {
      clock_.sleep(left);
      break;
    }
    last->source->run(left);
  }
}

}  // namespace millwright::simulator

// Factory: all machines of a plant, their faults, and the servers and senders through which the plant reads them.
//
// Threads: one owner, save for the burst clients' own threads behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "connectors/burst_client.hpp"
#include "core/block.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"
#include "protocol/burst.hpp"
#include "simulator/cut_network.hpp"
#include "simulator/machine_simulation.hpp"
#include "simulator/opcua_source.hpp"
#include "simulator/simulator.hpp"

namespace millwright::simulator {

class Factory {
 public:
  // Model and clock outlive the factory.
  Factory(const asset::Model& model, const SimulateOptions& options, io::Clock& clock);
  ~Factory();

  // Faults of the command line, or the demo's.
  core::Status plan_faults();
  // Opens the servers and starts the senders.
  core::Status open(const std::vector<SimulatedConnector>& connectors);
  void describe(std::ostream& out) const;
  // Makes the readings up to `since_start` and hands them over.
  void advance(core::DurationNs since_start);
  // Serves the network for this long.
  void serve(core::DurationNs duration);

  void start_at(core::TimeNs start);

 private:
  struct Route {
    enum class Kind : std::uint8_t { kNone, kOpcUa, kBurst } kind = Kind::kNone;
    std::size_t peer = 0;       // index into servers_ or senders_
    std::uint32_t channel = 0;  // variable, or channel of the sender
  };
  struct Server {
    std::unique_ptr<OpcUaSource> source;
    std::uint16_t port = 0;
    std::vector<std::string> connectors;
    std::vector<OpcUaVariable> variables;
    bool silent = false;  // simulated network loss
  };
  struct Sender {
    std::string connector;
    std::uint16_t port = 0;
    std::vector<connectors::BurstClient::Channel> channels;
    std::unique_ptr<CutNetwork> network;
    std::unique_ptr<connectors::BurstClient> client;  // after its network: goes first
    std::vector<protocol::burst::OutBlock> blocks;    // of this step
    std::size_t bytes = 0;
    bool cut = false;
  };
  struct Planned {
    Fault fault;
    bool announced = false;
  };

  std::size_t server_for(const std::string& connector, std::uint16_t port);
  void route_sensor(const asset::Sensor& sensor, const std::vector<SimulatedConnector>& connectors);
  core::Status start_peers();
  void add_fault(Fault fault);
  void follow_faults(core::DurationNs since_start);
  void follow_network(core::DurationNs since_start);
  [[nodiscard]] bool lost(const std::string& connector, core::DurationNs since_start) const;
  void deliver(const core::BlockBatch& batch);
  void send(Sender& sender);

  const asset::Model& model_;
  const SimulateOptions options_;
  io::Clock& clock_;
  core::TimeNs start_ = 0;
  core::DurationNs advanced_ = -1;
  std::vector<MachineSimulation> machines_;
  std::optional<DemoSchedule> schedule_;
  std::vector<Planned> faults_;  // those to come and those that act
  std::vector<Server> servers_;
  std::vector<Sender> senders_;
  std::vector<Route> routes_;  // by sensor
  std::size_t simulated_ = 0;  // sensors that machines send; the rest are features, which the plant computes
  std::size_t unserved_ = 0;   // of those, on connectors that are not simulated
  core::BlockBatch batch_;
};

}  // namespace millwright::simulator

// Plant: a whole node: the engine, the connectors that feed it, and the servers that show it.
//
// Threads: open(), start() and stop() from one thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/authority.hpp"
#include "analytics/service.hpp"
#include "api/assets.hpp"
#include "api/maintenance.hpp"
#include "api/server.hpp"
#include "connectors/connector.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "database/database.hpp"
#include "engine/engine.hpp"
#include "forwarding/outputs.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "io/network.hpp"
#include "opcua/server.hpp"
#include "plant_config.hpp"
#include "registry/registry.hpp"
#include "security/certificate_store.hpp"
#include "twin/mirror.hpp"

namespace millwright::app {

class Plant {
 public:
  // `reload` is called, from any thread, when the assets were edited: make another plant of the configuration then.
  static core::Result<std::unique_ptr<Plant>> open(PlantConfig config, std::function<void()> reload = {});
  ~Plant();

  core::Status start();
  // Connectors first, then what is on its way, then the commit, then the faces. Under ten seconds.
  void stop();

  [[nodiscard]] std::string opcua_endpoint() const;
  [[nodiscard]] std::string dashboard_url() const;

 private:
  explicit Plant(PlantConfig config);
  core::Status open_records(std::function<void()> reload);
  core::Status open_access();
  void append_audit(access::AuditEntry entry);
  core::Status open_analytics();
  core::Status open_twins();
  void wire();
  void wire_commands();
  core::Status open_desk();
  core::Status open_outputs();
  api::PlantStatus status();
  std::vector<api::Check> readiness();
  api::ControlCharts control_charts();
  double readings_per_s();

  PlantConfig config_;
  io::RealClock clock_;
  io::RealFileSystem files_;
  io::RealNetwork network_;
  security::CertificateStore certificates_;
  core::TimeNs started_ = 0;
  std::atomic<bool> listening_ = false;  // everything has been started
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<database::Database> database_;
  std::optional<registry::Registry> registry_;
  std::optional<api::AssetServices> assets_;
  std::unique_ptr<analytics::Service> analytics_;
  std::unique_ptr<maintenance::Desk> desk_;  // nullptr: off
  std::optional<api::MaintenanceServices> maintenance_;
  std::vector<std::unique_ptr<connectors::Connector>> connectors_;
  std::unique_ptr<asset::Commands> commands_;
  std::unique_ptr<forwarding::Outputs> outputs_;
  std::unique_ptr<twin::Twins> twins_;
  std::unique_ptr<twin::Mirror> mirror_;
  std::unique_ptr<opcua::Server> opcua_;
  std::unique_ptr<access::Authority> access_;
  std::unique_ptr<api::Server> api_;

  core::Mutex rate_mutex_;
  core::TimeNs rate_at_ GUARDED_BY(rate_mutex_) = 0;
  std::uint64_t rate_readings_ GUARDED_BY(rate_mutex_) = 0;
  double rate_ GUARDED_BY(rate_mutex_) = 0;
};

}  // namespace millwright::app

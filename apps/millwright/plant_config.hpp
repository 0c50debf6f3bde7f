// A plant's file as a whole: which section is whose.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/authority.hpp"
#include "analytics/options.hpp"
#include "api/server.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "connectors/factory.hpp"
#include "core/result.hpp"
#include "database/database.hpp"
#include "engine/engine.hpp"
#include "forwarding/outputs.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "maintenance/options.hpp"
#include "opcua/server.hpp"
#include "security/certificate_store.hpp"
#include "twin/mirror.hpp"
#include "twin/options.hpp"

namespace millwright::app {

struct PlantConfig {
  std::string file;
  std::string file_assets;  // its `assets`, as JSON
  std::string name;
  engine::EngineOptions engine;
  std::shared_ptr<const asset::Model> model;
  std::vector<connectors::ConnectorOptions> connectors;
  std::vector<forwarding::OutputOptions> outputs;
  database::Options database;
  twin::Options twin;
  twin::MirrorOptions mirror;
  analytics::Options analytics;
  opcua::ServerOptions opcua_server;
  maintenance::Options maintenance;
  access::Options access;
  api::Options api;
};

// Fills `config` and gives the problems found; it is to be used only where there are none. Fails where the file cannot
// be read as YAML at all. `assets` (JSON) stands in for the file's.
core::Result<std::vector<config::Problem>> read_plant_config(const std::string& file, PlantConfig& config,
                                                             const std::string& assets = {});
// Whether a plant can be made of these assets; the error has a line for each problem.
core::Status check_assets(const std::string& file, const std::string& assets);
// The plant as it is: its file, with the assets as they were edited while it ran.
core::Status load_plant_config(const std::string& file, PlantConfig& config);
// The same for those who only look: writes nothing, and where the database does not answer, the assets are the file's.
core::Status look_at_plant_config(const std::string& file, PlantConfig& config);

// The plant's certificates, in its data folder. `files` and `clock` outlive it.
security::CertificateStore make_certificate_store(const PlantConfig& config, io::FileSystem& files, io::Clock& clock);

}  // namespace millwright::app

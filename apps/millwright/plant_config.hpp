// A plant's file as a whole: which section is whose.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/authority.hpp"
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
#include "opcua/server.hpp"
#include "security/certificate_store.hpp"

namespace millwright::app {

struct PlantConfig {
  std::string name;
  engine::EngineOptions engine;
  std::shared_ptr<const asset::Model> model;
  std::vector<connectors::ConnectorOptions> connectors;
  std::vector<forwarding::OutputOptions> outputs;
  database::Options database;
  opcua::ServerOptions opcua_server;
  access::Options access;
  api::Options api;
};

// Fills `config` and gives the problems found; it is to be used only where there are none. Fails where the file cannot
// be read as YAML at all.
core::Result<std::vector<config::Problem>> read_plant_config(const std::string& file, PlantConfig& config);
// The same, with the problems as one error.
core::Status load_plant_config(const std::string& file, PlantConfig& config);

// The plant's certificates, in its data folder. `files` and `clock` outlive it.
security::CertificateStore make_certificate_store(const PlantConfig& config, io::FileSystem& files, io::Clock& clock);

}  // namespace millwright::app

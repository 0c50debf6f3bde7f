#include "plant_config.hpp"

#include <algorithm>

#include "asset/load.hpp"
#include "core/text.hpp"
#include "io/file_system.hpp"
#include "registry/registry.hpp"
#include "shipped.hpp"

namespace millwright::app {
namespace {

void read_node(config::Document& document, config::Section node, PlantConfig& config) {
  config.name = node.text("name", {.fallback = "millwright", .length_max = 63});
  if (!core::is_asset_name(config.name)) {
    node.problem("name", "'" + config.name + "' is not a name: lower-case letters, digits and single hyphens");
  }
  const std::string data = node.text("data_dir", {.fallback = "data"});
  config.engine.data_directory = data.starts_with('/') ? data : document.directory() + "/" + data;
  config.engine.shards = static_cast<std::size_t>(node.integer("shards", {.fallback = 0, .low = 0, .high = 256}));
  config.engine.commit_interval =
      node.duration("commit_interval",
                    {.fallback = config.engine.commit_interval, .low = core::kMillisecond, .high = 10 * core::kSecond});
  node.finish();
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Anybody who reaches a port without accounts may use it, so it is this machine alone.
void require_loopback(config::Section at, const std::string& key, const std::string& host) {
  if (is_loopback(host)) return;
  at.problem(key, "'" + host + "' is not this machine; a listener without accounts stays on 127.0.0.1");
}

// A sender has no account; beyond this machine it is known by its certificate.
template <typename Listener>
void require_known_senders(config::Section at, const connectors::ConnectorOptions& connector) {
  const auto* listener = std::get_if<Listener>(&connector.source);
  if (listener == nullptr || is_loopback(listener->host) || listener->tls.mutual()) return;
  at.problem("connectors",
             "'" + connector.name + "': '" + listener->host +
                 "' is not this machine: that takes 'tls' with a client_ca_file, so that senders are known by their "
                 "certificates; `millwright cert` makes them. Else stay on 127.0.0.1");
}

void read_opcua_server(config::Document& document, config::Section at, PlantConfig& config) {
  config.opcua_server = opcua::read_options(at, document.directory());
  if (config.opcua_server.nodesets.empty()) config.opcua_server.nodesets = shipped_directory("nodesets");
  // It has users of its own; with them, and with nothing in the clear, it may be reached from elsewhere.
  if (config.opcua_server.is_closed() || is_loopback(config.opcua_server.host)) return;
  at.problem("host", "'" + config.opcua_server.host +
                         "' is not this machine: that takes 'users', 'anonymous: none' and "
                         "policies other than none in 'security'");
}

// What connectors need of the plant: a place in its data folder; a driver process also where its jar is.
void place_connectors(PlantConfig& config) {
  for (auto& connector : config.connectors) {
    if (auto* opcua = std::get_if<connectors::OpcUaClientOptions>(&connector.source)) {
      opcua->gaps_file = config.engine.data_directory + "/opcua/" + connector.name + ".gaps";
    }
    auto* plc4x = std::get_if<connectors::Plc4xOptions>(&connector.source);
    if (plc4x == nullptr) continue;
    plc4x->folder = config.engine.data_directory + "/plc4x/" + connector.name;
    const std::string shipped = shipped_directory("plc4x");
    if (plc4x->jar.empty() && !shipped.empty()) plc4x->jar = shipped + "/millwright-plc4x.jar";
  }
}

}  // namespace

core::Result<std::vector<config::Problem>> read_plant_config(const std::string& file, PlantConfig& config,
                                                             const std::string& assets) {
  config.file = file;
  auto document = config::Document::load(file, config::process_environment());
  if (!document) return core::unexpected(document.error());
  config::Section root = document->root();
  read_node(*document, root.section("node"), config);
  config.connectors = connectors::read_options(*document, root);
  place_connectors(config);
  std::vector<std::string> names;
  for (const auto& connector : config.connectors) names.push_back(connector.name);
  config::Section described = root.section("assets");
  config.file_assets = described.json();
  if (!assets.empty()) {
    if (auto edited = document->include_text(assets, "assets", root, "assets")) described = *edited;
  }
  config.model = std::make_shared<const asset::Model>(
      asset::load(*document, described, names, {shipped_directory("machine-types")}, asset::kSensorsMax,
                  [&](const std::string& connector, const std::string& address) {
                    return connectors::check_address(config.connectors, connector, address);
                  }));
  config::Section detection = root.section("detection");
  io::RealFileSystem files;
  config.engine.models = engine::read_models(detection.section("models"), document->directory(), files);
  config.engine.detection = engine::read_detection(detection);
  config.engine.alarms = alarms::read_options(root.section("alarms"));
  config.engine.history = historian::read_options(root.section("historian"));
  config.outputs = forwarding::read_options(*document, root, config.name);
  config.database = database::read_options(root.section("database"), document->directory(),
                                           config.engine.data_directory + "/plant.db");
  config::Section twin = root.section("twin");
  config.mirror = twin::read_mirror_options(twin.section("mirror"), document->directory());
  config.twin = twin::read_options(twin, document->directory());
  config.analytics = analytics::read_options(root.section("analytics"), document->directory(), config.name);
  config.maintenance = maintenance::read_options(*document, root.section("maintenance"));
  read_opcua_server(*document, root.section("opcua_server"), config);
  for (const auto& connector : config.connectors) {
    require_known_senders<connectors::BurstServerOptions>(root, connector);
    require_known_senders<connectors::InfluxServerOptions>(root, connector);
  }
  config.access = access::read_options(root.section("access"), document->directory());
  config.api = api::read_options(root.section("api"), document->directory());
  if (config.access.mode == access::Mode::kLocal) require_loopback(root, "api", config.api.host);
  if (config.api.web_directory.empty()) config.api.web_directory = shipped_directory("web");
  root.finish();
  return document->problems();
}

namespace {

core::Status as_status(const core::Result<std::vector<config::Problem>>& problems) {
  if (!problems) return core::unexpected(problems.error());
  if (problems->empty()) return {};
  std::string all;
  for (const config::Problem& problem : *problems) all += (all.empty() ? "" : "\n") + config::to_string(problem);
  return core::unexpected(core::ErrorCode::kInvalid, all);
}

// What was edited since the file was taken; "" where nothing was.
core::Result<std::string> edited_assets(database::Database& database) {
  const auto registry = registry::Registry::open(database);
  if (!registry) return core::unexpected(registry.error());
  const auto edited = registry->edited();
  if (!edited) return core::unexpected(edited.error());
  return *edited ? (*edited)->document.text() : std::string();
}

core::Result<std::string> edited_assets(const database::Options& options) {
  io::RealFileSystem files;
  if (options.postgresql.empty() && !files.exists(options.file)) return std::string();
  auto database = database::Database::open(options);
  if (!database) return core::unexpected(database.error());
  return edited_assets(**database);
}

core::Status take_edits(const std::string& file, const std::string& assets, PlantConfig& config) {
  if (assets.empty()) return {};
  PlantConfig edited;
  if (auto whole = as_status(read_plant_config(file, edited, assets)); !whole) {
    return core::unexpected(whole.error().within("assets as edited"));
  }
  config = std::move(edited);
  return {};
}

// Whether any part has made its tables; in SQLite the file itself says so.
bool has_tables(const database::Options& options, database::Database& database) {
  if (options.postgresql.empty()) return true;
  const auto there = database.query("SELECT CASE WHEN to_regclass('database_parts') IS NULL THEN 0 ELSE 1 END");
  return there && !there->empty() && there->front().integer(0) != 0;
}

}  // namespace

core::Status check_assets(const std::string& file, const std::string& assets) {
  PlantConfig scratch;
  return as_status(read_plant_config(file, scratch, assets));
}

core::Status load_plant_config(const std::string& file, PlantConfig& config) {
  if (auto whole = as_status(read_plant_config(file, config)); !whole) return whole;
  const auto assets = edited_assets(config.database);
  if (!assets) return core::unexpected(assets.error());
  return take_edits(file, *assets, config);
}

core::Status look_at_plant_config(const std::string& file, PlantConfig& config) {
  if (auto whole = as_status(read_plant_config(file, config)); !whole) return whole;
  io::RealFileSystem files;
  if (config.database.postgresql.empty() && !files.exists(config.database.file)) return {};
  const auto database = database::Database::open(config.database);
  if (!database || !has_tables(config.database, **database)) return {};
  const auto assets = edited_assets(**database);
  return assets ? take_edits(file, *assets, config) : core::Status();
}

security::CertificateStore make_certificate_store(const PlantConfig& config, io::FileSystem& files, io::Clock& clock) {
  return {config.engine.data_directory + "/pki", security::identity_of(config.name, config.opcua_server.host), files,
          clock};
}

}  // namespace millwright::app

// opcua browse and opcua import: what a server has, to look at or as the beginning of a plant's file.

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cmd_opcua.hpp"
#include "connectors/opcua_browser.hpp"
#include "connectors/opcua_import.hpp"
#include "core/text.hpp"
#include "core/value_text.hpp"
#include "security/ua_security.hpp"

namespace millwright::app {
namespace {

using connectors::MessageSecurity;
using connectors::OpcUaNode;
using nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kModes{"none", "sign", "encrypt"};
constexpr std::size_t kNotesShown = 20;

struct Request {
  connectors::OpcUaClientOptions client;
  connectors::OpcUaBrowseOptions browse;
  std::string security = "none";
  std::string policy = "basic256sha256";
  bool json = false;
  std::string out;
  std::string place = "enterprise/site/area/line/cell";
};

void add_server(CLI::App* sub, const std::shared_ptr<Request>& request, const std::shared_ptr<StorePlace>& place) {
  sub->add_option("url", request->client.endpoint, "the server, as in opc.tcp://10.0.0.5:4840")->required();
  sub->add_option("path", request->browse.path, "where to begin: names below Objects, or a NodeId");
  sub->add_option("--depth", request->browse.depth, "levels below it")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  sub->add_option("--nodes", request->browse.nodes, "nodes at most")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  std::vector<std::string> policies(security::kPolicyNames.begin() + 1, security::kPolicyNames.end());
  sub->add_option("--security", request->security, "none, sign or encrypt")
      ->check(CLI::IsMember({"none", "sign", "encrypt"}))
      ->capture_default_str();
  sub->add_option("--policy", request->policy, fmt::format("{}", fmt::join(policies, ", ")))
      ->check(CLI::IsMember(policies))
      ->capture_default_str();
  sub->add_option("--user", request->client.user, "whom to log in, where the server takes the password encrypted");
  sub->add_option("--password-file", request->client.password_file, "where the password is");
  sub->add_option("--user-certificate", request->client.user_certificate,
                  "instead: the user's certificate, PEM or DER");
  sub->add_option("--user-key", request->client.user_key, "and its key");
  add_place(sub, place);
}

core::Status complete(Request& request) {
  auto& client = request.client;
  if (!client.endpoint.starts_with("opc.tcp://")) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("'{}': an OPC UA server's URL begins with opc.tcp://", client.endpoint));
  }
  client.security =
      static_cast<MessageSecurity>(std::find(kModes.begin(), kModes.end(), request.security) - kModes.begin());
  client.policy = static_cast<security::Policy>(
      std::find(security::kPolicyNames.begin(), security::kPolicyNames.end(), request.policy) -
      security::kPolicyNames.begin());
  if (client.user.empty() != client.password_file.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid, "--user and --password-file belong together");
  }
  if (client.user_certificate.empty() != client.user_key.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid, "--user-certificate and --user-key belong together");
  }
  if (!client.user_certificate.empty() && (!client.user.empty() || client.security == MessageSecurity::kNone)) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            "--user-certificate takes --security sign or encrypt, and no --user");
  }
  return {};
}

// Browses, with the plant's certificates where they are needed, and shows what `show` makes of it.
int with_tree(Request& request, const StorePlace& place, const std::function<int(const OpcUaNode&)>& show) {
  if (auto completed = complete(request); !completed) return fail(completed.error());
  const auto run = [&](security::CertificateStore* store) {
    const io::RealClock clock;
    const auto tree = connectors::browse_opcua(request.client, store, clock, request.browse);
    return tree ? show(**tree) : fail(tree.error());
  };
  if (!connectors::takes_certificates(request.client)) return run(nullptr);
  return with_store(place, [&](security::CertificateStore& store) { return run(&store); });
}

// ---- browse
// ----------------------------------------------------------------------------------------------------------

ordered_json to_json(const OpcUaNode& node) {
  ordered_json json{{"id", node.id}, {"name", node.name}, {"class", node.is_variable ? "variable" : "object"}};
  if (!node.description.empty()) json["description"] = node.description;
  if (node.is_variable && !node.is_again) {
    json["type"] = node.data_type;
    json["value"] = node.value;
    json["status"] = node.status;
    if (node.type) json["sensor_type"] = std::string(core::to_string(*node.type));
    if (!node.unit.empty()) json["unit"] = node.unit;
    if (node.range) json["range"] = {node.range->first, node.range->second};
    for (const auto& [code, name] : node.states) json["states"][std::to_string(code)] = name;
    json["history"] = node.historizing;
    for (const auto& part : node.parts)
      json["parts"].push_back({{"id", part->id}, {"type", part->data_type}, {"value", part->value}});
    if (node.has_more_parts) json["more_parts"] = true;
  }
  if (node.is_again) json["shown_elsewhere"] = true;
  if (node.is_cut) json["more_below"] = true;
  if (!node.unseen.empty()) json["not_shown"] = node.unseen;
  for (const auto& child : node.children) json["children"].push_back(to_json(*child));
  return json;
}

void print(const OpcUaNode& node, int depth) {
  const std::string name = std::string(static_cast<std::size_t>(depth) * 2, ' ') + node.name;
  std::string what;
  if (node.is_again) {
    what = "(shown elsewhere)";
  } else if (node.is_variable) {
    what = fmt::format("{:<12} {}{}{}", node.data_type, node.value, node.unit.empty() ? "" : " ", node.unit);
    if (node.range) what += fmt::format("  [{}, {}]", node.range->first, node.range->second);
    if (node.status != "Good") what += "  " + node.status;
    if (node.historizing) what += "  history";
  }
  const std::string below = node.unseen.empty() ? (node.is_cut ? "(more below)" : "")
                                                : fmt::format("(the server does not show all below: {})", node.unseen);
  fmt::print("{:<40} {:<48} {}{}\n", name, node.id, what, below);
  for (const auto& child : node.children) print(*child, depth + 1);
}

// ---- import
// ----------------------------------------------------------------------------------------------------------

core::Result<std::array<std::string, 5>> parse_place(const std::string& text) {
  const auto parts = core::split(text, '/');
  std::array<std::string, 5> place;
  const bool is_good = parts.size() == place.size() && std::all_of(parts.begin(), parts.end(), core::is_asset_name);
  if (!is_good) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("--place '{}': write enterprise/site/area/line/cell, each in lower-case "
                                        "letters, digits and hyphens",
                                        text));
  }
  std::copy(parts.begin(), parts.end(), place.begin());
  return place;
}

std::string quoted(const std::string& text) {
  std::string out;
  core::append_json_text(text, out);
  return out;
}

std::string to_plant(const Request& request, const connectors::OpcUaImport& imported) {
  const auto& client = request.client;
  std::string yaml = fmt::format(
      "# The address space of {} as a plant: {} machines, {} sensors. Names, places and ranges are to be looked\n"
      "# through. millwright check-config says whether it can be run, docs/configuration.md what can be said here.\n\n"
      "node:\n  name: plant-1\n\nconnectors:\n  - name: plc\n    type: opcua\n    endpoint: {}\n",
      client.endpoint, imported.machines, imported.sensors, quoted(client.endpoint));
  if (client.security != MessageSecurity::kNone) {
    yaml += fmt::format("    security: {}\n    policy: {}\n", request.security, request.policy);
  }
  if (!client.user.empty()) {
    yaml += fmt::format("    user: {}\n    password_file: {}\n", quoted(client.user), quoted(client.password_file));
  }
  if (!client.user_certificate.empty()) {
    yaml += fmt::format("    user_certificate: {}\n    user_key: {}\n", quoted(client.user_certificate),
                        quoted(client.user_key));
  }
  return yaml + "\n" + imported.assets;
}

int import(const Request& request, const OpcUaNode& tree) {
  const auto place = parse_place(request.place);
  if (!place) return fail(place.error());
  if (std::filesystem::exists(request.out)) {
    return fail({core::ErrorCode::kConflict, fmt::format("{} exists already: give --out another name", request.out)});
  }
  const auto imported = connectors::import_opcua(tree, *place, "plc");
  // By reason, for there may be many.
  std::map<std::string, std::vector<std::string>> notes;
  for (const auto& [node, why] : imported.notes) notes[why].push_back(node);
  for (const auto& [why, nodes] : notes) {
    fmt::print(stderr, "{}: {}\n", nodes.size() == 1 ? "1 node" : fmt::format("{} nodes", nodes.size()), why);
    for (std::size_t i = 0; i < std::min(nodes.size(), kNotesShown); ++i) fmt::print(stderr, "  {}\n", nodes[i]);
    if (nodes.size() > kNotesShown) fmt::print(stderr, "  and {} more\n", nodes.size() - kNotesShown);
  }
  if (imported.machines == 0) {
    return fail({core::ErrorCode::kNotFound,
                 fmt::format("nothing below '{}' can be a sensor: look at it with millwright opcua browse {}",
                             request.browse.path.empty() ? "Objects" : request.browse.path, request.client.endpoint)});
  }
  std::ofstream file(request.out, std::ios::trunc);
  file << to_plant(request, imported);
  file.close();
  if (!file) return fail({core::ErrorCode::kIo, fmt::format("{} cannot be written", request.out)});
  fmt::print("{}: {} machines, {} sensors. Next: millwright check-config {}\n", request.out, imported.machines,
             imported.sensors, request.out);
  return kDone;
}

}  // namespace

void add_opcua_browse(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("browse", "the objects and variables of a server, with types, values and units");
  auto request = std::make_shared<Request>();
  auto place = std::make_shared<StorePlace>();
  add_server(sub, request, place);
  sub->add_flag("--all", request->browse.with_standard, "also what OPC UA itself has below Objects");
  sub->add_flag("--json", request->json, "answer as JSON");
  sub->callback([=] {
    set([=] {
      return with_tree(*request, *place, [&](const OpcUaNode& tree) {
        if (request->json) {
          fmt::print("{}\n", to_json(tree).dump(2, ' ', false, ordered_json::error_handler_t::replace));
        } else {
          print(tree, 0);
        }
        return kDone;
      });
    });
  });
}

void add_opcua_import(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("import", "a server's objects and variables as the machines of a plant's file");
  auto request = std::make_shared<Request>();
  auto place = std::make_shared<StorePlace>();
  add_server(sub, request, place);
  sub->add_option("--out", request->out, "the plant's file to write")->required();
  sub->add_option("--place", request->place, "enterprise/site/area/line/cell of the machines")->capture_default_str();
  sub->callback([=] {
    set([=] { return with_tree(*request, *place, [&](const OpcUaNode& tree) { return import(*request, tree); }); });
  });
}

}  // namespace millwright::app

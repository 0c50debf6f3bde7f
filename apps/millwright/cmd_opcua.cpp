// opcua: whom the plant trusts over OPC UA, and who may log in. What servers have is in cmd_opcua_browse.cpp and
// cmd_opcua_discover.cpp.

#include "cmd_opcua.hpp"

#include <filesystem>
#include <iostream>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "config/secret.hpp"
#include "plant_config.hpp"
#include "security/users.hpp"

namespace millwright::app {

void add_place(CLI::App* sub, const std::shared_ptr<StorePlace>& place) {
  sub->add_option("-c,--config", place->plant, "the plant's YAML file")->capture_default_str();
  sub->add_option("--data", place->data, "its data folder, instead of the file");
}

int with_store(const StorePlace& place, const std::function<int(security::CertificateStore&)>& use) {
  PlantConfig config;
  if (place.data.empty()) {
    if (auto loaded = load_plant_config(place.plant, config); !loaded) return fail(loaded.error());
  } else {
    config.engine.data_directory = place.data;
  }
  io::RealFileSystem files;
  io::RealClock clock;
  security::CertificateStore store = make_certificate_store(config, files, clock);
  return use(store);
}

namespace {

nlohmann::ordered_json to_json(const security::StoredCertificate& stored) {
  return {{"folder", std::string(to_string(stored.folder))},
          {"thumbprint", stored.info.thumbprint},
          {"subject", stored.info.subject},
          {"application_uri", stored.info.application_uri},
          {"valid_from", core::format_time(stored.info.valid_from)},
          {"valid_until", core::format_time(stored.info.valid_until)},
          {"file", stored.file}};
}

int list(security::CertificateStore& store, bool json) {
  const auto all = store.list();
  if (!all) return fail(all.error());
  if (json) {
    auto items = nlohmann::ordered_json::array();
    for (const auto& stored : *all) items.push_back(to_json(stored));
    fmt::print("{}\n", items.dump(2));
    return kDone;
  }
  for (const auto& stored : *all) {
    fmt::print("{:<9} {}  {:.10}  {}  {}\n", to_string(stored.folder), stored.info.thumbprint,
               core::format_time(stored.info.valid_until), stored.info.application_uri, stored.info.subject);
  }
  if (all->empty()) fmt::print("nobody is trusted, and nobody was turned away\n");
  return kDone;
}

int trust(security::CertificateStore& store, const std::string& what) {
  const auto stored = std::filesystem::is_regular_file(what) ? store.trust_file(what) : store.trust(what);
  if (!stored) return fail(stored.error());
  fmt::print("trusted: {} '{}' ({}), from the next connection on\n", stored->info.thumbprint, stored->info.subject,
             stored->info.application_uri);
  return kDone;
}

int own(security::CertificateStore& store, const std::string& out) {
  const auto own = store.own();
  if (!own) return fail(own.error());
  if (!out.empty()) {
    io::RealFileSystem files;
    if (auto written = io::write_file_atomically(files, out, own->certificate); !written) return fail(written.error());
  }
  fmt::print("{} {} '{}', valid until {:.10}\n", own->info.thumbprint, own->info.application_uri, own->info.subject,
             core::format_time(own->info.valid_until));
  return kDone;
}

// The password comes from a file, or as the first line of standard input: never from the command line, which others
// see.
core::Result<std::string> password_from(const std::string& file) {
  if (!file.empty()) {
    const auto password = config::Secret{.file = file, .variable = {}}.read();
    return password ? core::Result<std::string>(password->value_or("")) : core::unexpected(password.error());
  }
  fmt::print(stderr, "password (a line on standard input): ");
  std::string line;
  std::getline(std::cin, line);
  return line;
}

// The users' file with a certificate, or else a password, for this user.
core::Result<std::string> changed_users(const std::string& text, const std::string& file, const std::string& name,
                                        const std::string& password_file, const std::string& certificate_file) {
  if (certificate_file.empty()) {
    const auto password = password_from(password_file);
    if (!password) return core::unexpected(password.error());
    return security::with_user(text, file, name, *password);
  }
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, certificate_file);
  if (!bytes) return core::unexpected(bytes.error());
  const auto der = security::to_der({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!der) return core::unexpected(der.error().within(certificate_file));
  return security::with_certificate(text, file, name, *der);
}

int set_user(const std::string& name, const std::string& file, const std::string& password_file,
             const std::string& certificate_file) {
  io::RealFileSystem files;
  std::string text;
  if (files.exists(file)) {
    const auto bytes = io::read_file(files, file);
    if (!bytes) return fail(bytes.error());
    text.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  const auto changed = changed_users(text, file, name, password_file, certificate_file);
  if (!changed) return fail(changed.error());
  if (auto written = io::write_file_atomically(files, file, *changed); !written) return fail(written.error());
  std::error_code refused;
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, refused);
  if (refused) return fail({core::ErrorCode::kIo, fmt::format("{}: {}", file, refused.message())});
  fmt::print("{} may log in with that {}\n", name, certificate_file.empty() ? "password" : "certificate");
  return kDone;
}

void add_list(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("list", "who is trusted, and who was turned away");
  auto place = std::make_shared<StorePlace>();
  auto json = std::make_shared<bool>(false);
  add_place(sub, place);
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return with_store(*place, [&](auto& store) { return list(store, *json); }); }); });
}

void add_trust(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("trust", "trust a certificate that was turned away, or one in a file");
  auto place = std::make_shared<StorePlace>();
  auto what = std::make_shared<std::string>();
  sub->add_option("thumbprint", *what, "eight or more digits of its thumbprint, or a DER or PEM file")->required();
  add_place(sub, place);
  sub->callback([=] { set([=] { return with_store(*place, [&](auto& store) { return trust(store, *what); }); }); });
}

void add_own(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("certificate", "the plant's own certificate, made if there is none");
  auto place = std::make_shared<StorePlace>();
  auto out = std::make_shared<std::string>();
  sub->add_option("--out", *out, "write it here as DER, for a peer to trust");
  add_place(sub, place);
  sub->callback([=] { set([=] { return with_store(*place, [&](auto& store) { return own(store, *out); }); }); });
}

void add_user(CLI::App& opcua, const SetCommand& set) {
  auto* sub = opcua.add_subcommand("user", "add a user of the OPC UA server, or change a password or certificate");
  auto name = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>();
  auto password_file = std::make_shared<std::string>();
  sub->add_option("name", *name, "who")->required();
  sub->add_option("--users", *file, "the file that opcua_server.users names; made if there is none")->required();
  sub->add_option("--password-file", *password_file, "where the password is; else a line on standard input");
  auto certificate_file = std::make_shared<std::string>();
  sub->add_option("--certificate", *certificate_file, "the user's certificate, DER or PEM, instead of a password")
      ->excludes("--password-file");
  sub->callback([=] { set([=] { return set_user(*name, *file, *password_file, *certificate_file); }); });
}

}  // namespace

void add_opcua(CLI::App& app, const SetCommand& set) {
  auto* opcua = app.add_subcommand("opcua", "look at OPC UA servers, and whom the plant trusts over OPC UA");
  opcua->require_subcommand(1);
  add_opcua_discover(*opcua, set);
  add_opcua_browse(*opcua, set);
  add_opcua_import(*opcua, set);
  add_list(*opcua, set);
  add_trust(*opcua, set);
  add_own(*opcua, set);
  add_user(*opcua, set);
}

}  // namespace millwright::app

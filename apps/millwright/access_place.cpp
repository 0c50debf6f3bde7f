#include "access_place.hpp"

#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <pwd.h>
#include <termios.h>
#include <unistd.h>

#include "access/authority.hpp"
#include "commands.hpp"
#include "config/secret.hpp"
#include "plant_config.hpp"

namespace millwright::app {
namespace {

std::string who_runs_this() {
  const passwd* entry = ::getpwuid(::geteuid());  // NOLINT: before any other thread
  return entry != nullptr ? entry->pw_name : fmt::format("uid {}", ::geteuid());
}

// A line without an echo of it.
std::string typed(const char* prompt) {
  fmt::print(stderr, "{}: ", prompt);
  termios shown{};
  const bool terminal = ::tcgetattr(STDIN_FILENO, &shown) == 0;
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (terminal) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string line;
  std::getline(std::cin, line);
  if (terminal) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  fmt::print(stderr, "\n");
  return line;
}

}  // namespace

void add_place(CLI::App* sub, const std::shared_ptr<AccessPlace>& place) {
  sub->add_option("-c,--config", place->plant, "the plant's YAML file")->capture_default_str();
  sub->add_option("--data", place->data, "its data folder, instead of the file (accounts in SQLite)");
}

int OpenAccess::change(const std::string& what, const std::function<core::Status()>& make) const {
  if (auto ready = audit.ready(); !ready) return fail(ready.error());
  const core::Status done = make();
  const auto sealed = audit.append({.time = clock.now(),
                                    .who = who_runs_this(),
                                    .by = "command",
                                    .from = "this machine",
                                    .what = what,
                                    .status = done ? 200 : 400});
  if (!done) return fail(done.error());
  return sealed ? kDone : fail(sealed.error().within("it was done, but not written to the audit log"));
}

int with_access(const AccessPlace& place, const std::function<int(const OpenAccess&)>& use) {
  PlantConfig config;
  if (place.data.empty()) {
    if (auto loaded = load_plant_config(place.plant, config); !loaded) return fail(loaded.error());
  } else {
    config.engine.data_directory = place.data;
    config.database.file = place.data + "/plant.db";
  }
  io::RealFileSystem files;
  io::RealClock clock;
  if (auto made = files.make_directories(config.engine.data_directory); !made) return fail(made.error());
  const auto database = database::Database::open(config.database);
  if (!database) return fail(database.error());
  const auto accounts = access::Accounts::open(**database, clock);
  if (!accounts) return fail(accounts.error());
  const auto audit = access::open_audit(config.engine.data_directory, **accounts);
  if (!audit) return fail(audit.error());
  return use({**accounts, **audit, access::audit_file(config.engine.data_directory), clock});
}

core::Result<std::string> new_password(const std::string& file) {
  if (!file.empty()) {
    const config::Secret secret{.file = file, .variable = {}};
    auto read = secret.read();
    if (!read) return core::unexpected(read.error());
    return std::move(**read);
  }
  if (::isatty(STDIN_FILENO) != 1) {
    std::string line;
    std::getline(std::cin, line);
    return line;
  }
  std::string password = typed("password");
  if (typed("the same again") == password) return password;
  return core::unexpected(core::ErrorCode::kInvalid, "the two differ");
}

}  // namespace millwright::app

// user, token: who may use the plant, on its data folder, be the plant running or not (a running one knows within a
// second or so).

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access_place.hpp"
#include "commands.hpp"
#include "core/text.hpp"
#include "io/file_system.hpp"

namespace millwright::app {
namespace {

using Json = nlohmann::ordered_json;

struct UserArguments {
  AccessPlace place;
  std::string name;
  std::string role;
  std::vector<std::string> sites;
  std::string password_file;
  bool json = false;
};

struct TokenArguments {
  AccessPlace place;
  std::string id;
  std::string name;
  std::string owner;
  std::string role;
  std::vector<std::string> sites;
  std::string expires_in = "90d";
  std::string out;
  bool json = false;
};

int add_user(const UserArguments& a, const OpenAccess& open) {
  const auto role = access::parse_role(a.role);
  if (!role) return fail(role.error());
  const auto scope = access::Scope::parse(a.sites);
  if (!scope) return fail(scope.error());
  const auto password = new_password(a.password_file);
  if (!password) return fail(password.error());
  const int code = open.change(fmt::format("user add {} {} {}", a.name, a.role, scope->text()),
                               [&] { return open.accounts.add_user(a.name, *password, *role, *scope); });
  if (code == kDone) fmt::print("{} may sign in: {} of {}\n", a.name, a.role, scope->text());
  return code;
}

int list_users(const UserArguments& a, const OpenAccess& open) {
  Json items = Json::array();
  for (const access::User& user : open.accounts.users()) {
    if (!a.json) fmt::print("{:<24} {:<11} {}\n", user.name, to_string(user.role), user.scope.text());
    items.push_back({{"name", user.name},
                     {"role", to_string(user.role)},
                     {"sites", user.scope.places()},
                     {"created", core::format_time(user.created)},
                     {"changed", core::format_time(user.changed)}});
  }
  if (a.json) fmt::print("{}\n", items.dump(2));
  if (!a.json && items.empty())
    fmt::print("there are no users; `millwright user add` or the set-up page makes the first\n");
  return kDone;
}

int set_role(const UserArguments& a, const OpenAccess& open) {
  const auto role = access::parse_role(a.role);
  if (!role) return fail(role.error());
  access::UserChange change{.role = *role};
  if (!a.sites.empty()) {
    const auto scope = access::Scope::parse(a.sites);
    if (!scope) return fail(scope.error());
    change.scope = *scope;
  }
  const std::string where = change.scope ? " " + change.scope->text() : std::string();
  const int code = open.change(fmt::format("user role {} {}{}", a.name, a.role, where),
                               [&] { return open.accounts.change_user(a.name, change); });
  if (code == kDone) fmt::print("{} is {}{}\n", a.name, a.role, where.empty() ? "" : " of" + where);
  return code;
}

int set_password(const UserArguments& a, const OpenAccess& open) {
  const auto password = new_password(a.password_file);
  if (!password) return fail(password.error());
  const int code = open.change("user password " + a.name,
                               [&] { return open.accounts.change_user(a.name, {.password = *password}); });
  if (code == kDone) fmt::print("{} has a new password, and is signed out everywhere\n", a.name);
  return code;
}

int remove_user(const UserArguments& a, const OpenAccess& open) {
  const int code = open.change("user remove " + a.name, [&] { return open.accounts.remove_user(a.name); });
  if (code == kDone) fmt::print("{} is removed, with tokens and sessions\n", a.name);
  return code;
}

int create_token(const TokenArguments& a, const OpenAccess& open) {
  const auto owner = open.accounts.user(a.owner);
  if (!owner) return fail({core::ErrorCode::kNotFound, fmt::format("there is no user '{}'", a.owner)});
  access::ApiToken token{.name = a.name, .owner = a.owner, .role = owner->role, .scope = owner->scope};
  if (!a.role.empty()) {
    const auto role = access::parse_role(a.role);
    if (!role) return fail(role.error());
    token.role = *role;
  }
  if (!a.sites.empty()) {
    const auto scope = access::Scope::parse(a.sites);
    if (!scope) return fail(scope.error());
    token.scope = *scope;
  }
  const auto lasts = core::parse_duration(a.expires_in);
  if (!lasts) return fail(lasts.error().within("--expires-in"));
  token.expires = open.clock.now() + *lasts;
  access::NewSecret made;
  const std::string what =
      fmt::format("token create for {}, {} of {}", a.owner, to_string(token.role), token.scope.text());
  const int code = open.change(what, [&]() -> core::Status {
    auto added = open.accounts.add_token(token);
    if (!added) return core::unexpected(added.error());
    made = std::move(*added);
    return {};
  });
  if (code != kDone) return code;
  fmt::print(stderr, "token {} for {}, until {}; it is shown this once\n", made.id, a.name,
             core::format_time(made.expires));
  if (a.out.empty()) {
    fmt::print("{}\n", made.secret);
    return kDone;
  }
  io::RealFileSystem files;
  auto written = io::write_file_atomically(files, a.out, made.secret + "\n");
  return written ? kDone : fail(written.error());
}

int list_tokens(const TokenArguments& a, const OpenAccess& open) {
  Json items = Json::array();
  for (const access::ApiToken& token : open.accounts.tokens()) {
    const bool expired = token.expires <= open.clock.now();
    if (!a.json) {
      fmt::print("{}  {:<20} {:<16} {:<11} {}  {}{}\n", token.id, token.name, token.owner, to_string(token.role),
                 token.scope.text(), core::format_time(token.expires), expired ? " (expired)" : "");
    }
    items.push_back({{"id", token.id},
                     {"name", token.name},
                     {"owner", token.owner},
                     {"role", to_string(token.role)},
                     {"sites", token.scope.places()},
                     {"created", core::format_time(token.created)},
                     {"expires", core::format_time(token.expires)}});
  }
  if (a.json) fmt::print("{}\n", items.dump(2));
  return kDone;
}

int revoke_token(const TokenArguments& a, const OpenAccess& open) {
  const int code = open.change("token revoke " + a.id, [&] { return open.accounts.remove_token(a.id); });
  if (code == kDone) fmt::print("token {} is revoked\n", a.id);
  return code;
}

// A command below `parent` that works on `Arguments` and the plant's accounts.
template <typename Arguments>
CLI::App* add_command(CLI::App& parent, const SetCommand& set, const char* name, const char* help,
                      const std::shared_ptr<Arguments>& arguments, int (*run)(const Arguments&, const OpenAccess&)) {
  auto* sub = parent.add_subcommand(name, help);
  add_place(sub, std::shared_ptr<AccessPlace>(arguments, &arguments->place));
  sub->callback([=] {
    set([=] { return with_access(arguments->place, [&](const OpenAccess& open) { return run(*arguments, open); }); });
  });
  return sub;
}

constexpr const char* kSites = "asset paths from the enterprise on, each with all below it; '*': the whole plant";
constexpr const char* kRole = "viewer, operator, maintainer, engineer or admin";

}  // namespace

void add_user_command(CLI::App& app, const SetCommand& set) {
  auto* user = app.add_subcommand("user", "who may sign in, and do what where");
  user->require_subcommand(1);
  const auto a = std::make_shared<UserArguments>();
  auto* add =
      add_command(*user, set, "add", "add a user; the password is typed, or a line on standard input", a, add_user);
  add->add_option("name", a->name, "who")->required();
  add->add_option("--role", a->role, kRole)->required();
  add->add_option("--sites", a->sites, kSites)->delimiter(',')->required();
  add->add_option("--password-file", a->password_file, "where the password is");
  auto* list = add_command(*user, set, "list", "the users", a, list_users);
  list->add_flag("--json", a->json, "answer as JSON");
  auto* role = add_command(*user, set, "role", "give a user another role, and other places", a, set_role);
  role->add_option("name", a->name, "who")->required();
  role->add_option("role", a->role, kRole)->required();
  role->add_option("--sites", a->sites, kSites)->delimiter(',');
  auto* password = add_command(*user, set, "password", "set a user's password; ends its sessions", a, set_password);
  password->add_option("name", a->name, "who")->required();
  password->add_option("--password-file", a->password_file, "where the password is; else it is typed");
  auto* remove = add_command(*user, set, "remove", "remove a user, with tokens and sessions", a, remove_user);
  remove->add_option("name", a->name, "who")->required();
}

void add_token_command(CLI::App& app, const SetCommand& set) {
  auto* token = app.add_subcommand("token", "API tokens: what programs show to use the plant");
  token->require_subcommand(1);
  const auto a = std::make_shared<TokenArguments>();
  auto* create = add_command(*token, set, "create", "make a token, with at most its owner's rights", a, create_token);
  create->add_option("owner", a->owner, "the user that it stands for")->required();
  create->add_option("--name", a->name, "what it is for")->required();
  create->add_option("--role", a->role, std::string(kRole) + "; the owner's where it is left out");
  create->add_option("--sites", a->sites, std::string(kSites) + "; the owner's where it is left out")->delimiter(',');
  create->add_option("--expires-in", a->expires_in, "how long it lasts")->capture_default_str();
  create->add_option("--out", a->out, "write it here instead of to standard output");
  auto* list = add_command(*token, set, "list", "the tokens, without their secrets", a, list_tokens);
  list->add_flag("--json", a->json, "answer as JSON");
  auto* revoke = add_command(*token, set, "revoke", "end a token", a, revoke_token);
  revoke->add_option("id", a->id, "as `token list` shows it")->required();
}

}  // namespace millwright::app

#include "access/authority.hpp"

#include <array>
#include <chrono>

#include <fmt/format.h>

#include "access/password.hpp"
#include "core/log.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr core::DurationNs kLook = core::kSecond;
constexpr const char* kSetUpTries = "\nset-up";  // no user's name

}  // namespace

Options read_options(config::Section section, const std::string& directory) {
  static constexpr std::array<std::string_view, 2> kModes = {"accounts", "local"};
  Options options;
  options.mode = static_cast<Mode>(section.choice("mode", kModes, 0));
  options.session_lifetime = section.duration(
      "session_lifetime", {.fallback = options.session_lifetime, .low = core::kMinute, .high = 30 * 24 * core::kHour});
  options.reads_per_s = section.number("reads_per_s", {.fallback = options.reads_per_s, .low = 0, .high = 1e9});
  options.open_id = read_open_id_options(section.section("oidc"), directory);
  section.finish();
  return options;
}

std::string audit_file(const std::string& data_directory) {
  return data_directory + "/audit/log";
}

core::Result<std::unique_ptr<AuditLog>> open_audit(const std::string& data_directory, Accounts& accounts) {
  return AuditLog::open(audit_file(data_directory),
                        [&accounts](const AuditHead& head) { return accounts.keep_head(head.number, head.seal); });
}

core::Result<std::unique_ptr<Authority>> Authority::open(Options options, database::Database& database,
                                                         const std::string& data_directory, const io::Clock& clock,
                                                         Fetch fetch) {
  auto accounts = Accounts::open(database, clock);
  if (!accounts) return unexpected(accounts.error());
  auto audit = open_audit(data_directory, **accounts);
  if (!audit) return unexpected(audit.error());
  return std::unique_ptr<Authority>(new Authority(std::move(options), std::move(*accounts), std::move(*audit),
                                                  access::audit_file(data_directory), clock, std::move(fetch)));
}

Authority::Authority(Options options, std::unique_ptr<Accounts> accounts, std::unique_ptr<AuditLog> audit,
                     std::string audit_file, const io::Clock& clock, Fetch fetch)
    : options_(std::move(options)),
      clock_(clock),
      accounts_(std::move(accounts)),
      audit_(std::move(audit)),
      audit_file_(std::move(audit_file)),
      guard_(clock),
      reads_(options_.reads_per_s, clock) {
  if (!options_.open_id.rules.issuer.empty()) {
    open_id_ = std::make_unique<OpenId>(options_.open_id, std::move(fetch), clock);
  }
}

Authority::~Authority() {
  stop();
}

core::Status Authority::start() {
  if (options_.mode == Mode::kLocal) return {};
  if (needs_set_up()) {
    const auto token = accounts_->make_setup_token();
    if (!token) return unexpected(token.error());
    core::logger("access")->warn(
        "there are no users yet. Make the first, an admin, on the dashboard or by POST /v1/setup, with this set-up "
        "token, "
        "which is good once and is not kept: {}",
        *token);
  }
  match_nothing("");  // makes its hash now, so that the first unknown name takes no longer than others
  thread_ = std::thread([this] { watch(); });
  return {};
}

void Authority::stop() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Authority::watch() {
  const auto log = core::logger("access");
  std::string told;  // the problem as last logged
  for (;;) {
    core::Status fine = accounts_->refresh();
    if (fine && open_id_) fine = open_id_->refresh();
    const std::string problem = fine ? "" : fine.error().message;
    if (!problem.empty() && problem != told) log->error("{}", problem);
    told = problem;
    core::MutexLock lock(mutex_);
    if (!stopping_) static_cast<void>(wake_.wait_for(mutex_, std::chrono::nanoseconds(kLook)));
    if (stopping_) return;
  }
}

std::shared_ptr<const Principal> Authority::bearer(std::string_view token) {
  if (token.empty() || token.size() > kTokenBytesMax) return nullptr;
  const Digest digest = sha256(token);
  if (token.starts_with(kApiToken)) {
    auto found = accounts_->find(digest);
    return found && found->proof == Proof::kToken ? found : nullptr;
  }
  if (!open_id_) return nullptr;
  auto found = open_id_->who(token, digest);
  if (found) return *found;
  core::logger("access")->debug("a bearer token was refused: {}", found.error().message);
  return nullptr;
}

std::shared_ptr<const Principal> Authority::session(std::string_view token) const {
  if (!token.starts_with(kSessionToken)) return nullptr;
  auto found = accounts_->find(sha256(token));
  return found && found->proof == Proof::kSession ? found : nullptr;
}

std::shared_ptr<const Principal> Authority::again(const Principal& principal) const {
  if (principal.proof == Proof::kLocal) return std::make_shared<const Principal>(principal);
  if (principal.proof == Proof::kOpenId) return open_id_ ? open_id_->remembered(principal.digest) : nullptr;
  return accounts_->find(principal.digest);
}

Tried Authority::try_password(const std::string& name, const std::string& password, const std::string& address) {
  if (const core::DurationNs wait = guard_.begin(name, address); wait > 0) return {std::nullopt, wait};
  auto user = accounts_->user(name);
  if (!user) match_nothing(password);
  if (!user || !matches(user->password, password)) return {};
  guard_.passed(name, address);
  return {std::move(user), 0};
}

core::Result<SignIn> Authority::sign_in(const std::string& name, const std::string& password,
                                        const std::string& address) {
  const Tried tried = try_password(name, password, address);
  if (!tried.user) return SignIn{.who = nullptr, .wait = tried.wait};
  if (is_outdated(tried.user->password)) {
    if (auto renewed = accounts_->renew_hash(name, password); !renewed) return unexpected(renewed.error());
  }
  auto session = accounts_->start_session(name, options_.session_lifetime);
  if (!session) return unexpected(session.error());
  return SignIn{.who = accounts_->find(sha256(session->secret)), .session = std::move(*session)};
}

core::Result<core::DurationNs> Authority::set_up(std::string_view token, const std::string& name,
                                                 std::string_view password, const std::string& address) {
  if (const core::DurationNs wait = guard_.begin(kSetUpTries, address); wait > 0) return wait;
  auto made = accounts_->set_up(token, name, password);
  if (!made) return unexpected(made.error());
  guard_.passed(kSetUpTries, address);
  core::logger("access")->info("the first user, {}, was made; the set-up token is used up", name);
  return core::DurationNs{0};
}

std::optional<core::DurationNs> Authority::limit(const Principal& principal, bool slow) {
  if (principal.proof == Proof::kLocal) return std::nullopt;
  return reads_.take(principal.name, slow ? kSlowReadCost : 1);
}

}  // namespace millwright::access

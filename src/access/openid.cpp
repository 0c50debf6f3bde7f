#include "access/openid.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/secret.hpp"
#include "core/text.hpp"
#include "io/file_system.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;
using nlohmann::json;

constexpr core::DurationNs kKeysOld = 5 * core::kMinute;
constexpr core::DurationNs kKeysYoung = 10 * core::kSecond;
constexpr std::size_t kNameBytesMax = 200;

// "realm_access.roles" → claims["realm_access"]["roles"]; a claim whose own name has dots goes first.
const json* claim(const json& claims, std::string_view path) {
  if (const auto whole = claims.find(path); whole != claims.end()) return &*whole;
  const json* at = &claims;
  for (const std::string_view part : core::split(path, '.')) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(part);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

// A list of texts, or one text with spaces between, as `scope` is.
std::vector<std::string> texts_of(const json* value) {
  std::vector<std::string> texts;
  if (value == nullptr) return texts;
  if (value->is_string()) {
    for (const std::string_view part : core::split(value->get_ref<const std::string&>(), ' ')) {
      if (!part.empty()) texts.emplace_back(part);
    }
  } else if (value->is_array()) {
    for (const json& one : *value) {
      if (one.is_string()) texts.push_back(one.get<std::string>());
    }
  }
  return texts;
}

bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

std::vector<Algorithm> read_algorithms(config::Section& section) {
  std::vector<Algorithm> algorithms;
  auto names = section.texts("algorithms");
  if (names.empty()) names = {"RS256"};
  for (const std::string& name : names) {
    const auto found = std::find(kAlgorithmNames.begin(), kAlgorithmNames.end(), name);
    if (found == kAlgorithmNames.end()) {
      section.problem("algorithms", fmt::format("'{}' is not allowed; RS256, ES256 and EdDSA are", name));
    } else {
      algorithms.push_back(static_cast<Algorithm>(found - kAlgorithmNames.begin()));
    }
  }
  return algorithms;
}

std::map<std::string, Role> read_roles(config::Section section) {
  std::map<std::string, Role> roles;
  for (const std::string& name : section.keys()) {
    const auto role = parse_role(section.text(name));
    if (role) {
      roles[name] = *role;
    } else {
      section.problem(name, role.error().message);
    }
  }
  section.finish();
  return roles;
}

}  // namespace

OpenIdOptions read_open_id_options(config::Section section, const std::string& directory) {
  OpenIdOptions options;
  if (!section.present()) {
    section.finish();
    return options;
  }
  options.rules.issuer = section.text("issuer");
  options.rules.audience = section.text("audience");
  options.rules.algorithms = read_algorithms(section);
  options.rules.leeway =
      section.duration("leeway", {.fallback = options.rules.leeway, .low = 0, .high = 10 * core::kMinute});
  options.keys_file = config::read_path(section, "jwks_file", directory);
  options.keys_url = section.text("jwks_url", {.fallback = ""});
  if (options.keys_file.empty() == options.keys_url.empty()) {
    section.problem("jwks_file", "one of jwks_file and jwks_url says where the provider's keys are");
  }
  if (!options.keys_url.empty() && !options.keys_url.starts_with("https://")) {
    section.problem("jwks_url", "keys that came in the clear prove nothing: write an https:// URL");
  }
  options.name_claim = section.text("name_claim", {.fallback = options.name_claim});
  options.role_claim = section.text("role_claim", {.fallback = options.role_claim});
  options.roles = read_roles(section.section("roles"));
  if (options.roles.empty()) section.problem("roles", "say which of the provider's roles is which role here");
  options.places_claim = section.text("sites_claim", {.fallback = ""});
  const std::vector<std::string> sites = section.texts("sites");
  if (options.places_claim.empty() == sites.empty()) {
    section.problem("sites", "either sites_claim says which claim names places, or sites lists them for everybody");
  } else if (!sites.empty()) {
    if (const auto scope = Scope::parse(sites)) {
      options.places = *scope;
    } else {
      section.problem("sites", scope.error().message);
    }
  }
  section.finish();
  return options;
}

OpenId::OpenId(OpenIdOptions options, Fetch fetch, const io::Clock& clock)
    : options_(std::move(options)), fetch_(std::move(fetch)), clock_(clock), keys_(std::make_shared<const KeySet>()) {}

std::shared_ptr<const Principal> OpenId::remembered(const Digest& digest) const {
  core::MutexLock lock(mutex_);
  const auto found = remembered_.find(digest);
  return found == remembered_.end() || found->second->expires <= clock_.now() ? nullptr : found->second;
}

core::Result<std::shared_ptr<const Principal>> OpenId::who(std::string_view token, const Digest& digest) {
  if (auto known = remembered(digest)) return known;
  const auto keys = keys_.get();
  const auto claims = verify_jwt(token, *keys, options_.rules, clock_.now());
  if (!claims) {
    if (claims.error().code == ErrorCode::kNotFound) unknown_key_ = true;
    return unexpected(claims.error());
  }
  const auto principal = principal_of(*claims);
  if (!principal) return principal;
  auto dated = std::make_shared<Principal>(**principal);
  dated->digest = digest;
  core::MutexLock lock(mutex_);
  // Under the lock that refresh() forgets under: what old keys signed is not remembered after it.
  if (keys_.get() != keys) return unexpected(ErrorCode::kInvalid, "the provider's keys have just changed; ask again");
  if (remembered_.size() >= kRememberedMax) remembered_.clear();
  remembered_[digest] = dated;
  return std::shared_ptr<const Principal>(dated);
}

core::Result<std::shared_ptr<const Principal>> OpenId::principal_of(const json& claims) const {
  const json* name = claim(claims, options_.name_claim);
  if (name == nullptr || !name->is_string() || !is_plain(name->get<std::string>())) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the token has no name in its claim '{}'", options_.name_claim));
  }
  Principal principal{.name = "openid:" + name->get<std::string>(), .scope = options_.places, .proof = Proof::kOpenId};
  bool any = false;
  for (const std::string& text : texts_of(claim(claims, options_.role_claim))) {
    const auto role = options_.roles.find(text);
    if (role == options_.roles.end()) continue;
    principal.role = any ? std::max(principal.role, role->second) : role->second;
    any = true;
  }
  if (!any) return unexpected(ErrorCode::kInvalid, "the token names no role that access.oidc.roles knows");
  if (!options_.places_claim.empty()) {
    const auto scope = Scope::parse(texts_of(claim(claims, options_.places_claim)));
    if (!scope) return unexpected(scope.error().within(fmt::format("claim '{}'", options_.places_claim)));
    principal.scope = *scope;
  }
  principal.expires = expiry_of(claims) + options_.rules.leeway;
  return std::make_shared<const Principal>(std::move(principal));
}

core::Result<KeySet> OpenId::read_keys() const {
  core::Result<std::string> text = unexpected(ErrorCode::kUnsupported, "no way to fetch a URL");
  if (options_.keys_file.empty()) {
    if (fetch_) text = fetch_(options_.keys_url);
  } else {
    io::RealFileSystem files;
    const auto bytes = io::read_file(files, options_.keys_file);
    if (!bytes) return unexpected(bytes.error());
    text = std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  if (!text) return unexpected(text.error());
  auto keys = KeySet::parse(*text);
  if (keys) return keys;
  return unexpected(keys.error().within(options_.keys_file.empty() ? options_.keys_url : options_.keys_file));
}

core::Status OpenId::refresh() {
  const core::TimeNs age = clock_.monotonic() - read_at_;
  if (age < kKeysYoung || (age < kKeysOld && !unknown_key_)) return {};
  read_at_ = clock_.monotonic();
  unknown_key_ = false;
  auto keys = read_keys();
  if (!keys) {
    unknown_key_ = true;  // asked again soon
    return unexpected(keys.error().within("access.oidc: the provider's keys"));
  }
  core::MutexLock lock(mutex_);
  keys_.set(std::make_shared<const KeySet>(std::move(*keys)));
  remembered_.clear();
  return {};
}

}  // namespace millwright::access

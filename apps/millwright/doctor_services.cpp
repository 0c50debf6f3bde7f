#include "doctor_services.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "access/openid.hpp"
#include "analytics/order_intake.hpp"
#include "identity_provider.hpp"
#include "mqtt/probe.hpp"

namespace millwright::app {
namespace {

using State = Finding::State;

// No part makes a table here; whether one could is asked.
constexpr std::string_view kMayMakeTables =
    "SELECT CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 1 ELSE 0 END";

Finding examine_postgresql(const std::string& what, const database::Options& options, const std::string& section) {
  const std::string advice =
      fmt::format("see {0}.url and {0}.password_file; is it on, does pg_hba.conf let us?", section);
  const auto opened = database::Database::open(options);
  if (!opened) return {what, State::kBad, opened.error().message, advice};
  const auto may = (*opened)->query(kMayMakeTables);
  if (!may) return {what, State::kBad, may.error().message, advice};
  if (may->empty() || may->front().integer(0) == 0) {
    return {
        what, State::kWarning, options.postgresql + " answers, but its user may make no tables",
        "the first start and some updates make tables: GRANT CREATE ON SCHEMA public, or the schema in search_path"};
  }
  return {what, State::kOk, options.postgresql + " answers, and its user may make tables", {}};
}

Finding examine_database(const database::Options& options) {
  const std::string what = "database";
  if (!options.postgresql.empty()) return examine_postgresql(what, options, "database");
  if (std::error_code error; !std::filesystem::exists(options.file, error)) {
    return {what, State::kOk, options.file + " will be made at the first start", {}};
  }
  const std::string advice = "let the plant's user read and write it, or restore it from a backup";
  const auto opened = database::Database::open(options);
  if (!opened) return {what, State::kBad, opened.error().message, advice};
  const auto tables = (*opened)->query("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'");
  if (!tables) return {what, State::kBad, tables.error().message, advice};
  return {what, State::kOk, fmt::format("{} can be read, {} tables", options.file, tables->front().integer(0)), {}};
}

Finding examine_redis_mirror(const twin::RedisMirrorOptions& options) {
  const std::string what = "twin mirror in Redis";
  const auto target = twin::make_redis_target(options);
  auto there = target->connect();
  if (there) there = target->ask();
  if (there) return {what, State::kOk, redis::to_string(options.server) + " answers", {}};
  return {what, State::kBad, there.error().message, "see twin.mirror.redis: host, port, user and password; is it on?"};
}

// The issuer's own word on itself (OpenID Connect Discovery 1.0, 4). The plant does without it; what it says must fit.
Finding examine_discovery(const std::string& what, const access::OpenIdOptions& options) {
  const std::string& issuer = options.rules.issuer;
  const std::string slash = issuer.ends_with('/') ? "" : "/";
  const auto text = fetch_from_provider(issuer + slash + ".well-known/openid-configuration");
  const std::string keys = "its keys can be read";
  const std::string advice = "access.oidc.issuer is to be what tokens say as 'iss', to the letter";
  if (!text)
    return {what, State::kWarning, fmt::format("{}; its discovery document not: {}", keys, text.error().message),
            advice};
  const auto document = nlohmann::json::parse(*text, nullptr, false);
  const auto said = [&](const char* key) {
    const bool has = document.is_object() && document.contains(key) && document[key].is_string();
    return has ? document[key].get<std::string>() : std::string();
  };
  if (said("issuer") != issuer) {
    return {what, State::kBad, fmt::format("it calls itself '{}', and the plant expects '{}'", said("issuer"), issuer),
            advice};
  }
  if (!options.keys_url.empty() && said("jwks_uri") != options.keys_url) {
    return {what, State::kWarning, fmt::format("{}, but it names '{}' for them", keys, said("jwks_uri")),
            "set access.oidc.jwks_url to that, so that new keys are seen"};
  }
  return {what, State::kOk, fmt::format("{}; {} says the same of itself", keys, issuer), {}};
}

Finding examine_provider(const access::OpenIdOptions& options, const io::Clock& clock) {
  const std::string what = "identity provider";
  access::OpenId provider(options, fetch_from_provider, clock);
  if (auto keys = provider.refresh(); !keys) {
    return {what, State::kBad, "its keys: " + keys.error().message,
            "see access.oidc: jwks_url or jwks_file; without keys nobody can sign in by it"};
  }
  const std::string& issuer = options.rules.issuer;
  if (!issuer.starts_with("https://") && !issuer.starts_with("http://")) {
    return {what, State::kOk, "its keys can be read; it has no address to be asked at", {}};
  }
  return examine_discovery(what, options);
}

}  // namespace

Finding examine_subscriptions(const std::string& what, const mqtt::Options& broker,
                              const std::vector<std::string>& filters) {
  const auto refused = mqtt::probe_filters(broker, filters);
  if (!refused) {
    return {what, State::kBad, refused.error().message, "see host, port, user, password and tls; is it on?"};
  }
  if (!refused->empty()) {
    std::string detail = mqtt::to_string(broker) + " takes the connection";
    for (const auto& [filter, why] : *refused) detail += fmt::format("; '{}': {}", filter, why);
    return {what, State::kBad, detail, "let this user subscribe there, in the broker's access list"};
  }
  return {what, State::kOk, fmt::format("{} grants {}", mqtt::to_string(broker), fmt::join(filters, ", ")), {}};
}

std::vector<Finding> examine_services(const PlantConfig& config, const io::Clock& clock) {
  std::vector<Finding> findings{examine_database(config.database)};
  if (config.mirror.redis) findings.push_back(examine_redis_mirror(*config.mirror.redis));
  if (!config.mirror.postgresql.postgresql.empty()) {
    findings.push_back(
        examine_postgresql("twin mirror in PostgreSQL", config.mirror.postgresql, "twin.mirror.postgresql"));
  }
  if (const auto& orders = config.analytics.orders) {
    findings.push_back(examine_subscriptions("production orders", orders->broker, {orders->topic}));
  }
  if (!config.access.open_id.rules.issuer.empty()) {
    findings.push_back(examine_provider(config.access.open_id, clock));
  }
  return findings;
}

}  // namespace millwright::app

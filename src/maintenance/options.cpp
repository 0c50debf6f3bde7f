#include "maintenance/options.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "http/url.hpp"

namespace millwright::maintenance {
namespace {

constexpr core::DurationNs kDay = 24 * core::kHour;
constexpr std::array<std::string_view, 4> kKinds = {"rest", "sap", "maximo", "odoo"};

void read_threshold(config::Section section, Threshold& threshold, double low, double high, bool upwards) {
  threshold.raise = section.number("raise", {.fallback = threshold.raise, .low = low, .high = high});
  threshold.clear = section.number("clear", {.fallback = threshold.clear, .low = low, .high = high});
  const bool ordered = upwards ? threshold.clear <= threshold.raise : threshold.clear >= threshold.raise;
  if (!ordered) {
    section.problem("clear", fmt::format("must be {} raise ({}): a condition that is raised ends only when it is well "
                                         "over",
                                         upwards ? "at most" : "at least", threshold.raise));
  }
  section.finish();
}

void read_rule(config::Section& section, Rule& rule) {
  read_threshold(section.section("probability"), rule.probability, 0, 1, true);
  read_threshold(section.section("health"), rule.health, 0, 100, false);
  rule.lead_time = section.duration("lead_time", {.fallback = rule.lead_time, .high = 3650 * kDay});
  rule.cool_down = section.duration("cool_down", {.fallback = rule.cool_down, .high = 3650 * kDay});
  rule.auto_approve = section.boolean("auto_approve", rule.auto_approve);
}

std::vector<Rule> read_rules(config::Section& section, const Rule& defaults) {
  std::vector<Rule> rules;
  for (config::Section one : section.sections("rules")) {
    Rule rule = defaults;
    rule.match = one.text("match", {.fallback = rule.match, .length_max = 500});
    rule.cause = one.text("cause", {.fallback = rule.cause, .length_max = 500});
    rule.action = one.text("action", {.fallback = "", .length_max = 2000});
    read_rule(one, rule);
    one.finish();
    rules.push_back(std::move(rule));
  }
  return rules;
}

Template read_template(config::Section& section, std::string_view key, Escape escape, std::string fallback = {}) {
  const std::string text = fallback.empty()
                               ? section.text(key, {.fallback = std::nullopt, .length_max = 64 * 1024})
                               : section.text(key, {.fallback = std::move(fallback), .length_max = 64 * 1024});
  auto read = Template::parse(text, escape);
  if (read) return std::move(*read);
  section.problem(key, read.error().message);
  return {};
}

// An address that the guard knows, once the fields stand in it.
Template read_url(config::Section& section, std::string_view key) {
  Template url = read_template(section, key, Escape::kUrl);
  const auto address = http::parse_web_address(url.render(fields_of(WorkOrder{}, "")));
  if (!address && section.has(key)) section.problem(key, address.error().message);
  return url;
}

std::string read_pointer(config::Section& section, std::string_view key, std::optional<std::string> fallback = {}) {
  std::string pointer = section.text(key, {.fallback = std::move(fallback)});
  if (!pointer.empty() && !pointer.starts_with('/')) {
    section.problem(key, fmt::format("'{}' is no JSON pointer like /result/0/id", pointer));
  }
  return pointer;
}

RestErp read_rest(config::Section& section) {
  RestErp rest;
  config::Section create = section.section("create");
  rest.create_method = create.text("method", {.fallback = rest.create_method});
  rest.content_type = create.text("content_type", {.fallback = rest.content_type});
  rest.create_url = read_url(create, "url");
  rest.create_body = read_template(create, "body", Escape::kJson);
  rest.created_id = read_pointer(create, "id");
  rest.idempotency_header = create.text("idempotency_header", {.fallback = rest.idempotency_header});
  const std::string body = rest.create_body.render(fields_of(WorkOrder{}, ""));
  if (create.has("body") && rest.content_type.ends_with("json") && !nlohmann::json::accept(body)) {
    create.problem("body",
                   "is no JSON once its fields are filled in; {{json:name}} gives a whole value, {{name}} what "
                   "stands between quotes");
  }
  create.finish();
  config::Section lookup = section.section("lookup");
  rest.lookup_url = read_url(lookup, "url");
  rest.lookup_id = read_pointer(lookup, "id");
  lookup.finish();
  config::Section status = section.section("status");
  rest.status_url = read_url(status, "url");
  rest.status_state = read_pointer(status, "state");
  status.finish();
  rest.error = read_pointer(section, "error", "");
  rest.probe_url = section.text("probe_url", {.fallback = ""});
  return rest;
}

SapErp read_sap(config::Section& section) {
  static constexpr std::array<std::string_view, 2> kObjects = {"notification", "order"};
  static constexpr std::array<std::string_view, 2> kPlaces = {"equipment", "functional-location"};
  SapErp sap;
  sap.order = section.choice("object", kObjects, 0) == 1;
  sap.client = section.text("client", {.fallback = ""});
  sap.type = section.text("type", {.fallback = sap.order ? "PM01" : "M1", .length_max = 4});
  sap.planning_plant = section.text("planning_plant", {.fallback = "", .length_max = 4});
  sap.work_center = section.text("work_center", {.fallback = "", .length_max = 8});
  sap.functional_locations = section.choice("technical_object", kPlaces, 0) == 1;
  // A notification has a field for it; an order needs one that the company has added.
  sap.reference_field = sap.order ? section.text("reference_field")
                                  : section.text("reference_field", {.fallback = "MaintNotifExtReferenceNumber"});
  return sap;
}

MaximoErp read_maximo(config::Section& section, const std::string& directory) {
  MaximoErp maximo;
  maximo.api_key = config::read_secret(section, "api_key", directory);
  maximo.object_structure = section.text("object_structure", {.fallback = maximo.object_structure});
  maximo.site = section.text("site");
  maximo.work_type = section.text("work_type", {.fallback = ""});
  maximo.reference_field = section.text("reference_field", {.fallback = maximo.reference_field});
  return maximo;
}

OdooErp read_odoo(config::Section& section) {
  OdooErp odoo;
  odoo.database = section.text("database");
  odoo.team = section.integer("team", {.fallback = 0, .low = 0});
  odoo.reference_field = section.text("reference_field", {.fallback = ""});
  return odoo;
}

std::optional<OAuth2> read_oauth2(config::Section section, const std::string& directory) {
  if (!section.present()) {
    section.finish();
    return std::nullopt;
  }
  OAuth2 oauth;
  oauth.token_url = section.text("token_url");
  oauth.client_id = section.text("client_id");
  oauth.client_secret = config::read_secret(section, "client_secret", directory);
  oauth.scope = section.text("scope", {.fallback = ""});
  if (!http::parse_web_address(oauth.token_url) && !oauth.token_url.empty()) {
    section.problem("token_url", fmt::format("'{}' is no web address", oauth.token_url));
  }
  if (!oauth.client_secret.given()) section.problem("client_secret_file", "or client_secret_env is missing");
  section.finish();
  return oauth;
}

ErpLogin read_login(config::Section& section, const std::string& directory) {
  ErpLogin login;
  login.user = section.text("user", {.fallback = ""});
  login.password = config::read_secret(section, "password", directory);
  login.bearer = config::read_secret(section, "bearer", directory);
  login.oauth2 = read_oauth2(section.section("oauth2"), directory);
  login.certificate_file = config::read_path(section, "certificate_file", directory);
  login.key_file = config::read_path(section, "key_file", directory);
  if (login.user.empty() == login.password.given()) {
    section.problem("user", "user and password_file or password_env belong together");
  }
  if (login.certificate_file.empty() != login.key_file.empty()) {
    section.problem("key_file", "certificate_file and key_file belong together");
  }
  const int ways = (login.user.empty() ? 0 : 1) + (login.bearer.given() ? 1 : 0) + (login.oauth2 ? 1 : 0);
  if (ways > 1) section.problem("user", "user, bearer and oauth2 exclude each other");
  return login;
}

void read_names(config::Section names, std::map<std::string, std::string>& into) {
  for (const std::string& name : names.keys()) into[name] = names.text(name);
  names.finish();
}

void read_states(config::Section names, std::map<std::string, OrderState>& into) {
  for (const std::string& word : names.keys()) {
    const auto state = parse_order_state(names.text(word));
    if (state && *state >= OrderState::kSent) {
      into[word] = *state;
    } else {
      names.problem(word, "must be sent, in-progress, done or rejected");
    }
  }
  names.finish();
}

void read_kind(config::Section& section, ErpOptions& erp, const std::string& directory) {
  switch (section.choice("kind", kKinds, std::nullopt)) {
    case 0:
      erp.to = read_rest(section);
      break;
    case 1:
      erp.to = read_sap(section);
      break;
    case 2:
      erp.to = read_maximo(section, directory);
      break;
    default:
      erp.to = read_odoo(section);
      break;
  }
  erp.kind = kKinds.at(erp.to.index());
  if (erp.to.index() == 0) return;  // its addresses are its templates
  erp.url = section.text("url");
  while (erp.url.ends_with('/')) erp.url.pop_back();
  if (const auto address = http::parse_web_address(erp.url); !address && !erp.url.empty()) {
    section.problem("url", address.error().message);
  }
}

ErpOptions read_erp(config::Section section, const std::string& directory) {
  ErpOptions erp;
  erp.name = section.text("name", {.fallback = std::nullopt, .length_max = 63});
  if (!erp.name.empty() && !core::is_asset_name(erp.name)) {
    section.problem("name", fmt::format("'{}' is not a name: lower-case letters, digits and single hyphens", erp.name));
  }
  read_kind(section, erp, directory);
  erp.machines = section.text("machines", {.fallback = erp.machines});
  const auto allow = section.texts("allow");
  if (auto guard = http::AddressGuard::parse(allow)) {
    erp.guard = std::move(*guard);
  } else {
    section.problem("allow", guard.error().message);
  }
  erp.ca_file = config::read_path(section, "ca_file", directory);
  erp.timeout = section.duration("timeout",
                                 {.fallback = erp.timeout, .low = 100 * core::kMillisecond, .high = 5 * core::kMinute});
  erp.login = read_login(section, directory);
  read_names(section.section("equipment"), erp.equipment);
  read_states(section.section("states"), erp.states);
  erp.retry_min =
      section.duration("retry_min", {.fallback = erp.retry_min, .low = 10 * core::kMillisecond, .high = core::kHour});
  erp.retry_max = section.duration(
      "retry_max", {.fallback = std::max(erp.retry_max, erp.retry_min), .low = erp.retry_min, .high = kDay});
  erp.failures_max = section.integer("failures_max", {.fallback = erp.failures_max, .low = 1, .high = 1000});
  erp.break_for =
      section.duration("break_for", {.fallback = erp.break_for, .low = 10 * core::kMillisecond, .high = kDay});
  erp.poll = section.duration("poll", {.fallback = erp.poll, .low = 100 * core::kMillisecond, .high = kDay});
  section.finish();
  return erp;
}

}  // namespace

std::string equipment_of(const ErpOptions& options, const WorkOrder& order) {
  if (!order.component.empty()) {
    const auto part = options.equipment.find(order.machine + "/" + order.component);
    if (part != options.equipment.end()) return part->second;
  }
  const auto whole = options.equipment.find(order.machine);
  return whole == options.equipment.end() ? order.machine : whole->second;
}

Options read_options(config::Document& document, config::Section section) {
  Options options;
  options.enabled = section.boolean("enabled", options.enabled);
  read_rule(section, options.defaults);
  options.rules = read_rules(section, options.defaults);
  std::set<std::string> names;
  for (config::Section one : section.sections("erps")) {
    options.erps.push_back(read_erp(one, document.directory()));
    const std::string& name = options.erps.back().name;
    if (!names.insert(name).second) one.problem("name", fmt::format("another ERP has the name '{}'", name));
  }
  section.finish();
  return options;
}

}  // namespace millwright::maintenance

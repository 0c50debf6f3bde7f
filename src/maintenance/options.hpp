// The `maintenance` section of a plant's file: when rules raise work orders, and the ERPs that these go to.
//
// Threads: values. Secrets are places (config::Secret), never the thing itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/document.hpp"
#include "config/secret.hpp"
#include "core/time.hpp"
#include "http/address_guard.hpp"
#include "maintenance/template.hpp"
#include "maintenance/work_order.hpp"

namespace millwright::maintenance {

// A rule is beyond at `raise`, and back only at `clear`.
struct Threshold {
  double raise = 0;
  double clear = 0;
};

// What a rule says about the machines and components that it matches.
struct Rule {
  std::string match = "**";  // glob over "path-of-the-machine/component"
  std::string cause = "**";  // glob
  Threshold probability{.raise = 0.5, .clear = 0.3};
  Threshold health{.raise = 40, .clear = 60};
  core::DurationNs lead_time = 7 * 24 * core::kHour;
  core::DurationNs cool_down = 7 * 24 * core::kHour;
  bool auto_approve = false;
  std::string action;  // "": made of the component and the cause
};

struct OAuth2 {
  std::string token_url;
  std::string client_id;
  config::Secret client_secret;
  std::string scope;
};

// How to show who asks; all empty: not at all.
struct ErpLogin {
  std::string user;  // HTTP Basic
  config::Secret password;
  config::Secret bearer;
  std::optional<OAuth2> oauth2;
  std::string certificate_file;  // mutual TLS
  std::string key_file;
};

struct RestErp {
  std::string create_method = "POST";
  std::string content_type = "application/json";
  std::string idempotency_header = "Idempotency-Key";
  Template create_url;
  Template create_body;
  std::string created_id;  // JSON pointers into the answers
  Template lookup_url;
  std::string lookup_id;
  Template status_url;
  std::string status_state;
  std::string error;      // where there is something, the answer is a failure; "": none
  std::string probe_url;  // "": the look-up of a reference that nobody has
};

struct SapErp {
  bool order = false;  // a maintenance order; else a notification
  std::string client;  // sap-client; "": the default
  std::string type;    // of the notification ("M1") or order ("PM01")
  std::string planning_plant;
  std::string work_center;
  std::string reference_field;
  bool functional_locations = false;  // the equipment's numbers are of functional locations
};

struct MaximoErp {
  config::Secret api_key;
  std::string object_structure = "mxapiwo";
  std::string site;
  std::string work_type;
  std::string reference_field = "sendersysid";
};

struct OdooErp {
  std::string database;
  std::int64_t team = 0;        // maintenance.team; 0: Odoo's default
  std::string reference_field;  // "": the reference stands in the name
};

struct ErpOptions {
  std::string name;
  std::string kind;             // "rest", "sap", "maximo", "odoo"
  std::string machines = "**";  // glob over paths: whose orders go there
  std::string url;
  http::AddressGuard guard;
  std::string ca_file;
  core::DurationNs timeout = 30 * core::kSecond;
  ErpLogin login;
  std::map<std::string, std::string> equipment;  // "pump-1" or "pump-1/motor" → its number in the ERP
  std::map<std::string, OrderState> states;      // the ERP's words, beyond those that the connector knows
  core::DurationNs retry_min = 5 * core::kSecond;
  core::DurationNs retry_max = 10 * core::kMinute;
  std::int64_t failures_max = 10;                   // answers that were errors, before a delivery is dead
  core::DurationNs break_for = 30 * core::kSecond;  // how long an ERP that does not answer is left alone
  core::DurationNs poll = core::kMinute;
  std::variant<RestErp, SapErp, MaximoErp, OdooErp> to;
};

// The equipment's number in the ERP; the component's, else the machine's, else the machine's name.
std::string equipment_of(const ErpOptions& options, const WorkOrder& order);

struct Options {
  bool enabled = true;
  Rule defaults;
  std::vector<Rule> rules;  // the first that matches counts; else the defaults
  std::vector<ErpOptions> erps;
};

Options read_options(config::Document& document, config::Section section);

}  // namespace millwright::maintenance

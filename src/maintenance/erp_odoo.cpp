// Odoo, by JSON-RPC: a maintenance.request. Every answer is a 200; errors are inside.
#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"
#include "core/value_text.hpp"
#include "maintenance/erp_session.hpp"
#include "maintenance/erps.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr const char* kModel = "maintenance.request";
// By data.name of the error: what the user gave is wrong, so that another attempt changes nothing.
constexpr std::string_view kRefusals[] = {"odoo.exceptions.ValidationError", "odoo.exceptions.UserError",
                                          "odoo.exceptions.MissingError", "builtins.ValueError"};

std::string odoo_date(core::TimeNs time) {
  std::string text = core::format_time(core::floor_to(time, core::kSecond)).substr(0, 19);
  text[10] = ' ';
  return text;
}

class Odoo final : public Erp {
 public:
  Odoo(const ErpOptions& options, const io::Clock& clock)
      : options_(without_login(options)),
        login_(options.login),
        odoo_(std::get<OdooErp>(options_.to)),
        session_(options_, clock) {}

  core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping& stopping) override {
    const Json condition = odoo_.reference_field.empty() ? Json::array({"name", "=like", "[" + reference + "]%"})
                                                         : Json::array({odoo_.reference_field, "=", reference});
    return first(Json::array({condition}), stopping);
  }

  core::Result<ErpOrder> create(const WorkOrder& order, const std::string&, const Stopping& stopping) override {
    const auto made = execute("create", Json::array({values_of(order)}), Json::object(), stopping);
    if (!made) return unexpected(made.error());
    if (made->is_number_integer()) return ErpOrder{.id = made->dump()};
    return unexpected(ErrorCode::kIo, "the answer to create is no number: " + shortened(made->dump(), 200));
  }

  core::Result<ErpOrder> read(const WorkOrder& order, const Stopping& stopping) override {
    const Json condition = Json::array({"id", "=", core::parse_int(order.erp_id).value_or(0)});
    const auto found = first(Json::array({condition}), stopping);
    if (!found) return unexpected(found.error());
    if (!*found) return unexpected(ErrorCode::kIo, fmt::format("there is no request {} any more", order.erp_id));
    return std::move(**found);
  }

  core::Status probe(const Stopping& stopping) override {
    const auto count = execute("search_count", Json::array({Json::array()}), Json::object(), stopping);
    if (!count) return unexpected(count.error());
    return {};
  }

 private:
  // The log-in goes into the calls, not into the header.
  static ErpOptions without_login(ErpOptions options) {
    options.login.user.clear();
    options.login.password = {};
    return options;
  }

  core::Result<Json> call(const char* service, const char* method, Json args, const Stopping& stopping) {
    const Json request = {{"jsonrpc", "2.0"},
                          {"method", "call"},
                          {"id", ++calls_},
                          {"params", {{"service", service}, {"method", method}, {"args", std::move(args)}}}};
    const std::string body = request.dump(-1, ' ', false, Json::error_handler_t::replace);
    http::ClientRequest post{.method = "POST", .url = options_.url + "/jsonrpc"};
    post.fields = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    post.body = body;
    auto answer = session_.ask(std::move(post), stopping);
    if (!answer) return unexpected(answer.error());
    if (answer->json.contains("error")) {
      const std::string kind = text_at(answer->json, "/error/data/name").value_or("");
      const bool refused = std::find(std::begin(kRefusals), std::end(kRefusals), kind) != std::end(kRefusals);
      return unexpected(refused ? ErrorCode::kInvalid : ErrorCode::kIo,
                        fmt::format("Odoo: {}", shortened(message_of(answer->json), 300)));
    }
    if (!answer->json.contains("result")) return unexpected(ErrorCode::kIo, "the answer has no result");
    return std::move(answer->json["result"]);
  }

  core::Result<std::string> password() const {
    const auto read = login_.password.read();
    if (!read) return unexpected(ErrorCode::kUnavailable, "password: " + read.error().message);
    return read->value_or("");
  }

  core::Status log_in(const std::string& secret, const Stopping& stopping) {
    if (user_ != 0) return {};
    const auto who = call("common", "authenticate", {odoo_.database, login_.user, secret, Json::object()}, stopping);
    if (!who) return unexpected(who.error());
    if (!who->is_number_integer()) {
      return unexpected(ErrorCode::kUnavailable,
                        fmt::format("Odoo refuses the log-in of '{}' to '{}'", login_.user, odoo_.database));
    }
    user_ = who->get<std::int64_t>();
    return {};
  }

  core::Result<Json> execute(const char* method, Json args, Json named, const Stopping& stopping,
                             const char* model = kModel) {
    const auto secret = password();
    if (!secret) return unexpected(secret.error());
    if (auto in = log_in(*secret, stopping); !in) return unexpected(in.error());
    auto result = call("object", "execute_kw",
                       {odoo_.database, user_, *secret, model, method, std::move(args), std::move(named)}, stopping);
    if (!result && result.error().code == ErrorCode::kIo) user_ = 0;  // perhaps the account is another by now
    return result;
  }

  core::Result<std::optional<ErpOrder>> first(Json domain, const Stopping& stopping) {
    const Json named = {{"fields", {"id", "stage_id", "archive"}}, {"limit", 1}};
    const auto rows = execute("search_read", Json::array({std::move(domain)}), named, stopping);
    if (!rows) return unexpected(rows.error());
    if (!rows->is_array()) return unexpected(ErrorCode::kIo, "the answer to search_read is no list");
    if (rows->empty()) return std::optional<ErpOrder>();
    const Json& row = rows->front();
    ErpOrder order{.id = text_at(row, "/id").value_or(""), .word = text_at(row, "/stage_id/1").value_or("")};
    std::optional<OrderState> known;
    if (row.value("archive", false)) {
      known = OrderState::kRejected;
    } else if (const auto stage = text_at(row, "/stage_id/0")) {
      const auto state = state_of_stage(*stage, stopping);
      if (!state) return unexpected(state.error());
      known = *state;
    }
    order.state = state_of(options_, order.word, known);
    return std::optional(std::move(order));
  }

  // A stage that ends a request says so; the first one is where requests wait.
  core::Result<std::optional<OrderState>> state_of_stage(const std::string& stage, const Stopping& stopping) {
    const auto stages =
        execute("search_read", Json::array({Json::array()}),
                {{"fields", {"id", "sequence", "done"}}, {"order", "sequence, id"}}, stopping, "maintenance.stage");
    if (!stages) return unexpected(stages.error());
    if (!stages->is_array()) return unexpected(ErrorCode::kIo, "the answer to search_read is no list");
    for (std::size_t i = 0; i < stages->size(); ++i) {
      const Json& one = (*stages)[i];
      if (text_at(one, "/id") != stage) continue;
      if (text_at(one, "/done") == "true") return std::optional(OrderState::kDone);
      return std::optional(i == 0 ? OrderState::kSent : OrderState::kInProgress);
    }
    return std::optional<OrderState>();
  }

  [[nodiscard]] Json values_of(const WorkOrder& order) const {
    const std::string equipment = equipment_of(options_, order);
    const std::string title = fields_of(order, equipment).at("title");
    Json values = {{"name", odoo_.reference_field.empty() ? fmt::format("[{}] {}", order.reference, title) : title},
                   {"description",
                    fmt::format("<p>{}</p><p>{}</p>", core::html_text(order.cause), core::html_text(order.evidence))},
                   {"maintenance_type", order.by_rule ? "preventive" : "corrective"},
                   {"priority", std::to_string(static_cast<int>(order.priority))}};
    if (!odoo_.reference_field.empty()) values[odoo_.reference_field] = order.reference;
    if (const auto number = core::parse_int(equipment)) values["equipment_id"] = *number;
    if (odoo_.team != 0) values["maintenance_team_id"] = odoo_.team;
    if (order.predicted_failure != 0) values["schedule_date"] = odoo_date(order.predicted_failure - order.lead_time);
    return values;
  }

  const ErpOptions options_;
  const ErpLogin login_;
  const OdooErp& odoo_;
  ErpSession session_;
  std::int64_t user_ = 0;  // 0: not logged in
  std::int64_t calls_ = 0;
};

}  // namespace

std::unique_ptr<Erp> make_odoo_erp(const ErpOptions& options, const io::Clock& clock) {
  return std::make_unique<Odoo>(options, clock);
}

}  // namespace millwright::maintenance

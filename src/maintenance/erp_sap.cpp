// SAP Plant Maintenance, by OData V2: a notification (API_MAINTNOTIFICATION) or an order (API_MAINTENANCEORDER).
// Writing takes a token against forged requests (X-CSRF-Token), fetched with a read and good for the session's cookies.
// Names, lengths and what may be written: the services' $metadata, as published (docs/maintenance.md).
#include <array>

#include <fmt/format.h>

#include "core/text.hpp"
#include "http/url.hpp"
#include "maintenance/erp_session.hpp"
#include "maintenance/erps.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr std::size_t kShortTextBytes = 40;
constexpr std::size_t kLongTextBytes = 1333;

// What differs between the two objects.
struct Object {
  std::string_view service;
  std::string_view entity;  // also the name of its key
  std::string_view text;
  std::string_view type;
  std::string_view state;
};
constexpr Object kNotification{"API_MAINTNOTIFICATION", "MaintenanceNotification", "NotificationText",
                               "NotificationType", "NotifProcessingPhase"};
constexpr Object kOrder{"API_MAINTENANCEORDER", "MaintenanceOrder", "MaintenanceOrderDesc", "MaintenanceOrderType",
                        "SystemStatusText"};

// A notification's phase: 1 outstanding, 2 postponed, 3 in process, 4 completed, 5 to be deleted.
std::optional<OrderState> state_of_phase(std::string_view phase) {
  if (phase == "1" || phase == "2") return OrderState::kSent;
  if (phase == "3") return OrderState::kInProgress;
  if (phase == "4") return OrderState::kDone;
  if (phase == "5") return OrderState::kRejected;
  return std::nullopt;
}

// An order's system status is a line of words in the log-in's language, "REL  MANC NMAT PRC", of which the one that
// says most counts: marked for deletion, closed or technically completed, released, created.
std::optional<OrderState> state_of_status(std::string_view line) {
  static constexpr std::array<std::pair<std::string_view, OrderState>, 5> kWords{{{"DLFL", OrderState::kRejected},
                                                                                  {"CLSD", OrderState::kDone},
                                                                                  {"TECO", OrderState::kDone},
                                                                                  {"REL", OrderState::kInProgress},
                                                                                  {"CRTD", OrderState::kSent}}};
  const std::string words = " " + std::string(line) + " ";
  for (const auto& [word, state] : kWords) {
    if (words.find(" " + std::string(word) + " ") != std::string::npos) return state;
  }
  return std::nullopt;
}

// OData V2's forms of a date (Edm.DateTime) and of a moment (Edm.DateTimeOffset).
std::string odata_date(core::TimeNs time) {
  return fmt::format("/Date({})/", core::floor_to(time, 24 * core::kHour) / core::kMillisecond);
}
std::string odata_moment(core::TimeNs time) {
  return fmt::format("/Date({}+0000)/", time / core::kMillisecond);
}

// SAP's priorities go from 1, very high, to 4, low.
std::string sap_priority(Priority priority) {
  return std::to_string(4 - static_cast<int>(priority));
}

class SapPm final : public Erp {
 public:
  SapPm(const ErpOptions& options, const io::Clock& clock)
      : options_(options),
        sap_(std::get<SapErp>(options_.to)),
        object_(sap_.order ? kOrder : kNotification),
        session_(options_, clock) {}

  core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping& stopping) override {
    const std::string filter = fmt::format("{} eq '{}'", sap_.reference_field, reference);
    const auto answer =
        get(fmt::format("{}?$filter={}&$top=1", object_.entity, http::percent_encode(filter)), stopping);
    if (!answer) return unexpected(answer.error());
    const auto number = text_at(answer->json, fmt::format("/d/results/0/{}", object_.entity));
    if (number) return std::optional(ErpOrder{.id = *number});
    if (answer->json.contains("d")) return std::optional<ErpOrder>();
    return unexpected(ErrorCode::kIo, "the answer has no member d, as OData's has");
  }

  core::Result<ErpOrder> create(const WorkOrder& order, const std::string&, const Stopping& stopping) override {
    const std::string body = body_of(order).dump(-1, ' ', false, Json::error_handler_t::replace);
    auto answer = post(body, stopping);
    if (!answer) return unexpected(answer.error());
    const auto number = text_at(answer->json, fmt::format("/d/{}", object_.entity));
    if (number && !number->empty()) return ErpOrder{.id = *number};
    return unexpected(ErrorCode::kIo, fmt::format("HTTP {}, but the answer has no number: {}", answer->raw.status,
                                                  shortened(answer->raw.body, 200)));
  }

  core::Result<ErpOrder> read(const WorkOrder& order, const Stopping& stopping) override {
    const auto answer = get(fmt::format("{}('{}')?$select={},{}", object_.entity, http::percent_encode(order.erp_id),
                                        object_.entity, object_.state),
                            stopping);
    if (!answer) return unexpected(answer.error());
    const auto word = text_at(answer->json, fmt::format("/d/{}", object_.state));
    if (!word) return unexpected(ErrorCode::kIo, fmt::format("the answer has no {}", object_.state));
    const auto known = sap_.order ? state_of_status(*word) : state_of_phase(*word);
    return ErpOrder{.id = order.erp_id, .word = *word, .state = state_of(options_, *word, known)};
  }

  core::Status probe(const Stopping& stopping) override {
    const auto answer = get(fmt::format("{}?$top=1&$select={}", object_.entity, object_.entity), stopping);
    if (!answer) return unexpected(answer.error());
    return {};
  }

 private:
  [[nodiscard]] std::string url_of(std::string_view path) const {
    std::string url = fmt::format("{}/sap/opu/odata/sap/{}/{}", options_.url, object_.service, path);
    // In English, as are the words of a status and what we write.
    url += fmt::format("{}sap-language=EN", url.find('?') == std::string::npos ? '?' : '&');
    if (!sap_.client.empty()) url += "&sap-client=" + sap_.client;
    return url;
  }

  // OData tells errors by the status; some gateways put them into a 200.
  static core::Result<ErpAnswer> checked(core::Result<ErpAnswer> answer) {
    if (!answer || !answer->json.contains("error")) return answer;
    return unexpected(ErrorCode::kIo,
                      fmt::format("HTTP {} with an error inside: {}", answer->raw.status, message_of(answer->json)));
  }

  core::Result<ErpAnswer> get(std::string_view path, const Stopping& stopping) {
    http::ClientRequest request{.url = url_of(path)};
    request.fields = {{"Accept", "application/json"}};
    return checked(session_.ask(std::move(request), stopping));
  }

  core::Status fetch_token(const Stopping& stopping) {
    http::ClientRequest request{.url = url_of("")};
    request.fields = {{"Accept", "application/json"}, {"X-CSRF-Token", "Fetch"}};
    auto raw = session_.ask_raw(std::move(request), stopping);
    if (!raw) return unexpected(raw.error());
    token_ = raw->field("x-csrf-token");
    const auto answer = read_answer(std::move(*raw));
    if (!answer) return unexpected(answer.error());
    if (token_.empty()) return unexpected(ErrorCode::kUnavailable, "the service gives no X-CSRF-Token");
    return {};
  }

  // A token ends with its session; SAP says so with 403 and "X-CSRF-Token: Required", having done nothing.
  core::Result<ErpAnswer> post(const std::string& body, const Stopping& stopping) {
    for (int attempt = 0;; ++attempt) {
      if (token_.empty()) {
        if (auto fetched = fetch_token(stopping); !fetched) return unexpected(fetched.error());
      }
      http::ClientRequest request{.method = "POST", .url = url_of(object_.entity)};
      request.fields = {{"Content-Type", "application/json"}, {"Accept", "application/json"}, {"X-CSRF-Token", token_}};
      request.body = body;
      auto raw = session_.ask_raw(std::move(request), stopping);
      if (!raw) return unexpected(raw.error());
      const bool stale = raw->status == 403 && core::lower(raw->field("x-csrf-token")) == "required";
      if (!stale || attempt > 0) return checked(read_answer(std::move(*raw)));
      token_.clear();
    }
  }

  [[nodiscard]] Json body_of(const WorkOrder& order) const {
    const std::string equipment = equipment_of(options_, order);
    const std::string title = fields_of(order, equipment).at("title");
    Json body = {{std::string(object_.text), shortened(title, kShortTextBytes)},
                 {std::string(object_.type), sap_.type},
                 {"MaintPriority", sap_priority(order.priority)},
                 {sap_.reference_field, order.reference}};
    if (sap_.order) {
      body[sap_.functional_locations ? "FunctionalLocation" : "Equipment"] = equipment;
      if (order.predicted_failure != 0) body["MaintOrdBasicEndDateTime"] = odata_moment(order.predicted_failure);
    } else {
      body["TechnicalObject"] = equipment;
      body["TechObjIsEquipOrFuncnlLoc"] = sap_.functional_locations ? "EAMS_FL" : "EAMS_EQUI";
      body["MaintNotifLongTextForEdit"] = shortened(long_text(order, title), kLongTextBytes);
      if (order.predicted_failure != 0) body["RequiredEndDate"] = odata_date(order.predicted_failure);
    }
    if (!sap_.planning_plant.empty()) body["MaintenancePlanningPlant"] = sap_.planning_plant;
    if (!sap_.work_center.empty()) body["MainWorkCenter"] = sap_.work_center;
    return body;
  }

  static std::string long_text(const WorkOrder& order, const std::string& title) {
    return fmt::format("{}\nCause: {}\nMillwright work order {}\n{}", title, order.cause, order.id, order.evidence);
  }

  const ErpOptions options_;
  const SapErp& sap_;
  const Object& object_;
  ErpSession session_;
  std::string token_;
};

}  // namespace

std::unique_ptr<Erp> make_sap_erp(const ErpOptions& options, const io::Clock& clock) {
  return std::make_unique<SapPm>(options, clock);
}

}  // namespace millwright::maintenance

// IBM Maximo, by its REST/JSON interface: an object structure of work orders, "lean" JSON, log-in by an API key.
#include <array>

#include <fmt/format.h>

#include "http/url.hpp"
#include "maintenance/erp_session.hpp"
#include "maintenance/erps.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;
using Json = nlohmann::json;

constexpr std::size_t kShortTextBytes = 100;
constexpr const char* kProperties = "wonum,siteid,status";

std::optional<OrderState> state_of_status(const std::string& status) {
  if (status == "INPRG") return OrderState::kInProgress;
  if (status == "COMP" || status == "CLOSE") return OrderState::kDone;
  if (status == "CAN") return OrderState::kRejected;
  for (const char* before : {"WAPPR", "APPR", "WSCH", "WMATL", "WPCOND", "WPMTL"}) {
    if (status == before) return OrderState::kSent;
  }
  return std::nullopt;
}

class Maximo final : public Erp {
 public:
  Maximo(const ErpOptions& options, const io::Clock& clock)
      : options_(options), maximo_(std::get<MaximoErp>(options_.to)), session_(options_, clock) {}

  core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping& stopping) override {
    return first(fmt::format("{}=\"{}\"", maximo_.reference_field, reference), stopping);
  }

  core::Result<ErpOrder> create(const WorkOrder& order, const std::string&, const Stopping& stopping) override {
    const std::string body = body_of(order).dump(-1, ' ', false, Json::error_handler_t::replace);
    http::ClientRequest request{.method = "POST", .url = base() + "?lean=1"};
    request.fields = {{"Content-Type", "application/json"}, {"properties", kProperties}};
    request.body = body;
    const auto answer = ask(std::move(request), stopping);
    if (!answer) return unexpected(answer.error());
    if (const auto number = text_at(answer->json, "/wonum")) return order_of(answer->json, *number);
    return unexpected(ErrorCode::kIo, fmt::format("HTTP {}, but the answer has no wonum: {}", answer->raw.status,
                                                  shortened(answer->raw.body, 200)));
  }

  core::Result<ErpOrder> read(const WorkOrder& order, const Stopping& stopping) override {
    const auto found = first(fmt::format("wonum=\"{}\"", order.erp_id), stopping);
    if (!found) return unexpected(found.error());
    if (!*found) return unexpected(ErrorCode::kIo, fmt::format("there is no work order {} any more", order.erp_id));
    return std::move(**found);
  }

  core::Status probe(const Stopping& stopping) override {
    const auto found = first("", stopping);
    if (!found) return unexpected(found.error());
    return {};
  }

 private:
  [[nodiscard]] std::string base() const { return fmt::format("{}/api/os/{}", options_.url, maximo_.object_structure); }

  [[nodiscard]] ErpOrder order_of(const Json& json, const std::string& number) const {
    const std::string status = text_at(json, "/status").value_or("");
    return {.id = number, .word = status, .state = state_of(options_, status, state_of_status(status))};
  }

  // The first of the site's orders that fit the condition; "": any.
  core::Result<std::optional<ErpOrder>> first(const std::string& condition, const Stopping& stopping) {
    const std::string where =
        fmt::format("{}{}siteid=\"{}\"", condition, condition.empty() ? "" : " and ", maximo_.site);
    http::ClientRequest request{.url = fmt::format("{}?lean=1&oslc.select={}&oslc.pageSize=1&oslc.where={}", base(),
                                                   kProperties, http::percent_encode(where))};
    const auto answer = ask(std::move(request), stopping);
    if (!answer) return unexpected(answer.error());
    if (!answer->json.contains("member")) {
      return unexpected(ErrorCode::kIo, "the answer has no list of members, as Maximo's lean one has");
    }
    const auto number = text_at(answer->json, "/member/0/wonum");
    if (!number) return std::optional<ErpOrder>();
    return std::optional(order_of(answer->json["member"][0], *number));
  }

  core::Result<ErpAnswer> ask(http::ClientRequest request, const Stopping& stopping) {
    request.fields.emplace_back("Accept", "application/json");
    if (maximo_.api_key.given()) {
      const auto key = maximo_.api_key.read();
      if (!key) return unexpected(ErrorCode::kUnavailable, "api_key: " + key.error().message);
      request.fields.emplace_back("apikey", key->value_or(""));
    }
    auto answer = session_.ask(std::move(request), stopping);
    if (!answer) return answer;
    const bool wrong = answer->json.contains("Error") || answer->json.contains("oslc:Error");
    if (!wrong) return answer;
    return unexpected(ErrorCode::kIo,
                      fmt::format("HTTP {} with an error inside: {}", answer->raw.status, message_of(answer->json)));
  }

  [[nodiscard]] Json body_of(const WorkOrder& order) const {
    const std::string equipment = equipment_of(options_, order);
    const std::string title = fields_of(order, equipment).at("title");
    Json body = {{"siteid", maximo_.site},
                 {"description", shortened(title, kShortTextBytes)},
                 {"description_longdescription", fmt::format("{}\nCause: {}\nMillwright work order {}\n{}", title,
                                                             order.cause, order.id, order.evidence)},
                 {"assetnum", equipment},
                 {"wopriority", 4 - static_cast<int>(order.priority)},
                 {maximo_.reference_field, order.reference}};
    if (!maximo_.work_type.empty()) body["worktype"] = maximo_.work_type;
    if (order.predicted_failure != 0) body["targcompdate"] = core::format_time(order.predicted_failure);
    return body;
  }

  const ErpOptions options_;
  const MaximoErp& maximo_;
  ErpSession session_;
};

}  // namespace

std::unique_ptr<Erp> make_maximo_erp(const ErpOptions& options, const io::Clock& clock) {
  return std::make_unique<Maximo>(options, clock);
}

}  // namespace millwright::maintenance

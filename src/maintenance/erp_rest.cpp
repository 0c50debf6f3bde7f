// Any ERP with a REST interface, by templates.
#include <fmt/format.h>

#include "maintenance/erp_session.hpp"
#include "maintenance/erps.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using core::unexpected;

// Crockford's alphabet has no U, so no order has this reference.
constexpr const char* kNobodysReference = "UNUSEDUNUSEDUNUSED00";

class GenericErp final : public Erp {
 public:
  GenericErp(const ErpOptions& options, const io::Clock& clock)
      : options_(options), rest_(std::get<RestErp>(options_.to)), session_(options_, clock) {}

  core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping& stopping) override {
    WorkOrder sought;
    sought.reference = reference;
    http::ClientRequest request{.url = rest_.lookup_url.render(fields_of(sought, ""))};
    request.fields = {{"Accept", "application/json"}};
    auto raw = session_.ask_raw(std::move(request), stopping);
    if (!raw) return unexpected(raw.error());
    if (raw->status == 404) return std::optional<ErpOrder>();  // where each order has an address of its own
    const auto answer = checked(read_answer(std::move(*raw)));
    if (!answer) return unexpected(answer.error());
    auto id = text_at(answer->json, rest_.lookup_id);
    if (!id || id->empty()) return std::optional<ErpOrder>();
    return std::optional(ErpOrder{.id = std::move(*id)});
  }

  core::Result<ErpOrder> create(const WorkOrder& order, const std::string& key, const Stopping& stopping) override {
    const Fields fields = fields_of(order, equipment_of(options_, order));
    const std::string body = rest_.create_body.render(fields);
    http::ClientRequest request{.method = rest_.create_method, .url = rest_.create_url.render(fields)};
    request.fields = {{"Content-Type", rest_.content_type}, {"Accept", "application/json"}};
    if (!rest_.idempotency_header.empty()) request.fields.emplace_back(rest_.idempotency_header, key);
    request.body = body;
    const auto answer = checked(session_.ask(std::move(request), stopping));
    if (!answer) return unexpected(answer.error());
    auto id = text_at(answer->json, rest_.created_id);
    if (id && !id->empty()) return ErpOrder{.id = std::move(*id)};
    return unexpected(ErrorCode::kIo, fmt::format("HTTP {}, but the answer has no {}: {}", answer->raw.status,
                                                  rest_.created_id, shortened(answer->raw.body, 200)));
  }

  core::Result<ErpOrder> read(const WorkOrder& order, const Stopping& stopping) override {
    http::ClientRequest request{.url = rest_.status_url.render(fields_of(order, equipment_of(options_, order)))};
    request.fields = {{"Accept", "application/json"}};
    const auto answer = checked(session_.ask(std::move(request), stopping));
    if (!answer) return unexpected(answer.error());
    const auto word = text_at(answer->json, rest_.status_state);
    if (!word) return unexpected(ErrorCode::kIo, fmt::format("the answer has no {}", rest_.status_state));
    return ErpOrder{.id = order.erp_id, .word = *word, .state = state_of(options_, *word, parse_order_state(*word))};
  }

  core::Status probe(const Stopping& stopping) override {
    if (rest_.probe_url.empty()) {
      const auto found = find(kNobodysReference, stopping);
      if (!found) return unexpected(found.error());
      return {};
    }
    const auto answer = session_.ask({.url = rest_.probe_url}, stopping);
    if (!answer) return unexpected(answer.error());
    return {};
  }

 private:
  // An error inside of an answer that calls itself a success.
  [[nodiscard]] core::Result<ErpAnswer> checked(core::Result<ErpAnswer> answer) const {
    if (!answer || rest_.error.empty()) return answer;
    const auto error = text_at(answer->json, rest_.error);
    if (!error || error->empty() || *error == "false") return answer;
    return unexpected(ErrorCode::kIo,
                      fmt::format("HTTP {} with an error inside: {}", answer->raw.status, shortened(*error, 300)));
  }

  const ErpOptions options_;
  const RestErp& rest_;
  ErpSession session_;
};

}  // namespace

std::unique_ptr<Erp> make_rest_erp(const ErpOptions& options, const io::Clock& clock) {
  return std::make_unique<GenericErp>(options, clock);
}

std::unique_ptr<Erp> make_erp(const ErpOptions& options, const io::Clock& clock) {
  switch (options.to.index()) {
    case 0:
      return make_rest_erp(options, clock);
    case 1:
      return make_sap_erp(options, clock);
    case 2:
      return make_maximo_erp(options, clock);
    default:
      return make_odoo_erp(options, clock);
  }
}

}  // namespace millwright::maintenance

// ErpSession: requests to an ERP with its log-in, and answers as JSON, with what is an error inside of an answer told
// from what is none: a page of HTML where JSON was asked for, a redirect to a log-in, a text that is no JSON.
//
// Threads: one at a time. Errors: as Erp's. No secret stands in any of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/result.hpp"
#include "http/client.hpp"
#include "io/clock.hpp"
#include "maintenance/options.hpp"

namespace millwright::maintenance {

struct ErpAnswer {
  http::Answer raw;
  nlohmann::json json;  // null where the body is empty
};

class ErpSession {
 public:
  using Stopping = http::Client::Stopping;

  // `options` and `clock` outlive it.
  ErpSession(const ErpOptions& options, const io::Clock& clock);

  // Any answer that is one, of whatever status; tokens are renewed where the ERP refuses them.
  core::Result<http::Answer> ask_raw(http::ClientRequest request, const Stopping& stopping);
  // A success with JSON, or an error with the ERP's own message.
  core::Result<ErpAnswer> ask(http::ClientRequest request, const Stopping& stopping);

 private:
  core::Status add_login(http::ClientRequest& request, const Stopping& stopping);
  core::Result<std::string> token(const OAuth2& oauth, const Stopping& stopping);

  const ErpOptions& options_;
  const io::Clock& clock_;
  http::Client client_;
  std::string token_;
  core::TimeNs token_until_ = 0;  // by the monotonic clock
};

// An answer as JSON, or why it is none.
core::Result<ErpAnswer> read_answer(http::Answer answer);
// The message in an error's JSON, by the forms that ERPs use; "": none is known.
std::string message_of(const nlohmann::json& answer);
// The text or number that a JSON pointer leads to; nothing where there is none.
std::optional<std::string> text_at(const nlohmann::json& json, const std::string& pointer);
// What the ERP's word means: as the plant's file says, else `known`.
std::optional<OrderState> state_of(const ErpOptions& options, const std::string& word, std::optional<OrderState> known);
// At most `bytes` of UTF-8, cut between characters.
std::string shortened(std::string_view text, std::size_t bytes);

}  // namespace millwright::maintenance

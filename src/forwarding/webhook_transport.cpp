#include "forwarding/webhook_transport.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "http/client.hpp"
#include "http/url.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;

constexpr std::size_t kAnswerKept = 200;  // bytes of the answer, for the reason
bool refused_for_good(int code) {
  return code >= 400 && code < 500 && code != 408 && code != 429;
}

http::ClientOptions client_options(const WebhookOptions& options) {
  http::ClientOptions client;
  client.timeout = options.timeout;
  client.answer_bytes_max = kAnswerKept;
  client.long_answer = http::LongAnswer::kCutOff;
  client.ca_file = options.ca_file;
  client.guard = options.guard;
  return client;
}

class WebhookTransport final : public Transport {
 public:
  explicit WebhookTransport(const WebhookOptions& options) : options_(options) {}

  [[nodiscard]] std::string peer() const override { return options_.url; }

  // Secrets and the name are looked at anew after each failure.
  core::Status connect(const Stopping&) override {
    if (client_) return {};
    auto secret = options_.secret.read();
    if (!secret) return core::unexpected(secret.error().within("secret"));
    auto bearer = options_.bearer.read();
    if (!bearer) return core::unexpected(bearer.error().within("bearer"));
    if (auto open = http::check_host(options_.guard, options_.host); !open) return open;
    secret_ = std::move(*secret);
    bearer_ = std::move(*bearer);
    client_.emplace(client_options(options_));
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (stopping()) return Delivery::retry(i, "stopping");
      const auto answer = post(events[i], stopping);
      if (!answer) {
        client_.reset();
        return Delivery::retry(i, answer.error().message);
      }
      if (answer->ok()) continue;
      std::string reason = fmt::format("HTTP {}{}{}", answer->status, answer->body.empty() ? "" : ": ", answer->body);
      if (refused_for_good(answer->status)) return Delivery::refused(i, std::move(reason));
      client_.reset();
      return Delivery::retry(i, std::move(reason));
    }
    return {events.size(), std::nullopt};
  }

 private:
  core::Result<http::Answer> post(const Event& event, const Stopping& stopping) {
    http::ClientRequest request{.method = "POST", .url = options_.url};
    request.sends = http::Sends::kMaybeAgain;  // an event has its id
    request.fields = {{"Content-Type", "application/json"},
                      {"Idempotency-Key", event.key},
                      {"X-Millwright-Event", std::string(event.kind)}};
    if (secret_) request.fields.emplace_back("X-Millwright-Signature", signature(*secret_, event.body));
    request.credentials.bearer = bearer_.value_or("");
    request.body = event.body;
    return client_->ask(request, stopping);
  }

  const WebhookOptions options_;
  std::optional<std::string> secret_;
  std::optional<std::string> bearer_;
  std::optional<http::Client> client_;
};

}  // namespace

std::string signature(std::string_view secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &length);
  return fmt::format("sha256={:02x}", fmt::join(digest, digest + length, ""));
}

WebhookOptions read_webhook_options(config::Section& section, const std::string& directory) {
  WebhookOptions options;
  options.url = section.text("url");
  if (auto address = http::parse_web_address(options.url)) {
    options.host = std::move(address->host);
    options.port = address->port;
  } else if (!options.url.empty()) {
    section.problem("url", address.error().message);
  }
  const auto allow = section.texts("allow");
  if (auto guard = http::AddressGuard::parse(allow)) {
    options.guard = std::move(*guard);
  } else {
    section.problem("allow", guard.error().message);
  }
  options.secret = read_secret(section, "secret", directory);
  options.bearer = read_secret(section, "bearer", directory);
  options.ca_file = read_path(section, "ca_file", directory);
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 100 * core::kMillisecond, .high = 5 * core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_webhook_transport(const WebhookOptions& options) {
  return std::make_unique<WebhookTransport>(options);
}

core::Result<std::string> probe_webhook(const WebhookOptions& options) {
  http::Client client(client_options(options));
  const auto answer = client.ask({.method = "HEAD", .url = options.url});
  if (!answer) return core::unexpected(answer.error());
  return fmt::format("{} answers (HTTP {} to HEAD); nothing was sent", options.url, answer->status);
}

}  // namespace millwright::forwarding

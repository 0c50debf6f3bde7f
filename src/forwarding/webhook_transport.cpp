#include "forwarding/webhook_transport.hpp"

#include <algorithm>
#include <cstdint>

#include <curl/curl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace millwright::forwarding {
namespace {

using core::ErrorCode;

constexpr std::size_t kAnswerKept = 200;  // bytes of the answer, for the reason
constexpr std::string_view kSchemes[] = {"https", "http"};

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

class Headers {
 public:
  Headers() = default;
  ~Headers() { curl_slist_free_all(list_); }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  void add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

std::string url_part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::size_t keep_start(char* data, std::size_t size, std::size_t count, void* answer) {
  auto& text = *static_cast<std::string*>(answer);
  if (text.size() < kAnswerKept) text.append(data, std::min(size * count, kAnswerKept - text.size()));
  return size * count;
}

int give_up_when_stopping(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const Stopping*>(stopping))() ? 1 : 0;
}

bool refused_for_good(long code) {
  return code >= 400 && code < 500 && code != 408 && code != 429;
}

class WebhookTransport final : public Transport {
 public:
  explicit WebhookTransport(const WebhookOptions& options) : options_(options), curl_(nullptr, curl_easy_cleanup) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(kReady);
  }

  [[nodiscard]] std::string peer() const override { return options_.url; }

  // The name is resolved, and so checked and pinned, anew after each failure.
  core::Status connect(const Stopping&) override {
    if (curl_) return {};
    auto secret = options_.secret.read();
    if (!secret) return core::unexpected(secret.error().within("secret"));
    auto bearer = options_.bearer.read();
    if (!bearer) return core::unexpected(bearer.error().within("bearer"));
    const auto addresses = resolve(options_.guard, options_.host);
    if (!addresses) return core::unexpected(addresses.error());
    secret_ = std::move(*secret);
    bearer_ = std::move(*bearer);
    Curl curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return core::unexpected(ErrorCode::kIo, "libcurl does not start");
    pinned_ = std::make_unique<Headers>();
    pinned_->add(fmt::format("{}:{}:{}", options_.host, options_.port, fmt::join(*addresses, ",")));
    set_up(curl.get());
    curl_ = std::move(curl);
    return {};
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (stopping()) return Delivery::retry(i, "stopping");
      std::string answer;
      const auto code = post(events[i].key, events[i], stopping, answer);
      if (!code) {
        curl_.reset();
        return Delivery::retry(i, code.error().message);
      }
      if (*code >= 200 && *code < 300) continue;
      std::string reason = fmt::format("HTTP {}{}{}", *code, answer.empty() ? "" : ": ", answer);
      if (refused_for_good(*code)) return Delivery::refused(i, std::move(reason));
      curl_.reset();
      return Delivery::retry(i, std::move(reason));
    }
    return {events.size(), std::nullopt};
  }

 private:
  void set_up(CURL* curl) const {
    curl_easy_setopt(curl, CURLOPT_URL, options_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_RESOLVE, pinned_->get());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout / core::kMillisecond));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "millwright");
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up_when_stopping);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_start);
  }

  core::Result<long> post(const std::string& key, const Event& event, const Stopping& stopping, std::string& answer) {
    Headers headers;
    headers.add("Content-Type: application/json");
    headers.add("Expect:");
    headers.add("Idempotency-Key: " + key);
    headers.add(fmt::format("X-Millwright-Event: {}", event.kind));
    if (secret_) headers.add("X-Millwright-Signature: " + signature(*secret_, event.body));
    if (bearer_) headers.add("Authorization: Bearer " + *bearer_);
    curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDS, event.body.data());
    curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(event.body.size()));
    curl_easy_setopt(curl_.get(), CURLOPT_XFERINFODATA, &stopping);
    curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &answer);
    if (const CURLcode done = curl_easy_perform(curl_.get()); done != CURLE_OK) {
      return core::unexpected(ErrorCode::kUnavailable, fmt::format("{}: {}", options_.url, curl_easy_strerror(done)));
    }
    long code = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  const WebhookOptions options_;
  std::optional<std::string> secret_;
  std::optional<std::string> bearer_;
  std::unique_ptr<Headers> pinned_;  // outlives the handle that uses it
  Curl curl_;
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
  const UrlHandle url(curl_url(), curl_url_cleanup);
  const bool parsed = curl_url_set(url.get(), CURLUPART_URL, options.url.c_str(), 0) == CURLUE_OK;
  const std::string scheme = url_part(url.get(), CURLUPART_SCHEME);
  if (!options.url.empty() &&
      (!parsed || std::find(std::begin(kSchemes), std::end(kSchemes), scheme) == std::end(kSchemes))) {
    section.problem("url", fmt::format("'{}' is no web address like https://hooks.example.com/alarms", options.url));
  }
  if (!url_part(url.get(), CURLUPART_USER).empty() || !url_part(url.get(), CURLUPART_PASSWORD).empty()) {
    section.problem("url", "a URL goes into logs, so no password may be in it; use bearer_file or bearer_env");
  }
  options.host = url_part(url.get(), CURLUPART_HOST);
  if (options.host.starts_with('[') && options.host.ends_with(']')) {
    options.host = options.host.substr(1, options.host.size() - 2);
  }
  const std::string port = url_part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  options.port = static_cast<std::uint16_t>(port.empty() ? 0 : std::stoi(port));
  const auto allow = section.texts("allow");
  if (auto guard = AddressGuard::parse(allow)) {
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

}  // namespace millwright::forwarding

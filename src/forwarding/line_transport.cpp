#include "forwarding/line_transport.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "core/text.hpp"
#include "forwarding/bulk.hpp"
#include "http/client.hpp"
#include "http/gzip.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using std::chrono::steady_clock;

constexpr auto kLookEvery = std::chrono::seconds(5);  // whether the server is there, while nothing is sent
constexpr core::DurationNs kConnectTimeout = 2 * core::kSecond;
constexpr std::size_t kAnswerKept = 300;  // bytes, for the reason

bool refused_for_good(int status) {
  return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 && status != 408 &&
         status != 429;
}

http::ClientOptions client_options(const LineOptions& options) {
  http::ClientOptions client;
  client.connect_timeout = kConnectTimeout;
  client.timeout = options.timeout;
  client.answer_bytes_max = kAnswerKept;
  client.long_answer = http::LongAnswer::kCutOff;
  client.ca_file = options.ca_file;
  return client;
}

class LineTransport final : public Transport {
 public:
  explicit LineTransport(const LineOptions& options)
      : options_(options),
        url_(options.url + (options.url.find('?') == std::string::npos ? "?precision=ns" : "&precision=ns")),
        client_(client_options(options)) {}

  [[nodiscard]] std::string peer() const override { return options_.url.substr(0, options_.url.find('?')); }

  // A request without a line says whether the server, the database and the right to write are there.
  core::Status connect(const Stopping& stopping) override {
    if (steady_clock::now() - heard_ < kLookEvery) return {};
    if (auto read = read_secrets(); !read) return read;
    const auto status = post("", stopping);
    if (status || status.error().code == ErrorCode::kInvalid) return {};  // some refuse a request that is empty
    heard_ = {};
    return status;
  }

  Delivery deliver(std::span<const Event> events, const Stopping& stopping) override {
    return deliver_in_bulk(events, [&](std::span<const Event> some) {
      std::size_t size = 0;
      for (const Event& event : some) size += event.body.size();
      std::string body;
      body.reserve(size);
      for (const Event& event : some) body += event.body;
      return post(body, stopping);
    });
  }

 private:
  core::Status read_secrets() {
    auto token = options_.token.read();
    if (!token) return core::unexpected(token.error().within("token"));
    auto password = options_.password.read();
    if (!password) return core::unexpected(password.error().within("password"));
    token_ = std::move(*token);
    password_ = password->value_or("");
    return {};
  }

  core::Status post(const std::string& lines, const Stopping& stopping) {
    http::ClientRequest request{.method = "POST", .url = url_};
    request.sends = http::Sends::kMaybeAgain;  // receivers know what they have
    request.fields.emplace_back("Content-Type", "text/plain; charset=utf-8");
    if (token_) request.fields.emplace_back("Authorization", "Token " + *token_);
    if (!options_.user.empty()) request.credentials = {.user = options_.user, .password = password_, .bearer = {}};
    const bool pack = options_.gzip && !lines.empty();
    const std::string packed = pack ? http::gzip(lines) : std::string();
    if (pack) request.fields.emplace_back("Content-Encoding", "gzip");
    request.body = pack ? packed : lines;
    const auto answer = client_.ask(request, stopping);
    if (!answer) {
      heard_ = {};
      return core::unexpected(ErrorCode::kUnavailable, answer.error().message);
    }
    if (answer->ok()) {
      heard_ = steady_clock::now();
      return {};
    }
    const bool never = refused_for_good(answer->status);
    if (!never) heard_ = {};
    return core::unexpected(never ? ErrorCode::kInvalid : ErrorCode::kUnavailable,
                            fmt::format("{}: HTTP {}: {}", peer(), answer->status, core::trim(answer->body)));
  }

  const LineOptions options_;
  const std::string url_;
  http::Client client_;
  std::optional<std::string> token_;
  std::string password_;
  steady_clock::time_point heard_{};  // from the server
};

}  // namespace

LineOptions read_line_options(config::Section& section, const std::string& directory) {
  LineOptions options;
  options.url = section.text("url");
  if (!options.url.empty() && !options.url.starts_with("http://") && !options.url.starts_with("https://")) {
    section.problem("url",
                    fmt::format("'{}' is no web address like http://db.example.com:8086/write?db=plant", options.url));
  }
  const std::size_t host = options.url.find("//");
  const std::string authority = options.url.substr(std::min(options.url.size(), host));
  if (authority.substr(0, authority.find('/', 2)).find('@') != std::string::npos) {
    section.problem("url", "a URL goes into logs, so no password may be in it; use user and password_file");
  }
  options.measurement = section.text("measurement", {.fallback = "readings"});
  if (options.measurement.empty()) section.problem("measurement", "a measurement has a name");
  options.token = read_secret(section, "token", directory);
  options.user = section.text("user", {.fallback = ""});
  options.password = read_secret(section, "password", directory);
  if (options.password.given() == options.user.empty()) {
    section.problem("user", "a user and a password belong together: user, and password_file or password_env");
  }
  if (options.token.given() && !options.user.empty()) {
    section.problem("user", "either a token or a user, not both");
  }
  options.gzip = section.boolean("gzip", true);
  options.ca_file = read_path(section, "ca_file", directory);
  options.timeout = section.duration(
      "timeout", {.fallback = options.timeout, .low = 100 * core::kMillisecond, .high = 5 * core::kMinute});
  return options;
}

std::unique_ptr<Transport> make_line_transport(const LineOptions& options) {
  return std::make_unique<LineTransport>(options);
}

}  // namespace millwright::forwarding

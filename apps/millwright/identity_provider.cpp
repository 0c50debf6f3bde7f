#include "identity_provider.hpp"

#include <fmt/format.h>

#include "access/jwt.hpp"
#include "http/client.hpp"

namespace millwright::app {

core::Result<std::string> fetch_from_provider(const std::string& url) {
  http::ClientOptions options;
  options.timeout = 10 * core::kSecond;
  options.answer_bytes_max = access::kKeySetBytesMax;
  auto answer = http::Client(options).ask({.url = url});
  if (!answer) return core::unexpected(answer.error());
  if (answer->ok()) return std::move(answer->body);
  return core::unexpected(core::ErrorCode::kUnavailable, fmt::format("{} answers with {}", url, answer->status));
}

}  // namespace millwright::app

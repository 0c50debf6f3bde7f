#include "http_get.hpp"

#include <memory>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

namespace millwright::app {
namespace {

constexpr long kPlantPatienceMs = 120'000;

std::size_t append(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

}  // namespace

core::Result<std::string> get_text(const std::string& url, core::DurationNs timeout) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return core::unexpected(core::ErrorCode::kIo, "libcurl does not start");
  std::string body;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout / core::kMillisecond));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
    return core::unexpected(core::ErrorCode::kUnavailable, url + ": " + curl_easy_strerror(code));
  }
  return body;
}

core::Result<nlohmann::json> get_json(const std::string& url, core::DurationNs timeout) {
  const auto body = get_text(url, timeout);
  if (!body) return core::unexpected(body.error());
  auto json = nlohmann::json::parse(*body, nullptr, false);
  if (json.is_discarded()) return core::unexpected(core::ErrorCode::kInvalid, url + ": the answer is no JSON");
  return json;
}

core::Result<nlohmann::json> ask_plant(const std::string& url, const PostBody* body) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return core::unexpected(core::ErrorCode::kIo, "libcurl does not start");
  std::string answer;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> fields(nullptr, curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kPlantPatienceMs);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  if (body != nullptr) {
    fields.reset(curl_slist_append(nullptr, ("Content-Type: " + body->media).c_str()));
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, fields.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body->text.data());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->text.size()));
  }
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
    return core::unexpected(core::ErrorCode::kUnavailable, url + ": " + curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  auto json = nlohmann::json::parse(answer, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return core::unexpected(core::ErrorCode::kInvalid, url + ": the answer is no JSON");
  }
  if (status < 400) return json;
  const auto code = status == 404   ? core::ErrorCode::kNotFound
                    : status == 409 ? core::ErrorCode::kConflict
                    : status < 500  ? core::ErrorCode::kInvalid
                                    : core::ErrorCode::kUnavailable;
  return core::unexpected(code, json.value("detail", "the plant refuses it"));
}

std::string url_text(const std::string& text) {
  const std::unique_ptr<char, decltype(&curl_free)> escaped(
      curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
  return escaped ? escaped.get() : text;
}

}  // namespace millwright::app

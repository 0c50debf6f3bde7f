#include "http/client.hpp"

#include <algorithm>

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include "core/text.hpp"
#include "http/url.hpp"

namespace millwright::http {
namespace {

using core::ErrorCode;
using core::unexpected;

using FieldList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

bool on_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Without what may be secret or long.
std::string shown(const ClientRequest& request) {
  return fmt::format("{} {}", request.method, std::string_view(request.url).substr(0, request.url.find_first_of("?#")));
}

// What libcurl's callbacks see of one request.
struct Progress {
  const ClientOptions& options;
  const Client::Stopping& stopping;
  std::string host;
  std::string body{};
  bool too_long = false;
  std::optional<core::Error> closed_address{};
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* of) {
  auto& progress = *static_cast<Progress*>(of);
  const std::size_t bytes = size * count;
  const std::size_t room = progress.options.answer_bytes_max - progress.body.size();
  progress.body.append(data, std::min(bytes, room));
  if (bytes <= room || progress.options.long_answer == LongAnswer::kCutOff) return bytes;
  progress.too_long = true;
  return CURL_WRITEFUNC_ERROR;
}

int give_up_when_stopping(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& stopping = static_cast<const Progress*>(of)->stopping;
  return stopping && stopping() ? 1 : 0;
}

// The address is checked where it is used, so that no name can change between the check and the connection.
curl_socket_t open_permitted(void* of, curlsocktype, curl_sockaddr* to) {
  auto& progress = *static_cast<Progress*>(of);
  const auto address = ip_of(to->addr);
  if (!address) return CURL_SOCKET_BAD;
  if (!progress.options.guard->permits(progress.host, *address)) {
    progress.closed_address = AddressGuard::refusal(progress.host, *address);
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

core::Status check_fields(const ClientRequest& request) {
  for (const auto& [name, value] : request.fields) {
    if (name.empty() || !on_one_line(name) || !on_one_line(value)) {
      return unexpected(ErrorCode::kInvalid, fmt::format("{}: a header field holds a line's end", shown(request)));
    }
  }
  const auto& [user, password, bearer] = request.credentials;
  if (!on_one_line(user) || !on_one_line(password) || !on_one_line(bearer)) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: a secret holds a line's end", shown(request)));
  }
  return {};
}

FieldList to_list(const ClientRequest& request) {
  FieldList list(nullptr, curl_slist_free_all);
  const auto add = [&list](const std::string& line) {
    curl_slist* grown = curl_slist_append(list.get(), line.c_str());
    ASSERT(grown != nullptr, "no memory for a header field");
    static_cast<void>(list.release());
    list.reset(grown);
  };
  // libcurl takes "Name:" as "leave it out" and "Name;" as "send it empty".
  for (const auto& [name, value] : request.fields) add(value.empty() ? name + ";" : name + ": " + value);
  add("Expect:");
  const auto is_type = [](const auto& field) { return core::lower(field.first) == "content-type"; };
  if (std::none_of(request.fields.begin(), request.fields.end(), is_type)) add("Content-Type:");
  return list;
}

long in_ms(core::DurationNs duration) {
  return static_cast<long>(std::max<core::DurationNs>(1, duration / core::kMillisecond));
}

}  // namespace

std::string_view Answer::field(std::string_view name) const {
  const auto at = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return at == fields.end() ? std::string_view() : std::string_view(at->second);
}

struct Client::Impl {
  explicit Impl(ClientOptions given) : options(std::move(given)), handle(nullptr, curl_easy_cleanup) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(kReady);
    handle.reset(curl_easy_init());
  }

  void set_up_transfer(Progress& progress) const {
    CURL* curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "millwright");
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, in_ms(std::min(options.connect_timeout, options.timeout)));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, in_ms(options.timeout));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    if (!options.certificate_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_SSLCERT, options.certificate_file.c_str());
      curl_easy_setopt(curl, CURLOPT_SSLKEY, options.key_file.c_str());
    }
    // No cookie, but it begins to keep them; a COOKIEFILE of "" would leak a little at each reset (curl 7.88).
    if (options.cookies == Cookies::kKept) curl_easy_setopt(curl, CURLOPT_COOKIELIST, "Set-Cookie:");
    if (options.guard) {
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_permitted);
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &progress);
    }
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, give_up_when_stopping);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &progress);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &progress);
  }

  void set_up_request(const ClientRequest& request, const curl_slist* fields) const {
    CURL* curl = handle.get();
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request.body && request.sends == Sends::kOnce ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    if (request.body) {
      curl_easy_setopt(curl, CURLOPT_POST, 1L);
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body->data() == nullptr ? "" : request.body->data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    }
    if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    const auto& [user, password, bearer] = request.credentials;
    if (!bearer.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, bearer.c_str());
    } else if (!user.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl_easy_setopt(curl, CURLOPT_USERNAME, user.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, password.c_str());
    }
  }

  [[nodiscard]] Answer answer(std::string body) const {
    Answer answer;
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    answer.body = std::move(body);
    curl_header* field = nullptr;
    while ((field = curl_easy_nextheader(handle.get(), CURLH_HEADER, -1, field)) != nullptr) {
      answer.fields.emplace_back(core::lower(field->name), field->value);
    }
    return answer;
  }

  ClientOptions options;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

core::Result<Answer> Client::ask(const ClientRequest& request, const Stopping& stopping) {
  if (!impl_->handle) return unexpected(ErrorCode::kIo, "libcurl does not start");
  const auto address = parse_web_address(request.url);
  if (!address) return unexpected(address.error());
  if (const auto checked = check_fields(request); !checked) return unexpected(checked.error());
  Progress progress{.options = impl_->options, .stopping = stopping, .host = address->host};
  const FieldList fields = to_list(request);
  char why[CURL_ERROR_SIZE] = {};
  // What connections, names and cookies there are outlives the reset; the options of the last request do not.
  curl_easy_reset(impl_->handle.get());
  curl_easy_setopt(impl_->handle.get(), CURLOPT_ERRORBUFFER, why);
  impl_->set_up_transfer(progress);
  impl_->set_up_request(request, fields.get());
  const CURLcode done = curl_easy_perform(impl_->handle.get());
  curl_easy_setopt(impl_->handle.get(), CURLOPT_ERRORBUFFER, nullptr);
  if (done == CURLE_OK) return impl_->answer(std::move(progress.body));

  const auto failed = [&](ErrorCode code, std::string_view text) {
    return unexpected(code, fmt::format("{}: {}", shown(request), text));
  };
  if (progress.closed_address) return unexpected(progress.closed_address->within(shown(request)));
  if (progress.too_long) {
    return failed(ErrorCode::kFull, fmt::format("the answer is longer than {} bytes", impl_->options.answer_bytes_max));
  }
  if (done == CURLE_ABORTED_BY_CALLBACK) return failed(ErrorCode::kClosed, "given up, because this side stops");
  const std::string_view text = why[0] != '\0' ? why : curl_easy_strerror(done);
  return failed(done == CURLE_OPERATION_TIMEDOUT ? ErrorCode::kTimeout : ErrorCode::kUnavailable, text);
}

}  // namespace millwright::http

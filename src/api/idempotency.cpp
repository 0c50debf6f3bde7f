#include "api/idempotency.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access/token.hpp"
#include "api/problem.hpp"
#include "core/log.hpp"

namespace millwright::api {
namespace {

using core::unexpected;
using database::Connection;

constexpr std::array<std::string_view, 2> kSteps = {
    "CREATE TABLE api_answers (owner TEXT NOT NULL, id TEXT NOT NULL, request TEXT NOT NULL, started BIGINT NOT NULL, "
    "status BIGINT NOT NULL, media TEXT NOT NULL, fields TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (owner, id))",
    "CREATE INDEX api_answers_started ON api_answers (started)"};

// What a key stands for; the lengths keep one part from running into the next.
std::string digest_of(const Request& request) {
  const std::string head = fmt::format("{} {} {} {} {} ", http::method_name(request.method), request.path.size(),
                                       request.path, request.query.size(), request.query);
  return access::to_hex(access::sha256(head + std::string(request.body)));
}

// Visible characters of ASCII, as a header field may hold.
bool is_key(std::string_view key) {
  return key.size() <= IdempotencyKeys::kKeyBytesMax &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Response replayed(const database::Row& row) {
  Response response;
  response.status = static_cast<int>(row.integer(1));
  response.content_type = row.text(2);
  const auto fields = nlohmann::json::parse(row.text(3), nullptr, false);
  if (fields.is_array()) response.fields = fields.get<HeaderFields>();
  response.fields.emplace_back("Idempotency-Replayed", "true");
  response.body = row.text(4);
  return response;
}

Response conflict(const Request& request, std::string_view what) {
  return problem(409, fmt::format("Idempotency-Key '{}': {}", request.idempotency_key, what), request.path);
}

}  // namespace

// A request's turn: while it lasts, no other with the same key begins.
class IdempotencyKeys::Turn {
 public:
  Turn(IdempotencyKeys& keys, const Id& id) : keys_(keys), id_(id) {
    core::MutexLock lock(keys.mutex_);
    taken_ = keys.running_.insert(id).second;
  }
  ~Turn() {
    if (!taken_) return;
    core::MutexLock lock(keys_.mutex_);
    keys_.running_.erase(id_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  IdempotencyKeys& keys_;
  const Id& id_;
  bool taken_ = false;
};

core::Status IdempotencyKeys::open() {
  return database_.migrate("api", kSteps);
}

core::Result<std::optional<Response>> IdempotencyKeys::look(const Id& id, const Request& request, core::TimeNs now) {
  const std::string digest = digest_of(request);
  std::optional<Response> answer;
  auto looked = database_.transaction([&](Connection& connection) -> core::Status {
    const auto forgotten = connection.execute("DELETE FROM api_answers WHERE started <= :a", {now - kKept});
    if (!forgotten) return unexpected(forgotten.error());
    const auto rows =
        connection.query("SELECT request, status, media, fields, body FROM api_answers WHERE owner = :a AND id = :b",
                         {id.first, id.second});
    if (!rows) return unexpected(rows.error());
    if (rows->empty()) {
      const auto written = connection.execute(
          "INSERT INTO api_answers (owner, id, request, started, status, media, fields, body) "
          "VALUES (:a, :b, :c, :d, 0, '', '', '')",
          {id.first, id.second, digest, now});
      return written ? core::Status() : unexpected(written.error());
    }
    const database::Row& row = rows->front();
    if (row.text(0) != digest) {
      answer = problem(422,
                       fmt::format("Idempotency-Key '{}' was used for another request; give each request a key of its "
                                   "own",
                                   id.second),
                       request.path);
    } else if (row.integer(1) == 0) {
      answer = conflict(request,
                        "the plant stopped while it carried this request out; look whether it was done, and if not "
                        "send it with a new key");
    } else {
      answer = replayed(row);
    }
    return {};
  });
  if (!looked) return unexpected(looked.error());
  return answer;
}

core::Status IdempotencyKeys::keep(const Id& id, const Response& response) {
  const auto kept = database_.execute(
      "UPDATE api_answers SET status = :a, media = :b, fields = :c, body = :d WHERE owner = :e AND id = :f",
      {response.status, response.content_type, nlohmann::json(response.fields).dump(), response.body, id.first,
       id.second});
  return kept ? core::Status() : unexpected(kept.error());
}

core::Status IdempotencyKeys::forget(const Id& id) {
  const auto gone = database_.execute("DELETE FROM api_answers WHERE owner = :a AND id = :b", {id.first, id.second});
  return gone ? core::Status() : unexpected(gone.error());
}

Response IdempotencyKeys::once(const std::string& owner, const Request& request, core::TimeNs now,
                               const std::function<Response()>& carry_out) {
  if (!is_key(request.idempotency_key)) {
    return problem(
        400,
        fmt::format("Idempotency-Key: must be at most {} visible characters of ASCII, such as a UUID", kKeyBytesMax),
        request.path);
  }
  const Id id(owner, request.idempotency_key);
  const Turn turn(*this, id);
  if (!turn.taken()) return conflict(request, "a request with this key is being carried out; ask again in a moment");
  auto known = look(id, request, now);
  if (!known) return problem(known.error(), request.path);
  if (*known) return std::move(**known);
  Response response = carry_out();
  const bool again = response.status >= 500 || response.status == 429;  // may be tried again
  if (auto noted = again ? forget(id) : keep(id, response); !noted) {
    core::logger("api")->error("{}: the answer under its Idempotency-Key: {}", request.path, noted.error().message);
  }
  return response;
}

}  // namespace millwright::api

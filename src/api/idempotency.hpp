// Idempotency keys: a POST that carries one (Idempotency-Key) is carried out once, however often it is sent; who sends
// it again gets the first answer, with `Idempotency-Replayed: true`. As in the IETF's draft "The Idempotency-Key HTTP
// Header Field".
//
// A key is its sender's and stands for one request: method, path, query and body. It is written down before the request
// is carried out, and its answer after; both are kept for kKept. What was answered with 5xx or 429 may be tried again.
//
// Threads: any; waits for the disk. Errors are answers: 400 a key that is none, 409 while the request is being carried
// out, or where the plant stopped in the middle of it; 422 where the key was used for another request.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "api/http.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "database/database.hpp"

namespace millwright::api {

class IdempotencyKeys {
 public:
  static constexpr std::size_t kKeyBytesMax = 200;
  static constexpr core::DurationNs kKept = 24 * core::kHour;

  // `database` outlives it.
  explicit IdempotencyKeys(database::Database& database) : database_(database) {}
  // Makes the table. Before the first once().
  core::Status open();
  // The answer to `request`, which has a key: by `carry_out`, or what that answered the first time.
  Response once(const std::string& owner, const Request& request, core::TimeNs now,
                const std::function<Response()>& carry_out);

 private:
  using Id = std::pair<std::string, std::string>;  // owner, key
  class Turn;
  // The answer that there is already, or nothing: the key is written down.
  core::Result<std::optional<Response>> look(const Id& id, const Request& request, core::TimeNs now);
  core::Status keep(const Id& id, const Response& response);
  core::Status forget(const Id& id);

  database::Database& database_;
  core::Mutex mutex_;
  std::set<Id> running_ GUARDED_BY(mutex_);
};

}  // namespace millwright::api

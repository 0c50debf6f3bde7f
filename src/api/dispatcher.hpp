// Dispatcher: from a request to its answer: who may ask, which route, which thread; and the metrics of it.
//
// Threads: handle() is called from the transport's threads and never waits: endpoints of the pace kSlow go to the
// worker pool, changes to a pool of their own (each is written to the audit log before it is answered), streams to the
// streamer, the rest is answered at once.
//
// Who may ask: who shows a token (Authorization: Bearer) or a session's cookie, as far as role and places reach
// (docs/security.md); without accounts, whoever is on this machine. A web page on another site, opened in a browser
// that is signed in or on this machine, must not borrow that: what changes something must be JSON, or a model bundle,
// and come from this origin; without accounts the Host must also name this machine (else a foreign name may have been
// pointed at 127.0.0.1). No CORS field is ever sent.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>

#include "api/handlers.hpp"
#include "api/http.hpp"
#include "api/idempotency.hpp"
#include "api/router.hpp"
#include "api/static_files.hpp"
#include "api/streamer.hpp"
#include "core/metrics.hpp"

namespace millwright::api {

class Dispatcher {
 public:
  // All of it outlives the dispatcher; keys may be nullptr: none are kept.
  Dispatcher(const Options& options, const Services& services, const Router& router, const Handlers& handlers,
             WorkerPool& workers, WorkerPool& changes, Streamer& streamer, IdempotencyKeys* keys);
  void handle(Request request, std::shared_ptr<Exchange> exchange);

 private:
  struct Pending;  // one request on its way
  [[nodiscard]] bool refuse(Pending& pending) const;
  [[nodiscard]] bool refuse_host(Pending& pending) const;
  [[nodiscard]] bool refuse_person(Pending& pending) const;
  [[nodiscard]] bool refuse_body(Pending& pending) const;
  [[nodiscard]] bool refuse_key(Pending& pending) const;
  [[nodiscard]] static bool has_key(const Pending& pending);
  void answer(Pending& pending);
  [[nodiscard]] Response answer_now(const Pending& pending) const;
  static Response failed(const Request& request, const std::exception& error);
  using Answer = std::function<Response(const Pending&)>;
  void answer_on(WorkerPool& pool, Pending& pending, Answer answer) const;
  [[nodiscard]] Response recorded(const Pending& pending, Response response) const;
  void answer_stream(Pending& pending);
  [[nodiscard]] Response file(const Pending& pending) const;
  void finish(Pending& pending, Response response) const;
  void count(std::string_view route, int status, core::TimeNs started) const;

  static constexpr std::size_t kUrlBytesMax = 8 * 1024;

  const Options options_;
  const Services services_;
  const Router& router_;
  const Handlers& handlers_;
  const StaticFiles files_;
  WorkerPool& workers_;
  WorkerPool& changes_;
  Streamer& streamer_;
  IdempotencyKeys* const keys_;
  struct Meters {
    core::Histogram* seconds = nullptr;
    core::Counter* good = nullptr;  // answered with 200, which most are: found without a look-up by labels
  };
  [[nodiscard]] core::Counter& counter(std::string_view route, int status) const;
  std::map<std::string_view, Meters> meters_;  // by route
};

}  // namespace millwright::api

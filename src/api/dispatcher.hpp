// Dispatcher: from a request to its answer: who may ask, which route, which thread; and the metrics of it.
//
// Threads: handle() is called from the transport's threads and never waits: endpoints of the pace kSlow go to the
// worker pool, streams to the streamer, the rest is answered at once.
//
// Who may ask: as there are no accounts, being on this machine is the only right there is. A web page on another site,
// opened in a browser on this machine, must not borrow it: the Host must name this machine (else a foreign name may
// have been pointed at 127.0.0.1), and a POST must be JSON, or a model bundle, and come from this origin. No CORS field
// is ever sent.
#pragma once

#include <map>
#include <memory>

#include "api/handlers.hpp"
#include "api/http.hpp"
#include "api/router.hpp"
#include "api/static_files.hpp"
#include "api/streamer.hpp"
#include "core/metrics.hpp"

namespace millwright::api {

class Dispatcher {
 public:
  // All of it outlives the dispatcher.
  Dispatcher(const Options& options, const Services& services, const Router& router, const Handlers& handlers,
             WorkerPool& workers, Streamer& streamer);
  void handle(Request request, std::shared_ptr<Exchange> exchange);

 private:
  struct Pending;  // one request on its way
  [[nodiscard]] bool refuse(Pending& pending) const;
  [[nodiscard]] bool refuse_body(Pending& pending) const;
  void answer(Pending& pending);
  [[nodiscard]] Response answer_now(const Pending& pending) const;
  void answer_slowly(Pending& pending);
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
  Streamer& streamer_;
  std::map<std::string_view, core::Histogram*> seconds_;  // by route
};

}  // namespace millwright::api

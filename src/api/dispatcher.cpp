#include "api/dispatcher.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/access.hpp"
#include "api/etag.hpp"
#include "api/problem.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "http/guard.hpp"

namespace millwright::api {
namespace {

constexpr std::string_view kNoRoute = "none";

bool is_change(const Endpoint& endpoint) {
  return endpoint.method != Method::kGet && !endpoint.only_reads;
}

constexpr std::string_view kPagePolicy =
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kDataPolicy = "default-src 'none'; frame-ancestors 'none'";  // loads and runs nothing

void secure(HeaderFields& fields, bool page) {
  fields.reserve(fields.size() + 6);
  fields.emplace_back("X-Content-Type-Options", "nosniff");
  fields.emplace_back("X-Frame-Options", "DENY");
  fields.emplace_back("Referrer-Policy", "no-referrer");
  fields.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  fields.emplace_back("Content-Security-Policy", page ? kPagePolicy : kDataPolicy);
}

}  // namespace

struct Dispatcher::Pending {
  Request request;
  std::shared_ptr<Exchange> exchange;
  core::TimeNs started = 0;  // monotonic
  const Endpoint* endpoint = nullptr;
  std::vector<std::string> captured{};
  Parameters parameters{};
  Identity who = local_identity();
};

Dispatcher::Dispatcher(const Options& options, const Services& services, const Router& router, const Handlers& handlers,
                       WorkerPool& workers, WorkerPool& changes, Streamer& streamer, IdempotencyKeys* keys)
    : options_(options),
      services_(services),
      router_(router),
      handlers_(handlers),
      files_(options.web_directory),
      workers_(workers),
      changes_(changes),
      streamer_(streamer),
      keys_(keys) {
  const auto add = [&](std::string_view name) {
    Meters& meters = meters_[name];
    if (meters.seconds != nullptr) return;  // a path with several methods
    meters.seconds = &services_.metrics.histogram(
        "millwright_http_request_seconds", "Time from a request's arrival to its answer; streams: to their start.",
        {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10}, {{"route", std::string(name)}});
    meters.good = &counter(name, 200);
  };
  for (const auto& endpoint : router_.endpoints()) add(endpoint->path);
  add(kNoRoute);
}

void Dispatcher::handle(Request request, std::shared_ptr<Exchange> exchange) {
  Pending pending{std::move(request), std::move(exchange), services_.clock.monotonic()};
  if (!pending.request.if_match.empty()) pending.request.if_match = without_content(pending.request.if_match);
  try {
    if (!refuse(pending)) answer(pending);
  } catch (const std::exception& error) {
    Response response = failed(pending.request, error);
    if (pending.exchange) finish(pending, std::move(response));
  }
}

// Everything that can be wrong before a handler is asked. Fills in the endpoint, what its path captured and the
// parameters.
bool Dispatcher::refuse(Pending& pending) const {
  const Request& request = pending.request;
  const auto refused = [&](Response response) {
    finish(pending, std::move(response));
    return true;
  };
  if (request.path.size() + request.query.size() > kUrlBytesMax) {
    return refused(problem(414, fmt::format("the URL is longer than {} bytes", kUrlBytesMax), ""));
  }
  if (refuse_host(pending)) return true;
  auto found = router_.match(request.path, request.method);
  if (!found) return refused(problem(found.error(), request.path));
  if (!*found) {
    return refused(problem(404, "no such path; GET /v1/openapi.json lists those that exist", request.path));
  }
  pending.endpoint = (*found)->endpoint;
  pending.captured = std::move((*found)->captured);
  if (!(*found)->method_fits) {
    const std::string allowed = router_.allowed_methods(*pending.endpoint);
    Response response = problem(405, fmt::format("this path takes {}", allowed), request.path);
    response.fields.emplace_back("Allow", allowed);
    return refused(std::move(response));
  }
  if (is_change(*pending.endpoint) && http::from_elsewhere(request)) {
    return refused(problem(403, "requests from another site's pages are refused", request.path));
  }
  if (refuse_person(pending) || refuse_body(pending) || refuse_key(pending)) return true;
  if (pending.endpoint->pace == Pace::kFile) return false;  // a query there is a browser's cache-buster
  auto parameters = Parameters::parse(request.query, pending.endpoint->parameters);
  if (!parameters) return refused(problem(parameters.error(), request.path));
  pending.parameters = std::move(*parameters);
  return false;
}

bool Dispatcher::refuse_host(Pending& pending) const {
  const Request& request = pending.request;
  if (request.host.empty()) {
    finish(pending, problem(400, "the Host field is missing", request.path));
    return true;
  }
  if (has_accounts(services_.access) || http::names_this_machine(request.host)) return false;
  finish(pending, problem(421,
                          fmt::format("Host '{}' is not this machine; use localhost, 127.0.0.1 or [::1] (without "
                                      "accounts the server answers to this machine alone: access.mode)",
                                      request.host),
                          request.path));
  return true;
}

// Fills in who asks.
bool Dispatcher::refuse_person(Pending& pending) const {
  if (!has_accounts(services_.access)) return false;
  const Request& request = pending.request;
  const Endpoint& endpoint = *pending.endpoint;
  auto principal = principal_of(request, *services_.access);
  pending.who = principal ? identity_of(std::move(principal)) : Identity{};
  if (endpoint.right == Right::kPublic) return false;
  if (!pending.who.principal) {
    finish(pending, unauthorized(request));
    return true;
  }
  if (!pending.who.may(endpoint.right) || (endpoint.whole_plant && !pending.who.sees_all())) {
    Response response = forbidden(pending.who, endpoint, request);
    if (is_change(endpoint)) {
      answer_on(changes_, pending, [this, response](const Pending& call) { return recorded(call, response); });
    } else {
      finish(pending, std::move(response));
    }
    return true;
  }
  if (is_change(endpoint)) return false;
  const auto wait = services_.access->limit(*pending.who.principal, endpoint.pace == Pace::kSlow);
  if (wait) finish(pending, too_many(*wait, "too many reads at once (access.reads_per_s)", request.path));
  return wait.has_value();
}

bool Dispatcher::refuse_body(Pending& pending) const {
  const Request& request = pending.request;
  const std::size_t bytes_max = std::max(options_.body_bytes_max, pending.endpoint->body_bytes_max);
  if (request.body.size() > bytes_max) {
    finish(pending,
           problem(413, fmt::format("the body has {} bytes; at most {} are taken", request.body.size(), bytes_max),
                   request.path));
    return true;
  }
  const std::string_view media = pending.endpoint->media;
  if (!takes_body(request.method) || core::trim(core::split(core::lower(request.content_type), ';').front()) == media) {
    return false;
  }
  finish(pending, problem(415,
                          fmt::format("the body must be {}: set Content-Type: {}",
                                      media.ends_with("json") ? "JSON" : "a model bundle", media),
                          request.path));
  return true;
}

// An Idempotency-Key that cannot be heeded is refused, for who sends one relies on it.
bool Dispatcher::refuse_key(Pending& pending) const {
  const Request& request = pending.request;
  if (request.idempotency_key.empty() || request.method != Method::kPost || !is_change(*pending.endpoint)) return false;
  if (pending.endpoint->secret) {
    finish(
        pending,
        problem(400, "Idempotency-Key: is not taken here: the request or its answer holds a secret, which is not kept",
                request.path));
    return true;
  }
  if (keys_ != nullptr) return false;
  finish(pending, problem(501, "Idempotency-Key: this node keeps none", request.path));
  return true;
}

bool Dispatcher::has_key(const Pending& pending) {
  return !pending.request.idempotency_key.empty() && pending.request.method == Method::kPost &&
         is_change(*pending.endpoint);
}

void Dispatcher::answer(Pending& pending) {
  const bool waits = is_change(*pending.endpoint) && (services_.access != nullptr || has_key(pending));
  const auto now = [this](const Pending& call) {
    return has_key(call)
               ? keys_->once(call.who.name, call.request, services_.clock.now(), [&] { return answer_now(call); })
               : answer_now(call);
  };
  switch (pending.endpoint->pace) {
    case Pace::kQuick:
      return waits ? answer_on(changes_, pending, now) : finish(pending, answer_now(pending));
    case Pace::kSlow:
      return answer_on(workers_, pending, now);
    case Pace::kStream:
      return answer_stream(pending);
    case Pace::kFile:
      return finish(pending, file(pending));
  }
}

Response Dispatcher::failed(const Request& request, const std::exception& error) {
  core::logger("api")->error("{}: {}", request.path, error.what());
  return problem(500, "the request failed inside; the server's log says why", request.path);
}

Response Dispatcher::answer_now(const Pending& pending) const try {
  const std::function<bool()> stopping = [this] { return workers_.stopping(); };
  const bool change = is_change(*pending.endpoint) && services_.access != nullptr;
  if (change) {
    if (auto ready = services_.access->audit().ready(); !ready) return problem(ready.error(), pending.request.path);
  }
  auto result =
      pending.endpoint->handler(Call{pending.request, pending.captured, pending.parameters, pending.who, stopping});
  Response response = result ? std::move(*result) : problem(result.error(), pending.request.path);
  return change ? recorded(pending, std::move(response)) : response;
} catch (const std::exception& error) {
  return failed(pending.request, error);
}

// What was asked to be changed goes to the audit log before the answer goes out.
Response Dispatcher::recorded(const Pending& pending, Response response) const {
  const auto sealed =
      record_change(*services_.access, pending.request, pending.who, response.status, services_.clock.now());
  if (sealed) return response;
  core::logger("api")->error("{}: the audit log: {}", pending.request.path, sealed.error().message);
  if (response.status >= 400) return response;
  return problem(500, "the change was made, but could not be written to the audit log; the server's log says why",
                 pending.request.path);
}

void Dispatcher::answer_on(WorkerPool& pool, Pending& pending, Answer answer) const {
  auto shared = std::make_shared<Pending>(std::move(pending));
  const auto job = [this, shared, answer = std::move(answer)] {
    Response response;
    try {
      response = answer(*shared);
    } catch (const std::exception& error) {
      response = failed(shared->request, error);
    }
    finish(*shared, std::move(response));
  };
  if (pool.submit(job)) return;
  finish(*shared, problem(503, "too many long requests at once; ask again in a moment", shared->request.path));
}

void Dispatcher::answer_stream(Pending& pending) {
  const Request& request = pending.request;
  auto subscription = handlers_.subscription(pending.parameters, request.last_event_id, pending.who);
  if (!subscription) return finish(pending, problem(subscription.error(), request.path));
  HeaderFields fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  if (request.method == Method::kHead) {
    Response response;
    response.content_type = "text/event-stream";
    response.fields = std::move(fields);
    return finish(pending, std::move(response));
  }
  if (!streamer_.reserve()) {
    return finish(pending, problem(503,
                                   fmt::format("{} event streams are open, which is the most; close one (api."
                                               "sse_clients_max sets how many there may be)",
                                               options_.sse_clients_max),
                                   request.path));
  }
  secure(fields, false);
  count(pending.endpoint->path, 200, pending.started);
  const auto exchange = std::move(pending.exchange);
  streamer_.add(exchange->open_stream("text/event-stream", fields), std::move(*subscription));
}

Response Dispatcher::file(const Pending& pending) const {
  if (auto found = files_.get(pending.captured.front())) return std::move(*found);
  if (!files_.enabled() && pending.captured.front() == "/") {
    return problem(404, "there is no dashboard here: set api.web_directory to the folder of its files",
                   pending.request.path);
  }
  return problem(404, "no such path; GET /v1/openapi.json lists those of the API", pending.request.path);
}

void Dispatcher::finish(Pending& pending, Response response) const {
  const bool got = pending.endpoint != nullptr && pending.endpoint->method == Method::kGet;
  if (got && response.status == 200 && pending.endpoint->pace != Pace::kStream) {
    add_etag(response, pending.request.if_none_match);
  }
  const bool cached = std::any_of(response.fields.begin(), response.fields.end(),
                                  [](const auto& field) { return field.first == "Cache-Control"; });
  if (!cached) response.fields.emplace_back("Cache-Control", "no-store");
  secure(response.fields, pending.endpoint != nullptr && pending.endpoint->pace == Pace::kFile);
  if (pending.request.secure) response.fields.emplace_back("Strict-Transport-Security", "max-age=31536000");
  if (pending.request.method == Method::kHead) response.body_omitted = true;
  count(pending.endpoint == nullptr ? kNoRoute : pending.endpoint->path, response.status, pending.started);
  std::exchange(pending.exchange, nullptr)->respond(std::move(response));
}

core::Counter& Dispatcher::counter(std::string_view route, int status) const {
  return services_.metrics.counter("millwright_http_requests_total", "Requests answered.",
                                   {{"route", std::string(route)}, {"code", std::to_string(status)}});
}

void Dispatcher::count(std::string_view route, int status, core::TimeNs started) const {
  const Meters& meters = meters_.at(route);
  (status == 200 ? *meters.good : counter(route, status)).Increment();
  meters.seconds->Observe(static_cast<double>(services_.clock.monotonic() - started) / 1e9);
}

}  // namespace millwright::api

#include "api/dispatcher.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/problem.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "http/guard.hpp"

namespace millwright::api {
namespace {

constexpr std::string_view kNoRoute = "none";

void secure(HeaderFields& fields) {
  fields.emplace_back("X-Content-Type-Options", "nosniff");
  fields.emplace_back("X-Frame-Options", "DENY");
  fields.emplace_back("Referrer-Policy", "no-referrer");
  fields.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  fields.emplace_back(
      "Content-Security-Policy",
      "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
      "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

Response to_response(core::Result<Response> result, std::string_view path) {
  return result ? std::move(*result) : problem(result.error(), path);
}

}  // namespace

struct Dispatcher::Call {
  Request request;
  std::shared_ptr<Exchange> exchange;
  core::TimeNs started = 0;  // monotonic
  const Route* route = nullptr;
  std::string captured;
  Parameters parameters;
};

Dispatcher::Dispatcher(const Options& options, const Services& services, WorkerPool& workers, Streamer& streamer)
    : options_(options),
      services_(services),
      handlers_(options, services),
      files_(options.web_directory),
      workers_(workers),
      streamer_(streamer) {
  const auto add = [&](std::string_view name) {
    seconds_[name] = &services_.metrics.histogram(
        "millwright_http_request_seconds", "Time from a request's arrival to its answer; streams: to their start.",
        {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10}, {{"route", std::string(name)}});
  };
  for (const Route& r : routes()) add(r.path);
  add(kNoRoute);
}

void Dispatcher::handle(Request request, std::shared_ptr<Exchange> exchange) {
  Call call{std::move(request), std::move(exchange), services_.clock.monotonic(), nullptr, {}, {}};
  try {
    if (!refuse(call)) answer(call);
  } catch (const std::exception& error) {
    core::logger("api")->error("{}: {}", call.request.path, error.what());
    if (call.exchange)
      finish(call, problem(500, "the request failed inside; the server's log says why", call.request.path));
  }
}

// Everything that can be wrong before a handler is asked. Fills in the route, what its path captured and the
// parameters.
bool Dispatcher::refuse(Call& call) const {
  const Request& request = call.request;
  const auto refused = [&](Response response) {
    finish(call, std::move(response));
    return true;
  };
  if (request.path.size() + request.query.size() > kUrlBytesMax) {
    return refused(problem(414, fmt::format("the URL is longer than {} bytes", kUrlBytesMax), ""));
  }
  if (request.host.empty()) return refused(problem(400, "the Host field is missing", request.path));
  if (!http::names_this_machine(request.host)) {
    return refused(problem(421,
                           fmt::format("Host '{}' is not this machine; use localhost, 127.0.0.1 or [::1] (there are no "
                                       "accounts yet, so the server answers to this machine alone)",
                                       request.host),
                           request.path));
  }
  const bool post = request.method == Method::kPost;
  auto found = match(request.path, post);
  if (!found) return refused(problem(found.error(), request.path));
  if (!*found) {
    return refused(problem(404, "no such path; GET /v1/openapi.json lists those that exist", request.path));
  }
  call.route = (*found)->route;
  call.captured = std::move((*found)->captured);
  if (request.method == Method::kOther || post != call.route->post) {
    Response response = problem(405, fmt::format("this path takes {}", allowed_methods(*call.route)), request.path);
    response.fields.emplace_back("Allow", allowed_methods(*call.route));
    return refused(std::move(response));
  }
  if (post && http::from_elsewhere(request)) {
    return refused(problem(403, "requests from another site's pages are refused", request.path));
  }
  const std::size_t body_bytes_max = std::max(options_.body_bytes_max, call.route->body_bytes_max);
  if (request.body.size() > body_bytes_max) {
    return refused(
        problem(413, fmt::format("the body has {} bytes; at most {} are taken", request.body.size(), body_bytes_max),
                request.path));
  }
  const std::string_view media = call.route->media;
  if (post && core::trim(core::split(core::lower(request.content_type), ';').front()) != media) {
    return refused(problem(
        415,
        fmt::format("the body must be {}: set Content-Type: {}", media == kJson ? "JSON" : "a model bundle", media),
        request.path));
  }
  if (call.route->id == RouteId::kFiles) return false;  // a query there is a browser's cache-buster
  auto parameters = Parameters::parse(request.query, call.route->parameters);
  if (!parameters) return refused(problem(parameters.error(), request.path));
  call.parameters = std::move(*parameters);
  return false;
}

void Dispatcher::answer(Call& call) {
  const Request& request = call.request;
  const auto reply = [&](core::Result<Response> result) { finish(call, to_response(std::move(result), request.path)); };
  switch (call.route->id) {
    case RouteId::kPlant:
      return reply(handlers_.plant());
    case RouteId::kMachines:
      return reply(handlers_.machines(call.parameters));
    case RouteId::kTwin:
      return reply(handlers_.twin(call.captured));
    case RouteId::kLimits:
      return reply(handlers_.limits(call.captured));
    case RouteId::kRelearn:
      return reply(handlers_.relearn(call.captured, request.body));
    case RouteId::kHistory:
    case RouteId::kCharts:
    case RouteId::kAddModel:
    case RouteId::kDeployModel:
    case RouteId::kSetMachineModel:
    case RouteId::kRollBackModel:
      return answer_slowly(call);
    case RouteId::kModels:
      return reply(handlers_.models());
    case RouteId::kMachineModel:
      return reply(handlers_.machine_model(call.captured));
    case RouteId::kAlarms:
      return reply(handlers_.alarms(call.parameters));
    case RouteId::kAcknowledge:
      return reply(handlers_.acknowledge(call.captured, request.body));
    case RouteId::kReset:
      return reply(handlers_.reset(call.captured, request.body));
    case RouteId::kShelve:
      return reply(handlers_.shelve(call.captured, request.body));
    case RouteId::kAlarmPerformance:
      return reply(handlers_.alarm_performance(call.parameters));
    case RouteId::kAlarmControls:
      return reply(handlers_.alarm_controls());
    case RouteId::kSuppress:
      return reply(handlers_.suppress(request.body));
    case RouteId::kRelease:
      return reply(handlers_.release(call.captured, request.body));
    case RouteId::kStream:
      return answer_stream(call);
    case RouteId::kOpenApi:
      return reply(handlers_.open_api(request.if_none_match));
    case RouteId::kHealth:
      return reply(handlers_.health());
    case RouteId::kReady:
      return reply(handlers_.ready());
    case RouteId::kMetrics:
      return reply(handlers_.metrics());
    case RouteId::kFiles:
      return reply(file(call));
  }
}

core::Result<Response> Dispatcher::slow_answer(const Call& call) const {
  const Request& request = call.request;
  const auto stopping = [this] { return workers_.stopping(); };
  switch (call.route->id) {
    case RouteId::kCharts:
      return handlers_.charts(call.parameters, stopping);
    case RouteId::kAddModel:
      return handlers_.add_model(request.body);
    case RouteId::kDeployModel:
      return handlers_.deploy_model(call.captured, request.body);
    case RouteId::kSetMachineModel:
      return handlers_.set_machine_model(call.captured, request.body);
    case RouteId::kRollBackModel:
      return handlers_.roll_back_model(call.captured, request.body);
    default:
      return handlers_.history(call.captured, call.parameters, request.accept, stopping);
  }
}

void Dispatcher::answer_slowly(Call& call) {
  auto shared = std::make_shared<Call>(std::move(call));
  const auto job = [this, shared] {
    Response response;
    try {
      response = to_response(slow_answer(*shared), shared->request.path);
    } catch (const std::exception& error) {
      core::logger("api")->error("{}: {}", shared->request.path, error.what());
      response = problem(500, "the request failed inside; the server's log says why", shared->request.path);
    }
    finish(*shared, std::move(response));
  };
  if (workers_.submit(job)) return;
  finish(*shared, problem(503, "too many long requests at once; ask again in a moment", shared->request.path));
}

void Dispatcher::answer_stream(Call& call) {
  const Request& request = call.request;
  auto subscription = handlers_.subscription(call.parameters, request.last_event_id);
  if (!subscription) return finish(call, problem(subscription.error(), request.path));
  HeaderFields fields = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  if (request.method == Method::kHead) {
    Response response;
    response.content_type = "text/event-stream";
    response.fields = std::move(fields);
    return finish(call, std::move(response));
  }
  if (!streamer_.reserve()) {
    return finish(call, problem(503,
                                fmt::format("{} event streams are open, which is the most; close one (api."
                                            "sse_clients_max sets how many there may be)",
                                            options_.sse_clients_max),
                                request.path));
  }
  secure(fields);
  count(call.route->path, 200, call.started);
  const auto exchange = std::move(call.exchange);
  streamer_.add(exchange->open_stream("text/event-stream", fields), std::move(*subscription));
}

Response Dispatcher::file(const Call& call) const {
  if (auto found = files_.get(call.captured, call.request.if_none_match)) return std::move(*found);
  if (!files_.enabled() && call.captured == "/") {
    return problem(404, "there is no dashboard here: set api.web_directory to the folder of its files",
                   call.request.path);
  }
  return problem(404, "no such path; GET /v1/openapi.json lists those of the API", call.request.path);
}

void Dispatcher::finish(Call& call, Response response) const {
  const bool cached = std::any_of(response.fields.begin(), response.fields.end(),
                                  [](const auto& field) { return field.first == "Cache-Control"; });
  if (!cached) response.fields.emplace_back("Cache-Control", "no-store");
  secure(response.fields);
  if (call.request.method == Method::kHead) response.body_omitted = true;
  count(call.route == nullptr ? kNoRoute : call.route->path, response.status, call.started);
  std::exchange(call.exchange, nullptr)->respond(std::move(response));
}

void Dispatcher::count(std::string_view route, int status, core::TimeNs started) const {
  services_.metrics
      .counter("millwright_http_requests_total", "Requests answered.",
               {{"route", std::string(route)}, {"code", std::to_string(status)}})
      .Increment();
  seconds_.at(route)->Observe(static_cast<double>(services_.clock.monotonic() - started) / 1e9);
}

}  // namespace millwright::api

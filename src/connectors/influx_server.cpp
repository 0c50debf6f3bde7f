#include "connectors/influx_server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "connectors/influx_answers.hpp"
#include "connectors/line_lanes.hpp"
#include "connectors/line_stream.hpp"
#include "connectors/line_targets.hpp"
#include "connectors/pending_answers.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "http/guard.hpp"
#include "http/gzip.hpp"
#include "http/listener_tls.hpp"
#include "http/transport.hpp"
#include "http/worker_pool.hpp"

namespace millwright::connectors {
namespace {

using core::kMillisecond;
using core::kSecond;
using core::MutexLock;
using http::Exchange;
using http::Request;
using http::Response;

constexpr std::size_t kReadBytes = 128 * 1024;  // a body is long
constexpr core::DurationNs kWatchInterval = 250 * kMillisecond;
constexpr core::DurationNs kStopPatience = 5 * kSecond;  // for what is on its way to the disk
constexpr core::DurationNs kRetrySoon = 1 * kSecond;
constexpr core::DurationNs kRetryLater = 5 * kSecond;

constexpr std::string_view kStops = "the plant stops; send it again when it is back";
constexpr std::string_view kNotDurable =
    "what was sent is not on disk: the plant stops, or its history does not write (see its log and /readyz); send it "
    "again";
constexpr std::string_view kTooSlow = "what was sent is not on disk yet, and may never be; send it again";
constexpr std::string_view kFull = "too many requests wait; send it again";

std::size_t worker_count(std::size_t wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency() / 2);
}

http::TransportOptions transport_options(const InfluxServerOptions& options) {
  http::TransportOptions transport;
  transport.host = options.host;
  transport.port = options.port;
  transport.port_setting = "`port` for the connector";
  transport.threads = 1;
  transport.connections_max = options.clients_max;
  transport.buffer_bytes = kReadBytes;
  // Bodies over the limit are read this far, so that they get an answer that says so.
  transport.body_bytes_max = 2 * options.body_bytes_max;
  transport.request_read_max = options.idle_timeout;
  transport.tls = options.tls;
  // The watcher answers first.
  transport.handling_max = 2 * options.answer_timeout + 10 * kSecond;
  return transport;
}

// Write requests by the status that they were answered with. A value: receipts outlive the connector, not the metrics.
class AnswerCounts {
 public:
  AnswerCounts(core::Metrics& metrics, const std::string& connector) {
    for (std::size_t i = 0; i < kStatuses.size(); ++i) {
      counters_[i] = &metrics.counter("millwright_influx_writes_total", "Write requests answered, by status",
                                      {{"connector", connector}, {"status", std::to_string(kStatuses[i])}});
    }
  }
  void add(int status) const {
    const auto at = std::find(kStatuses.begin(), kStatuses.end(), status) - kStatuses.begin();
    counters_[static_cast<std::size_t>(at)]->Increment();
  }

 private:
  static constexpr std::array<int, 5> kStatuses{204, 400, 413, 415, 503};
  std::array<core::Counter*, kStatuses.size()> counters_{};
};

std::string too_large(std::size_t bytes_max) {
  return fmt::format("the body has more than {} bytes; send fewer lines at a time", bytes_max);
}

}  // namespace

struct InfluxServer::Impl {
  Impl(std::string connector_name, const InfluxServerOptions& given, const ConnectorContext& connector_context)
      : name(std::move(connector_name)),
        options(given),
        context(connector_context),
        intake(context, name, options.future_limit),
        answered(context.metrics, name),
        transport(transport_options(options)),
        pool(worker_count(options.workers), kQueueLenMax),
        since(context.clock.now()) {}

  [[nodiscard]] std::string url() const {
    return fmt::format("{}://{}:{}", options.tls.given() ? "https" : "http", options.host, transport.port());
  }
  [[nodiscard]] std::string where() const {
    if (!stream) return url();
    return fmt::format("{} and {}:{} ({})", url(), options.host, stream->port(), options.tls.given() ? "TLS" : "TCP");
  }
  void handle(const Request& request, const std::shared_ptr<Exchange>& exchange);
  [[nodiscard]] std::optional<Response> refuse(const Request& request) const;
  void queue_write(const Request& request, const std::shared_ptr<Exchange>& exchange);
  void write(const Request& request, core::DurationNs unit, core::TimeNs received,
             const std::shared_ptr<Exchange>& exchange);
  [[nodiscard]] core::Result<std::string_view> text_of(const Request& request, std::string& unpacked) const;
  void answer(Exchange& exchange, Response response);

  core::Status listen_for_lines();
  void watch() EXCLUDES(mutex);
  bool wait_to_watch() EXCLUDES(mutex);
  void note_write() EXCLUDES(mutex);
  void set_state(ConnectorState next) REQUIRES(mutex);

  const std::string name;
  const InfluxServerOptions options;
  const ConnectorContext context;
  Intake intake;
  std::shared_ptr<spdlog::logger> log = core::logger("influx");
  const AnswerCounts answered;
  std::unique_ptr<LineTargets> targets;
  std::optional<LineLanes> lanes;
  http::Transport transport;
  http::WorkerPool pool;
  std::shared_ptr<PendingAnswers> pending = std::make_shared<PendingAnswers>();
  std::atomic<bool> stopping{false};
  std::atomic<bool> written_to{false};
  std::thread watcher;
  std::optional<LineStream> stream;

  mutable core::Mutex mutex;
  core::Condition changed;
  bool running GUARDED_BY(mutex) = false;
  ConnectorState state GUARDED_BY(mutex) = ConnectorState::kStopped;
  core::TimeNs since GUARDED_BY(mutex);
};

InfluxServer::InfluxServer(std::string name, const InfluxServerOptions& options, const ConnectorContext& context)
    : impl_(std::make_unique<Impl>(std::move(name), options, context)) {}

InfluxServer::~InfluxServer() {
  stop();
}

core::Status InfluxServer::start() {
  Impl& s = *impl_;
  ASSERT(s.targets == nullptr, "an influx server starts once");
  auto targets = LineTargets::make(s.context.model, s.name, s.options.ignore_tags);
  if (!targets) return core::unexpected(targets.error().within("connector " + s.name));
  s.targets = std::make_unique<LineTargets>(std::move(*targets));
  s.lanes.emplace(*s.targets, s.context, s.intake, s.name + "/");
  auto up = s.listen_for_lines();
  if (up) {
    s.pool.start();
    up = s.transport.start([&s](Request request, std::shared_ptr<Exchange> exchange) { s.handle(request, exchange); });
  }
  if (!up) return core::unexpected(up.error().within("connector " + s.name));
  s.log->info("{}: listening on {} for {} sensors", s.name, s.where(), s.targets->size());
  MutexLock lock(s.mutex);
  s.running = true;
  s.set_state(ConnectorState::kConnecting);
  s.watcher = std::thread([&s] { s.watch(); });
  return {};
}

core::Status InfluxServer::Impl::listen_for_lines() {
  if (!options.tcp_port) return {};
  LineStreamOptions lines;
  lines.server = {.name = name,
                  .address = {options.host, *options.tcp_port},
                  .tls = options.tls,
                  .connections_max = options.clients_max};
  lines.unit = options.tcp_unit;
  stream.emplace(lines, *targets, context, intake, log);
  return stream->start();
}

void InfluxServer::stop() {
  Impl& s = *impl_;
  s.stopping = true;
  if (s.stream) s.stream->stop();
  {
    MutexLock lock(s.mutex);
    if (!std::exchange(s.running, false)) return;
    s.changed.notify_all();
  }
  s.watcher.join();
  s.pool.stop();
  s.pending->close(kStopPatience, influx::busy("", 503, kNotDurable, kRetryLater));
  s.transport.stop();
  s.pool.discard();
  s.transport.close();
  MutexLock lock(s.mutex);
  s.set_state(ConnectorState::kStopped);
}

// ---- requests -------------------------------------------------------------------------------------------------------

void InfluxServer::Impl::handle(const Request& request, const std::shared_ptr<Exchange>& exchange) {
  if (auto refused = refuse(request)) return exchange->respond(std::move(*refused));
  switch (*influx::route_of(request.path)) {
    case influx::Route::kWriteV1:
    case influx::Route::kWriteV2:
      return queue_write(request, exchange);
    case influx::Route::kPing:
      return exchange->respond(influx::ping());
    case influx::Route::kQuery:
      return exchange->respond(influx::query(request));
    case influx::Route::kHealth:
      break;
  }
  Response health = influx::health();
  health.body_omitted = request.method == http::Method::kHead;
  exchange->respond(std::move(health));
}

std::optional<Response> InfluxServer::Impl::refuse(const Request& request) const {
  const auto no = [&](int status, std::string_view message) { return influx::failure(request.path, status, message); };
  // Who has shown a certificate may know the plant by any name.
  if (!options.tls.mutual() && !http::names_this_machine(request.host)) {
    return no(421, "the Host field does not name this machine; use localhost, 127.0.0.1 or [::1]");
  }
  if (http::from_elsewhere(request)) return no(403, "requests from another site's pages are refused");
  const auto route = influx::route_of(request.path);
  if (!route) return no(404, "no such path; write to /write or /api/v2/write");
  if (!influx::allows(*route, request.method)) {
    Response response = no(405, fmt::format("this path takes {}", influx::methods_of(*route)));
    response.fields.emplace_back("Allow", influx::methods_of(*route));
    return response;
  }
  return std::nullopt;
}

void InfluxServer::Impl::queue_write(const Request& request, const std::shared_ptr<Exchange>& exchange) {
  const auto unit = influx::precision_of(request.query);
  if (!unit) return answer(*exchange, influx::failure(request.path, 400, unit.error().message));
  if (request.body.size() > options.body_bytes_max) {
    return answer(*exchange, influx::failure(request.path, 413, too_large(options.body_bytes_max)));
  }
  const bool queued = !stopping && pool.submit([this, request, exchange, unit = *unit, received = context.clock.now()] {
    write(request, unit, received, exchange);
  });
  if (!queued) {
    answer(*exchange, influx::busy(request.path, 503, stopping ? kStops : kFull, stopping ? kRetryLater : kRetrySoon));
  }
}

// On a worker's thread.
void InfluxServer::Impl::write(const Request& request, core::DurationNs unit, core::TimeNs received,
                               const std::shared_ptr<Exchange>& exchange) {
  if (stopping) return answer(*exchange, influx::busy(request.path, 503, kStops, kRetryLater));
  std::string unpacked;
  const auto text = text_of(request, unpacked);
  if (!text) {
    const auto code = text.error().code;
    const int status = code == core::ErrorCode::kFull ? 413 : code == core::ErrorCode::kUnsupported ? 415 : 400;
    return answer(*exchange, influx::failure(request.path, status, text.error().message));
  }
  note_write();
  const std::uint64_t id = pending->add(exchange, context.clock.monotonic() + options.answer_timeout);
  auto response = std::make_shared<Response>();
  const auto receipt = std::make_shared<JointReceipt>(
      [counts = answered, pending = pending, id, response, path = request.path](bool durable) {
        if (!durable) *response = influx::busy(path, 503, kNotDurable, kRetryLater);
        const int status = response->status;
        if (pending->give(id, std::move(*response))) counts.add(status);
      });
  auto lane = lanes->take();
  const LineLane::Outcome outcome = lane->take(*text, unit, received, receipt);
  lanes->give_back(std::move(lane));
  *response = influx::written(request.path, outcome);
  receipt->settle();
}

core::Result<std::string_view> InfluxServer::Impl::text_of(const Request& request, std::string& unpacked) const {
  if (request.content_encoding.empty() || request.content_encoding == "identity") return request.body;
  if (request.content_encoding != "gzip") {
    return core::unexpected(
        core::ErrorCode::kUnsupported,
        fmt::format("Content-Encoding {}: send gzip, or the lines as they are", request.content_encoding));
  }
  auto plain = http::gunzip(request.body, options.body_bytes_max);
  if (!plain) return core::unexpected(plain.error());
  unpacked = std::move(*plain);
  return std::string_view(unpacked);
}

void InfluxServer::Impl::answer(Exchange& exchange, Response response) {
  answered.add(response.status);
  exchange.respond(std::move(response));
}

// ---- what goes on beside them ---------------------------------------------------------------------------------------

void InfluxServer::Impl::watch() {
  while (wait_to_watch()) {
    const auto late = pending->expire(context.clock.monotonic(), influx::busy("", 503, kTooSlow, kRetryLater));
    for (std::size_t i = 0; i < late; ++i) answered.add(503);
  }
}

bool InfluxServer::Impl::wait_to_watch() {
  MutexLock lock(mutex);
  if (running) changed.wait_for(mutex, std::chrono::nanoseconds(kWatchInterval));
  return running;
}

void InfluxServer::Impl::note_write() {
  if (written_to.exchange(true)) return;
  MutexLock lock(mutex);
  set_state(ConnectorState::kConnected);
}

void InfluxServer::Impl::set_state(ConnectorState next) {
  if (state != next) since = context.clock.now();
  state = next;
}

ConnectorStatus InfluxServer::status() const {
  const Impl& s = *impl_;
  ConnectorStatus status;
  status.name = s.name;
  status.kind = "influx";
  status.readings = s.intake.readings();
  status.refused = s.intake.refused();
  const std::size_t waiting = s.pending->size();
  MutexLock lock(s.mutex);
  status.state = s.state;
  status.since = s.since;
  if (s.state == ConnectorState::kStopped) {
    status.detail = "stopped";
    return status;
  }
  status.detail = fmt::format("listening on {}, {} writes on their way to the disk", s.where(), waiting);
  if (s.stream) {
    const std::size_t senders = s.stream->connections();
    status.detail += fmt::format(", {} {} over TCP", senders, senders == 1 ? "sender" : "senders");
    if (const auto lost = s.stream->lost(); lost != 0) status.detail += fmt::format(" ({} readings lost)", lost);
    if (senders != 0) status.state = ConnectorState::kConnected;
  }
  return status;
}

std::uint16_t InfluxServer::port() const {
  return impl_->transport.port();
}

std::uint16_t InfluxServer::tcp_port() const {
  return impl_->stream ? impl_->stream->port() : std::uint16_t{0};
}

InfluxServerOptions read_influx_server_options(config::Section& section, const std::string& directory) {
  const InfluxServerOptions fallback;
  InfluxServerOptions options;
  options.host = section.text("host", {.fallback = fallback.host, .length_max = 255});
  options.port =
      static_cast<std::uint16_t>(section.integer("port", {.fallback = fallback.port, .low = 1, .high = 65535}));
  if (section.has("tcp_port")) {
    options.tcp_port =
        static_cast<std::uint16_t>(section.integer("tcp_port", {.fallback = 8094, .low = 1, .high = 65535}));
    if (*options.tcp_port == options.port) section.problem("tcp_port", "must be another than `port`, which is HTTP's");
  }
  constexpr std::array<std::string_view, 4> kUnits{"ns", "us", "ms", "s"};
  constexpr std::array<core::DurationNs, 4> kUnitsNs{1, core::kMicrosecond, kMillisecond, kSecond};
  options.tcp_unit = kUnitsNs.at(section.choice("tcp_precision", kUnits, 0));
  options.clients_max = static_cast<std::size_t>(section.integer(
      "clients_max", {.fallback = static_cast<std::int64_t>(fallback.clients_max), .low = 1, .high = 65536}));
  options.body_bytes_max =
      section.bytes("body_bytes_max", {.fallback = fallback.body_bytes_max, .low = 1024, .high = std::size_t{1} << 30});
  options.workers = static_cast<std::size_t>(section.integer("workers", {.fallback = 0, .low = 0, .high = 256}));
  options.idle_timeout = section.duration(
      "idle_timeout", {.fallback = fallback.idle_timeout, .low = core::kSecond, .high = 24 * core::kHour});
  options.answer_timeout = section.duration(
      "answer_timeout", {.fallback = fallback.answer_timeout, .low = core::kSecond, .high = core::kHour});
  options.future_limit =
      section.duration("future_limit", {.fallback = fallback.future_limit, .low = 0, .high = 365 * 24 * core::kHour});
  options.ignore_tags = section.texts("ignore_tags");
  options.tls = http::read_listener_tls(section, directory);
  return options;
}

std::unique_ptr<Connector> make_influx_server(std::string name, const InfluxServerOptions& options,
                                              const ConnectorContext& context) {
  return std::make_unique<InfluxServer>(std::move(name), options, context);
}

}  // namespace millwright::connectors

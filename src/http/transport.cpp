#include "http/transport.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <restinio/all.hpp>
#include <restinio/tls.hpp>

#include "core/log.hpp"

namespace millwright::http {
namespace {

// RESTinio reports through this: a connection that broke is nothing to bother anybody with.
class Logger {
 public:
  template <typename Builder>
  void trace(Builder&&) const noexcept {}
  template <typename Builder>
  void info(Builder&&) const noexcept {}
  template <typename Builder>
  void warn(Builder&&) const noexcept {}
  template <typename Builder>
  void error(Builder&& builder) const noexcept {
    try {
      log_->debug("{}", builder());
    } catch (const std::exception&) {  // a message that cannot be made is not worth more
    }
  }

 private:
  std::shared_ptr<spdlog::logger> log_ = core::logger("http");
};

namespace limits = restinio::connection_count_limits;

// The library's limiter of connections is a part of its acceptor, which at the end goes before the connections that
// still tell it of their own end. This one is shared by both, and forgets the acceptor when that goes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // the library's interface has none, and nobody deletes through it
struct LimiterState {
  struct Link final : limits::impl::acceptor_callback_iface_t {
    void call_accept_now(std::size_t index) noexcept override {
      if (acceptor != nullptr) acceptor->call_accept_now(index);
    }
    void schedule_next_accept_attempt(std::size_t index) noexcept override {
      if (acceptor != nullptr) acceptor->schedule_next_accept_attempt(index);
    }
    limits::impl::acceptor_callback_iface_t* acceptor = nullptr;
  };
  LimiterState(limits::impl::acceptor_callback_iface_t* acceptor, limits::max_parallel_connections_t connections_max,
               limits::max_active_accepts_t accepts_max)
      : counter(&link, connections_max, accepts_max) {
    link.acceptor = acceptor;
  }
  Link link;
  limits::impl::actual_limiter_t<std::mutex> counter;
};
#pragma GCC diagnostic pop

class ConnectionLimiter {
 public:
  ConnectionLimiter(restinio::not_null_pointer_t<limits::impl::acceptor_callback_iface_t> acceptor,
                    limits::max_parallel_connections_t connections_max, limits::max_active_accepts_t accepts_max)
      : state_(std::make_shared<LimiterState>(acceptor, connections_max, accepts_max)) {}
  ~ConnectionLimiter() { state_->link.acceptor = nullptr; }
  ConnectionLimiter(const ConnectionLimiter&) = delete;
  ConnectionLimiter& operator=(const ConnectionLimiter&) = delete;
  void accept_next(std::size_t index) noexcept { state_->counter.accept_next(index); }
  [[nodiscard]] std::shared_ptr<LimiterState> state() const { return state_; }

 private:
  std::shared_ptr<LimiterState> state_;
};

// One for each connection, for as long as that lives.
class ConnectionMonitor {
 public:
  explicit ConnectionMonitor(restinio::not_null_pointer_t<ConnectionLimiter> limiter) noexcept
      : state_(limiter->state()) {
    state_->counter.increment_parallel_connections();
  }
  ~ConnectionMonitor() {
    if (state_) state_->counter.decrement_parallel_connections();
  }
  ConnectionMonitor(ConnectionMonitor&&) noexcept = default;
  ConnectionMonitor& operator=(ConnectionMonitor&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }

 private:
  std::shared_ptr<LimiterState> state_;
};

// Each of the transport's threads is a server of its own, with its own listener on the one port and its own
// connections, so that none waits for another: the kernel spreads the connections. What answers on other threads is
// handed over to the connection's own.
struct Traits : restinio::single_thread_traits_t<restinio::asio_timer_manager_t, Logger> {
  [[maybe_unused]] static constexpr bool use_connection_count_limiter = true;  // by the library
};
struct TlsTraits : restinio::single_thread_tls_traits_t<restinio::asio_timer_manager_t, Logger> {
  [[maybe_unused]] static constexpr bool use_connection_count_limiter = true;
};

}  // namespace
}  // namespace millwright::http

namespace restinio {
template <>
struct connection_count_limit_types<millwright::http::Traits> {
  using limiter_t = millwright::http::ConnectionLimiter;
  using lifetime_monitor_t = millwright::http::ConnectionMonitor;
};
template <>
struct connection_count_limit_types<millwright::http::TlsTraits> {
  using limiter_t = millwright::http::ConnectionLimiter;
  using lifetime_monitor_t = millwright::http::ConnectionMonitor;
};
}  // namespace restinio

namespace millwright::http {
namespace {

using SharedPort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using Chunked = restinio::response_builder_t<restinio::chunked_output_t>;

// Shared with the write notifications, which may outlive the sink.
struct Progress {
  std::atomic<std::size_t> queued_bytes{0};
  std::atomic<bool> closed{false};
};

class ChunkedSink final : public StreamSink {
 public:
  explicit ChunkedSink(Chunked builder) : builder_(std::move(builder)) {}
  ~ChunkedSink() override { end(); }

  void send(std::shared_ptr<const std::string> text) override {
    if (text->empty()) return;
    const std::size_t bytes = text->size();
    progress_->queued_bytes += bytes;
    builder_.append_chunk(restinio::writable_item_t(std::move(text)));
    builder_.flush([progress = progress_, bytes](const auto& error) noexcept {
      progress->queued_bytes -= bytes;
      if (error) progress->closed = true;
    });
  }
  [[nodiscard]] std::size_t queued_bytes() const override { return progress_->queued_bytes; }
  [[nodiscard]] bool closed() const override { return progress_->closed; }
  void finish(std::string last_words) override {
    if (!last_words.empty()) builder_.append_chunk(std::move(last_words));
    end();
  }

 private:
  void end() {
    if (!std::exchange(ended_, true)) builder_.done();
  }

  Chunked builder_;
  bool ended_ = false;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
};

class RestinioExchange final : public Exchange {
 public:
  explicit RestinioExchange(restinio::request_handle_t request) : request_(std::move(request)) {}

  void respond(Response response) override {
    auto builder = request_->create_response<restinio::user_controlled_output_t>(status_line(response.status));
    builder.set_content_length(response.body.size());
    auto& header = builder.header();  // added as they are: each look for one of the same name is one too many
    if (!response.content_type.empty()) {
      header.add_field(restinio::http_field::content_type, std::move(response.content_type));
    }
    for (auto& [name, value] : response.fields) header.add_field(std::move(name), std::move(value));
    if (!response.body_omitted) builder.append_body(std::move(response.body));
    builder.done();
  }

  std::unique_ptr<StreamSink> open_stream(const std::string& content_type, const HeaderFields& fields) override {
    auto builder = request_->create_response<restinio::chunked_output_t>(status_line(200));
    builder.append_header(restinio::http_field::content_type, content_type);
    for (const auto& [name, value] : fields) builder.append_header(name, value);
    builder.connection_close();
    return std::make_unique<ChunkedSink>(std::move(builder));
  }

 private:
  static restinio::http_status_line_t status_line(int status) {
    return {restinio::http_status_code_t(static_cast<std::uint16_t>(status)), std::string(reason_phrase(status))};
  }

  restinio::request_handle_t request_;
};

Method method_of(const restinio::http_request_header_t& header) {
  if (header.method() == restinio::http_method_get()) return Method::kGet;
  if (header.method() == restinio::http_method_head()) return Method::kHead;
  if (header.method() == restinio::http_method_post()) return Method::kPost;
  if (header.method() == restinio::http_method_put()) return Method::kPut;
  if (header.method() == restinio::http_method_patch()) return Method::kPatch;
  if (header.method() == restinio::http_method_delete()) return Method::kDelete;
  return Method::kOther;
}

// Where a request keeps a field; nullptr: nobody asks for it.
std::string* place_of(Request& request, const restinio::http_header_field_t& field) {
  switch (field.field_id()) {
    case restinio::http_field::host:
      return &request.host;
    case restinio::http_field::authorization:
      return &request.authorization;
    case restinio::http_field::cookie:
      return &request.cookie;
    case restinio::http_field::origin:
      return &request.origin;
    case restinio::http_field::accept:
      return &request.accept;
    case restinio::http_field::content_type:
      return &request.content_type;
    case restinio::http_field::content_encoding:
      return &request.content_encoding;
    case restinio::http_field::if_match:
      return &request.if_match;
    case restinio::http_field::if_none_match:
      return &request.if_none_match;
    case restinio::http_field::field_unspecified:
      break;  // the library has no name for it
    default:
      return nullptr;
  }
  const auto is = [&](const char* name) { return restinio::impl::is_equal_caseless(field.name(), name); };
  if (is("Idempotency-Key")) return &request.idempotency_key;
  if (is("Sec-Fetch-Site")) return &request.fetch_site;
  if (is("Last-Event-ID")) return &request.last_event_id;
  return nullptr;
}

Request to_request(const restinio::request_t& from) {
  const auto& header = from.header();
  const auto text = [](auto view) { return std::string(view.data(), view.size()); };
  Request request;
  request.method = method_of(header);
  request.path = text(header.path());
  request.query = text(header.query());
  request.body = from.body();
  request.peer = from.remote_endpoint().address().to_string();
  header.for_each_field([&](const restinio::http_header_field_t& field) {
    std::string* place = place_of(request, field);
    if (place != nullptr && place->empty()) *place = field.value();  // of several the first
  });
  return request;
}

std::chrono::milliseconds to_ms(core::DurationNs duration) {
  return std::chrono::milliseconds(std::max<core::DurationNs>(1, duration / core::kMillisecond));
}

// The library's own is made of ours, and has a share in it.
asio::ssl::context shared_context(const io::TlsContext& context) {
  SSL_CTX_up_ref(context.get());
  return asio::ssl::context(context.get());
}

}  // namespace

struct Transport::Impl {
  explicit Impl(TransportOptions given) : options(std::move(given)) {}

  template <typename With>
  restinio::server_settings_t<With> settings(Handler handler) {
    restinio::server_settings_t<With> s;
    s.port(options.port)
        .address(address())
        .max_parallel_connections(options.connections_max)
        .concurrent_accepts_count(2)
        // At 1 the library reads on twice after an answer given inside of the handler, and loses pipelined requests.
        .max_pipelined_requests(4)
        .buffer_size(options.buffer_bytes)
        .read_next_http_message_timelimit(to_ms(options.request_read_max))
        .write_http_response_timelimit(to_ms(options.response_write_max))
        .handle_request_timeout(to_ms(options.handling_max))
        .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                      .max_url_size(options.url_bytes_max)
                                      .max_field_name_size(256)
                                      .max_field_value_size(options.field_bytes_max)
                                      .max_field_count(options.field_count_max)
                                      .max_body_size(options.body_bytes_max))
        .acceptor_options_setter([](restinio::acceptor_options_t& acceptor) {
          acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true));
          acceptor.set_option(SharedPort(true));
        })
        .socket_options_setter([](auto& socket) { socket.set_option(asio::ip::tcp::no_delay(true)); })
        .acceptor_post_bind_hook([this](asio::ip::tcp::acceptor& acceptor) { port = acceptor.local_endpoint().port(); })
        .request_handler(
            [handler = std::move(handler), secure = options.tls.given()](const restinio::request_handle_t& request) {
              Request asked = to_request(*request);
              asked.secure = secure;
              handler(std::move(asked), std::make_shared<RestinioExchange>(request));
              return restinio::request_accepted();
            });
    // The library takes the protocol from here, not from the address.
    if (options.host.find(':') != std::string::npos) s.protocol(asio::ip::tcp::v6());
    return s;
  }

  [[nodiscard]] asio::ip::address address() const {
    return asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host);
  }

  // Throws where somebody listens on the port: those who share one would not notice.
  void try_port() const {
    asio::io_context context;
    asio::ip::tcp::acceptor(context, asio::ip::tcp::endpoint(address(), options.port));
  }

  void run(const Handler& handler) {
    try_port();
    for (std::size_t i = 0; i < options.threads; ++i) {
      if (options.tls.given()) {
        auto s = settings<TlsTraits>(handler);
        s.tls_context(shared_context(tls));
        tls_servers.push_back(restinio::run_async<TlsTraits>(restinio::own_io_context(), std::move(s), 1));
      } else {
        servers.push_back(restinio::run_async<Traits>(restinio::own_io_context(), settings<Traits>(handler), 1));
      }
      options.port = port;  // of the first, where any free one was asked for
    }
  }

  TransportOptions options;
  io::TlsContext tls;
  std::atomic<std::uint16_t> port{0};
  std::vector<restinio::running_server_handle_t<Traits>> servers;  // one a thread, of one of the two kinds
  std::vector<restinio::running_server_handle_t<TlsTraits>> tls_servers;
};

Transport::Transport(TransportOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Transport::~Transport() {
  close();
}

core::Status Transport::start(Handler handler) {
  const auto& options = impl_->options;
  const auto where = fmt::format("{}:{}", options.host, options.port);
  if (options.tls.given()) {
    auto context = io::tls_context(options.tls);
    if (!context) return core::unexpected(context.error());
    impl_->tls = std::move(*context);
  }
  try {
    impl_->run(handler);
    return {};
  } catch (const std::system_error& error) {
    close();
    // By value: asio gives its own category, which does not compare equal to std::errc.
    if (error.code().value() == EADDRINUSE) {
      return core::unexpected(core::ErrorCode::kConflict,
                              fmt::format("{}: the port is in use; end the program that listens there (`ss -ltnp` "
                                          "shows it), or set another {}",
                                          where, options.port_setting));
    }
    return core::unexpected(core::ErrorCode::kIo, fmt::format("{}: cannot listen: {}", where, error.what()));
  } catch (const std::exception& error) {
    close();
    return core::unexpected(core::ErrorCode::kIo, fmt::format("{}: cannot listen: {}", where, error.what()));
  }
}

void Transport::stop() {
  const auto end = [](auto& servers) {
    for (auto& server : servers) server->stop();
    for (auto& server : servers) server->wait();
  };
  end(impl_->servers);
  end(impl_->tls_servers);
}

void Transport::close() {
  stop();
  impl_->servers.clear();
  impl_->tls_servers.clear();
}

std::uint16_t Transport::port() const {
  return impl_->port;
}

}  // namespace millwright::http

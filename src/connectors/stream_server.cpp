#include "connectors/stream_server.hpp"

#include <chrono>
#include <system_error>
#include <utility>

#include "core/assert.hpp"

namespace millwright::connectors {
namespace {

constexpr core::DurationNs kAcceptSlice = 100 * core::kMillisecond;

}  // namespace

StreamServer::StreamServer(io::Network& network, StreamServerOptions options, Handlers handlers,
                           std::shared_ptr<spdlog::logger> log)
    : network_(network), options_(std::move(options)), handlers_(std::move(handlers)), log_(std::move(log)) {}

StreamServer::~StreamServer() {
  stop();
}

core::Status StreamServer::start() {
  ASSERT(listener_ == nullptr, "a stream server starts once");
  io::Network* network = &network_;
  if (options_.tls.given()) {
    auto context = io::tls_context(options_.tls);
    if (!context) return core::unexpected(context.error());
    secured_.emplace(network_, std::move(*context));
    network = &*secured_;
  }
  auto listener = network->listen(options_.address);
  if (!listener) return core::unexpected(listener.error());
  listener_ = std::move(*listener);
  port_ = listener_->port();
  acceptor_ = std::thread([this] { accept_loop(); });
  return {};
}

void StreamServer::stop() {
  stopping_ = true;
  if (!acceptor_.joinable()) return;
  acceptor_.join();
  for (Client& client : clients_) client.thread.join();
  clients_.clear();
  listener_.reset();
}

void StreamServer::accept_loop() {
  while (!stopping_) {
    auto stream = listener_->accept(kAcceptSlice);
    reap();
    if (stream) {
      admit(std::move(*stream));
    } else if (stream.error().code != core::ErrorCode::kTimeout) {
      // Out of descriptors, most likely: connections that end will free some.
      log_->error("{}: {}", options_.name, stream.error().message);
      std::this_thread::sleep_for(std::chrono::nanoseconds(kAcceptSlice));
    }
  }
}

void StreamServer::admit(std::unique_ptr<io::Stream> stream) {
  if (clients_.size() >= options_.connections_max) {
    log_->warn("{}: {} turned away: {} connections are the most", options_.name, stream->peer(),
               options_.connections_max);
    handlers_.turn_away(*stream);
    stream->shut_down();
    return;
  }
  Client& client = clients_.emplace_back();
  try {
    client.thread = std::thread([this, &client, stream = std::move(stream)]() mutable {
      handlers_.serve(std::move(stream));
      client.done = true;
    });
  } catch (const std::system_error& error) {
    log_->error("{}: no thread for another connection: {}", options_.name, error.what());
    clients_.pop_back();
  }
  handlers_.changed(clients_.size());
}

void StreamServer::reap() {
  const std::size_t before = clients_.size();
  for (auto client = clients_.begin(); client != clients_.end();) {
    if (client->done) {
      client->thread.join();
      client = clients_.erase(client);
    } else {
      ++client;
    }
  }
  if (clients_.size() != before) handlers_.changed(clients_.size());
}

}  // namespace millwright::connectors

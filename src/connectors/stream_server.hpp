// StreamServer: accepts connections, in the clear or by TLS, and serves each on a thread of its own.
//
// Threads: start() and stop() from one thread; connections() and port() from any. `serve`, `turn_away` and `changed`
// are called from threads of the server. One thread accepts. Errors: start() gives kConflict where the port is in use,
// and what is wrong with certificates; what goes wrong later is logged. Limits: connections_max at a time; who comes
// beyond is turned away.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <spdlog/logger.h>

#include "core/result.hpp"
#include "io/network.hpp"
#include "io/tls.hpp"

namespace millwright::connectors {

struct StreamServerOptions {
  std::string name;  // for messages
  io::Address address;
  io::TlsFiles tls;  // none: in the clear
  std::size_t connections_max = 1024;
};

class StreamServer {
 public:
  struct Handlers {
    // Until the connection ends, or the owner stops: it sees to that itself before it calls stop().
    std::function<void(std::unique_ptr<io::Stream>)> serve;
    // Says a last word, soon.
    std::function<void(io::Stream&)> turn_away = [](io::Stream&) {};
    // There is another number of connections.
    std::function<void(std::size_t connections)> changed = [](std::size_t) {};
  };

  // `network` outlives it.
  StreamServer(io::Network& network, StreamServerOptions options, Handlers handlers,
               std::shared_ptr<spdlog::logger> log);
  ~StreamServer();  // stops
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  core::Status start();
  // Waits for all connections.
  void stop();
  // The port it listens on; 0 before start().
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  struct Client {
    std::thread thread;
    std::atomic<bool> done{false};
  };
  void accept_loop();
  void admit(std::unique_ptr<io::Stream> stream);
  void reap();

  io::Network& network_;
  const StreamServerOptions options_;
  const Handlers handlers_;
  std::shared_ptr<spdlog::logger> log_;
  std::optional<io::TlsNetwork> secured_;
  std::unique_ptr<io::Listener> listener_;
  std::thread acceptor_;
  std::list<Client> clients_;  // the acceptor's, or stop()'s once the acceptor has ended
  std::atomic<std::uint16_t> port_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace millwright::connectors

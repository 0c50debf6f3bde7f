#include "io/sim_network.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>

namespace millwright::io {

using core::Condition;
using core::DurationNs;
using core::ErrorCode;
using core::Mutex;
using core::MutexLock;
using core::unexpected;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kPipeBytes = 256 * 1024;  // what a socket buffers before the writer waits

struct Pipe {
  std::deque<std::byte> bytes;
  bool closed = false;
};

struct Connection {
  Pipe to_server;
  Pipe to_client;
};

}  // namespace

struct SimNetwork::State {
  Mutex mutex;
  Condition changed;
  bool cable GUARDED_BY(mutex) = true;
  bool silent GUARDED_BY(mutex) = false;
  std::uint16_t next_port GUARDED_BY(mutex) = 40'000;
  std::map<std::uint16_t, std::deque<std::shared_ptr<Connection>>> waiting GUARDED_BY(mutex);  // by listening port
  std::vector<std::weak_ptr<Connection>> connections GUARDED_BY(mutex);
};

namespace {

using State = std::shared_ptr<SimNetwork::State>;

class SimStream final : public Stream {
 public:
  SimStream(State state, std::shared_ptr<Connection> connection, bool server)
      : state_(std::move(state)), connection_(std::move(connection)), server_(server) {}
  ~SimStream() override { shut_down(); }

  core::Result<std::size_t> read_some(std::span<std::byte> out, DurationNs timeout) override {
    const auto until = steady_clock::now() + std::chrono::nanoseconds(timeout);
    MutexLock lock(state_->mutex);
    Pipe& pipe = server_ ? connection_->to_server : connection_->to_client;
    while (pipe.bytes.empty() || state_->silent) {
      if (pipe.closed && !state_->silent) return unexpected(ErrorCode::kClosed, peer() + " closed the connection");
      if (steady_clock::now() >= until)
        return unexpected(ErrorCode::kTimeout, "reading from " + peer() + ": timed out");
      state_->changed.wait_for(state_->mutex, until - steady_clock::now());
    }
    const std::size_t n = std::min(out.size(), pipe.bytes.size());
    std::copy_n(pipe.bytes.begin(), n, out.begin());
    pipe.bytes.erase(pipe.bytes.begin(), pipe.bytes.begin() + static_cast<std::ptrdiff_t>(n));
    state_->changed.notify_all();
    return n;
  }

  core::Status write_all(std::span<const std::byte> bytes, DurationNs timeout) override {
    const auto until = steady_clock::now() + std::chrono::nanoseconds(timeout);
    MutexLock lock(state_->mutex);
    Pipe& pipe = server_ ? connection_->to_client : connection_->to_server;
    while (!bytes.empty()) {
      if (pipe.closed) return unexpected(ErrorCode::kClosed, peer() + " closed the connection");
      if (pipe.bytes.size() >= kPipeBytes) {
        if (steady_clock::now() >= until)
          return unexpected(ErrorCode::kTimeout, "writing to " + peer() + ": timed out");
        state_->changed.wait_for(state_->mutex, until - steady_clock::now());
        continue;
      }
      const std::size_t n = std::min(bytes.size(), kPipeBytes - pipe.bytes.size());
      pipe.bytes.insert(pipe.bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      bytes = bytes.subspan(n);
      state_->changed.notify_all();
    }
    return {};
  }

  void shut_down() override {
    MutexLock lock(state_->mutex);
    connection_->to_server.closed = true;
    connection_->to_client.closed = true;
    state_->changed.notify_all();
  }
  [[nodiscard]] std::string peer() const override { return server_ ? "sim-client" : "sim-server"; }

 private:
  State state_;
  std::shared_ptr<Connection> connection_;
  bool server_;
};

class SimListener final : public Listener {
 public:
  SimListener(State state, std::uint16_t port) : state_(std::move(state)), port_(port) {}
  ~SimListener() override {
    MutexLock lock(state_->mutex);
    state_->waiting.erase(port_);
  }

  core::Result<std::unique_ptr<Stream>> accept(DurationNs timeout) override {
    const auto until = steady_clock::now() + std::chrono::nanoseconds(timeout);
    MutexLock lock(state_->mutex);
    auto& queue = state_->waiting[port_];
    while (queue.empty()) {
      if (steady_clock::now() >= until) return unexpected(ErrorCode::kTimeout, "accept: timed out");
      state_->changed.wait_for(state_->mutex, until - steady_clock::now());
    }
    auto connection = queue.front();
    queue.pop_front();
    return std::unique_ptr<Stream>(std::make_unique<SimStream>(state_, std::move(connection), true));
  }
  [[nodiscard]] std::uint16_t port() const override { return port_; }

 private:
  State state_;
  std::uint16_t port_;
};

}  // namespace

SimNetwork::SimNetwork() : state_(std::make_shared<State>()) {}
SimNetwork::~SimNetwork() = default;

core::Result<std::unique_ptr<Listener>> SimNetwork::listen(const Address& address) {
  MutexLock lock(state_->mutex);
  const std::uint16_t port = address.port != 0 ? address.port : state_->next_port++;
  if (!state_->waiting.try_emplace(port).second) {
    return unexpected(ErrorCode::kConflict, "cannot listen on " + to_string(address) + ": Address already in use");
  }
  return std::unique_ptr<Listener>(std::make_unique<SimListener>(state_, port));
}

core::Result<std::unique_ptr<Stream>> SimNetwork::connect(const Address& address, DurationNs) {
  MutexLock lock(state_->mutex);
  const auto found = state_->waiting.find(address.port);
  if (!state_->cable || found == state_->waiting.end()) {
    return unexpected(ErrorCode::kUnavailable, "connecting to " + to_string(address) + ": Connection refused");
  }
  auto connection = std::make_shared<Connection>();
  found->second.push_back(connection);
  state_->connections.push_back(connection);
  state_->changed.notify_all();
  return std::unique_ptr<Stream>(std::make_unique<SimStream>(state_, std::move(connection), false));
}

void SimNetwork::pull_cable(Cut cut) {
  MutexLock lock(state_->mutex);
  state_->cable = false;
  state_->silent = cut == Cut::kSilent;
  for (const auto& weak : state_->connections) {
    if (const auto connection = weak.lock(); connection && cut == Cut::kReset) {
      for (Pipe* pipe : {&connection->to_server, &connection->to_client}) {
        pipe->bytes.clear();
        pipe->closed = true;
      }
    }
  }
  state_->changed.notify_all();
}

void SimNetwork::plug_cable() {
  MutexLock lock(state_->mutex);
  state_->cable = true;
  state_->silent = false;
  state_->changed.notify_all();
}

}  // namespace millwright::io

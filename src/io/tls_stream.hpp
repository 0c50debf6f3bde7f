// TlsStream: one connection of a TlsNetwork. For this module's own sources; tls.hpp says how it behaves.
//
// OpenSSL works on memory alone: what is read below goes into `in_`, what comes out of `out_` is written below. So no
// lock is held while the network is waited for. Threads: as a Stream. Lock order: handshake_, then ssl_.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "core/mutex.hpp"
#include "io/tls.hpp"

namespace millwright::io {

// The handshakes of a listener that are not done. Threads: any.
class Handshakes {
 public:
  explicit Handshakes(std::size_t most) : most_(most) {}
  // The oldest is ended where there are too many.
  void enter(Stream& stream) EXCLUDES(mutex_);
  void leave(const Stream& stream) EXCLUDES(mutex_);

 private:
  const std::size_t most_;
  core::Mutex mutex_;
  std::list<Stream*> open_ GUARDED_BY(mutex_);
};

class TlsStream final : public Stream {
 public:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  using Ssl = std::unique_ptr<SSL, FreeSsl>;

  // `ssl` knows which side it is. `handshakes` is the listener's, nullptr: a client's.
  TlsStream(std::unique_ptr<Stream> below, Ssl ssl, core::DurationNs handshake_max,
            std::shared_ptr<Handshakes> handshakes);
  ~TlsStream() override;

  core::Result<std::size_t> read_some(std::span<std::byte> out, core::DurationNs timeout) override;
  core::Status write_all(std::span<const std::byte> bytes, core::DurationNs timeout) override;
  void shut_down() override;
  [[nodiscard]] std::string peer() const override { return below_->peer(); }

  // Until it is done, `timeout` (kTimeout; call again) or its failure.
  core::Status handshake(core::DurationNs timeout) EXCLUDES(handshake_mutex_, ssl_mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  core::Status step(Clock::time_point until) REQUIRES(handshake_mutex_) EXCLUDES(ssl_mutex_);
  core::Status fail(core::Error error) REQUIRES(handshake_mutex_);
  core::Status feed(Clock::time_point until) EXCLUDES(ssl_mutex_);
  std::size_t take_plain(std::span<std::byte> out) REQUIRES(ssl_mutex_);
  void take_sealed() REQUIRES(ssl_mutex_);
  [[nodiscard]] std::string refusal(const std::string& reason) REQUIRES(ssl_mutex_);

  const std::unique_ptr<Stream> below_;
  const Clock::time_point deadline_;  // of the handshake
  const std::shared_ptr<Handshakes> handshakes_;
  const bool server_;

  std::atomic<bool> ready_{false};
  std::atomic<bool> writing_{false};  // by write_all or, for good, by shut_down
  core::Mutex handshake_mutex_;
  std::optional<core::Error> failed_ GUARDED_BY(handshake_mutex_);
  bool begun_ GUARDED_BY(handshake_mutex_) = false;  // the peer has said something

  core::Mutex ssl_mutex_;
  Ssl ssl_ GUARDED_BY(ssl_mutex_);
  BIO* in_ GUARDED_BY(ssl_mutex_);   // ssl_'s own
  BIO* out_ GUARDED_BY(ssl_mutex_);  // ssl_'s own
  std::vector<std::byte> raw_;       // of the thread that reads
  std::vector<std::byte> sealed_;    // of the thread that writes
};

}  // namespace millwright::io

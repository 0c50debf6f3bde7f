#include "io/tls_stream.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include "core/assert.hpp"
#include "io/tls_error.hpp"

namespace millwright::io {
namespace {

using core::DurationNs;
using core::ErrorCode;
using core::MutexLock;
using core::unexpected;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 32 * 1024;   // below, at a time
constexpr std::size_t kWriteBytes = 64 * 1024;  // of plain bytes, at a time
constexpr std::byte kHandshakeRecord{22};
constexpr std::byte kAlertRecord{21};

DurationNs left_until(steady_clock::time_point at) {
  return std::max<DurationNs>(0, nanoseconds(at - steady_clock::now()).count());
}

// Long waits are hours at most; a sum beyond the clock's end would be a time in the past.
steady_clock::time_point after(DurationNs timeout) {
  return steady_clock::now() + nanoseconds(std::min(timeout, 1000 * core::kHour));
}

}  // namespace

void Handshakes::enter(Stream& stream) {
  MutexLock lock(mutex_);
  open_.push_back(&stream);
  if (open_.size() <= most_) return;
  open_.front()->shut_down();
  open_.pop_front();
}

void Handshakes::leave(const Stream& stream) {
  MutexLock lock(mutex_);
  open_.remove_if([&](const Stream* open) { return open == &stream; });
}

TlsStream::TlsStream(std::unique_ptr<Stream> below, Ssl ssl, DurationNs handshake_max,
                     std::shared_ptr<Handshakes> handshakes)
    : below_(std::move(below)),
      deadline_(after(handshake_max)),
      handshakes_(std::move(handshakes)),
      server_(SSL_is_server(ssl.get()) == 1),
      ssl_(std::move(ssl)),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())),
      raw_(kReadBytes) {
  ASSERT(in_ != nullptr && out_ != nullptr, "out of memory");
  BIO_set_mem_eof_return(in_, -1);  // empty is not the end
  BIO_set_mem_eof_return(out_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  if (handshakes_) handshakes_->enter(*below_);
}

TlsStream::~TlsStream() {
  if (handshakes_) handshakes_->leave(*below_);
}

core::Status TlsStream::handshake(DurationNs timeout) {
  if (ready_) return {};
  const auto until = after(timeout);
  MutexLock lock(handshake_mutex_);
  while (!ready_) {
    if (failed_) return unexpected(*failed_);
    if (auto stepped = step(until); !stepped) return stepped;
  }
  return {};
}

core::Status TlsStream::fail(core::Error error) {
  if (handshakes_) handshakes_->leave(*below_);
  failed_ = std::move(error);
  return unexpected(*failed_);
}

core::Status TlsStream::step(Clock::time_point until) {
  std::string refused;
  int state = SSL_ERROR_NONE;
  {
    MutexLock lock(ssl_mutex_);
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done != 1) state = SSL_get_error(ssl_.get(), done);
    if (state != SSL_ERROR_NONE && state != SSL_ERROR_WANT_READ) refused = refusal(take_tls_error());
    take_sealed();
  }
  // Also the alert that tells a peer why it is refused.
  if (!sealed_.empty()) {
    auto written = below_->write_all(sealed_, left_until(deadline_));
    if (!written && refused.empty()) return fail(written.error().within("TLS handshake"));
  }
  if (!refused.empty()) return fail({ErrorCode::kInvalid, refused});
  if (state == SSL_ERROR_NONE) {
    if (handshakes_) handshakes_->leave(*below_);
    ready_ = true;
    return {};
  }
  auto fed = feed(std::min(until, deadline_));
  if (!fed && fed.error().code == ErrorCode::kTimeout) {
    if (steady_clock::now() < deadline_) return fed;
    return fail({ErrorCode::kClosed, fmt::format("{} did not finish its TLS handshake in time", peer())});
  }
  if (!fed) return fail(fed.error().within("TLS handshake"));
  if (!std::exchange(begun_, true) && raw_[0] != kHandshakeRecord && (server_ || raw_[0] != kAlertRecord)) {
    return fail(
        {ErrorCode::kInvalid, fmt::format("{} spoke no TLS; {}", peer(),
                                          server_ ? "this port takes nothing else" : "does it listen without?")});
  }
  return {};
}

core::Status TlsStream::feed(Clock::time_point until) {
  const auto read = below_->read_some(raw_, left_until(until));
  if (!read) return unexpected(read.error());
  MutexLock lock(ssl_mutex_);
  ASSERT(BIO_write(in_, raw_.data(), static_cast<int>(*read)) == static_cast<int>(*read), "out of memory");
  return {};
}

std::string TlsStream::refusal(const std::string& reason) {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) {
    return fmt::format("{}: its certificate is refused: {}", peer(), X509_verify_cert_error_string(verified));
  }
  return fmt::format("{}: TLS failed: {}", peer(), reason);
}

// As much as there is; 0: nothing, for which take_tls_error or the session's end says why.
std::size_t TlsStream::take_plain(std::span<std::byte> out) {
  std::size_t taken = 0;
  std::size_t more = 0;
  while (taken < out.size() && SSL_read_ex(ssl_.get(), out.data() + taken, out.size() - taken, &more) == 1) {
    taken += more;
  }
  return taken;
}

core::Result<std::size_t> TlsStream::read_some(std::span<std::byte> out, DurationNs timeout) {
  const auto until = after(timeout);
  if (auto shaken = handshake(timeout); !shaken) return unexpected(shaken.error());
  for (;;) {
    {
      MutexLock lock(ssl_mutex_);
      ERR_clear_error();
      if (const std::size_t taken = take_plain(out); taken > 0) return taken;
      const int state = SSL_get_error(ssl_.get(), 0);
      if (state == SSL_ERROR_ZERO_RETURN) return unexpected(ErrorCode::kClosed, peer() + " closed the connection");
      if (state != SSL_ERROR_WANT_READ) return unexpected(ErrorCode::kInvalid, refusal(take_tls_error()));
    }
    if (auto fed = feed(until); !fed) return unexpected(fed.error());
  }
}

void TlsStream::take_sealed() {
  sealed_.resize(BIO_ctrl_pending(out_));
  if (sealed_.empty()) return;
  ASSERT(BIO_read(out_, sealed_.data(), static_cast<int>(sealed_.size())) == static_cast<int>(sealed_.size()),
         "what is pending can be read");
}

core::Status TlsStream::write_all(std::span<const std::byte> bytes, DurationNs timeout) {
  const auto until = after(timeout);
  if (auto shaken = handshake(timeout); !shaken) return shaken;
  if (writing_.exchange(true)) return unexpected(ErrorCode::kClosed, peer() + ": the connection was ended");
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), kWriteBytes));
    {
      MutexLock lock(ssl_mutex_);
      ERR_clear_error();
      std::size_t written = 0;
      // Into memory, so all of it or nothing.
      if (SSL_write_ex(ssl_.get(), part.data(), part.size(), &written) != 1) {
        return unexpected(ErrorCode::kClosed, refusal(take_tls_error()));
      }
      take_sealed();
    }
    // A record that went out in part ends the stream: `writing_` stays set.
    if (auto written = below_->write_all(sealed_, left_until(until)); !written) return written;
    bytes = bytes.subspan(part.size());
  }
  writing_ = false;
  return {};
}

void TlsStream::shut_down() {
  // A farewell, unless somebody writes just now.
  if (ready_ && !writing_.exchange(true)) {
    {
      MutexLock lock(ssl_mutex_);
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      take_sealed();
    }
    static_cast<void>(below_->write_all(sealed_, 0));
  }
  below_->shut_down();
}

}  // namespace millwright::io

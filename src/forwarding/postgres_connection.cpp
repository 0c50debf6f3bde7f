#include "forwarding/postgres_connection.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include <libpq-fe.h>
#include <poll.h>

#include "core/text.hpp"
#include "io/dead_peer.hpp"

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using std::chrono::steady_clock;

constexpr int kLookMs = 50;  // how soon a wait sees that it is to stop

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Rows = std::unique_ptr<PGresult, Clear>;

std::string one_line(const char* message) {
  std::string text(core::trim(message == nullptr ? "" : message));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

core::Error error_of(const PGresult& result) {
  const char* state = PQresultErrorField(&result, PG_DIAG_SQLSTATE);
  const std::string_view code = state == nullptr ? "" : state;
  const bool never = code.starts_with("22") || code.starts_with("23");
  return {never ? ErrorCode::kInvalid : ErrorCode::kUnavailable, one_line(PQresultErrorMessage(&result))};
}

}  // namespace

struct PostgresConnection::Until {
  steady_clock::time_point end;
  const Stopping& stopping;
  Until(core::DurationNs timeout, const Stopping& asked)
      : end(steady_clock::now() + std::chrono::nanoseconds(timeout)), stopping(asked) {}
};

core::Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const Parameters& parameters,
                                                                           core::DurationNs timeout,
                                                                           const Stopping& stopping) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<PostgresConnection> one(
      new PostgresConnection(PQconnectStartParams(names.data(), values.data(), 0), timeout));
  if (one->connection_ == nullptr) return core::unexpected(ErrorCode::kIo, "libpq does not start");
  if (auto up = one->finish_connecting(stopping); !up) return core::unexpected(up.error());
  PQsetNoticeProcessor(
      one->connection_, [](void*, const char*) {}, nullptr);
  PQsetnonblocking(one->connection_, 1);
  io::notice_dead_peer(PQsocket(one->connection_));
  return one;
}

PostgresConnection::~PostgresConnection() {
  PQfinish(connection_);
}

bool PostgresConnection::lost() const {
  return PQstatus(connection_) != CONNECTION_OK;
}

core::Unexpected PostgresConnection::failed() const {
  return core::unexpected(ErrorCode::kUnavailable, one_line(PQerrorMessage(connection_)));
}

core::Status PostgresConnection::finish_connecting(const Stopping& stopping) {
  const Until until(std::min(timeout_, kConnectTimeout), stopping);
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    if (PQstatus(connection_) == CONNECTION_BAD || next == PGRES_POLLING_FAILED) return failed();
    if (auto ready = wait(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until); !ready) return ready;
    next = PQconnectPoll(connection_);
  }
  return {};
}

core::Status PostgresConnection::wait(short events, const Until& until) {
  for (;;) {
    pollfd wanted{.fd = PQsocket(connection_), .events = events, .revents = 0};
    if (wanted.fd < 0) return failed();
    if (::poll(&wanted, 1, kLookMs) > 0) return {};
    if (until.stopping()) return core::unexpected(ErrorCode::kTimeout, "stopping");
    if (steady_clock::now() >= until.end) return core::unexpected(ErrorCode::kTimeout, "no answer");
  }
}

core::Status PostgresConnection::flush(const Until& until) {
  for (;;) {
    const int left = PQflush(connection_);
    if (left < 0) return failed();
    if (left == 0) return {};
    if (auto ready = wait(POLLIN | POLLOUT, until); !ready) return ready;
    if (PQconsumeInput(connection_) == 0) return failed();
  }
}

core::Status PostgresConnection::send(const std::string& sql, const Until& until) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) return failed();
  return flush(until);
}

// All answers, up to where the server waits for data; of several errors the first.
core::Result<std::string> PostgresConnection::results(const Until& until) {
  std::string value;
  std::optional<core::Error> error;
  for (;;) {
    while (PQisBusy(connection_) != 0) {
      if (auto ready = wait(POLLIN, until); !ready) return core::unexpected(ready.error());
      if (PQconsumeInput(connection_) == 0) return failed();
    }
    const Rows rows(PQgetResult(connection_));
    if (!rows) break;
    const ExecStatusType status = PQresultStatus(rows.get());
    if (status == PGRES_COPY_IN) break;
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    if (!good && !error) error = error_of(*rows);
    if (good && PQntuples(rows.get()) > 0) value = PQgetvalue(rows.get(), 0, 0);
  }
  if (error) return core::unexpected(std::move(*error));
  return value;
}

core::Result<std::string> PostgresConnection::run(const std::string& sql, const Stopping& stopping) {
  const Until until(timeout_, stopping);
  if (auto sent = send(sql, until); !sent) return core::unexpected(sent.error());
  return results(until);
}

core::Status PostgresConnection::copy(const std::string& sql, std::span<const std::string_view> pieces,
                                      const Stopping& stopping) {
  const Until until(timeout_, stopping);
  if (auto sent = send(sql, until); !sent) return sent;
  if (auto begun = results(until); !begun) return core::unexpected(begun.error());
  for (const std::string_view piece : pieces) {
    if (PQputCopyData(connection_, piece.data(), static_cast<int>(piece.size())) < 0) return failed();
    if (auto flushed = flush(until); !flushed) return flushed;
  }
  if (PQputCopyEnd(connection_, nullptr) < 0) return failed();
  if (auto flushed = flush(until); !flushed) return flushed;
  if (auto done = results(until); !done) return core::unexpected(done.error());
  return {};
}

}  // namespace millwright::forwarding

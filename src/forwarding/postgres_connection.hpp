// PostgresConnection: one connection to PostgreSQL by libpq, whose every wait has an end. After an error of the
// connection it is over; after one of a statement it goes on.
//
// Threads: one owner. Errors: kInvalid where the server will never take the data (SQLSTATE classes 22 and 23), else
// kUnavailable or kTimeout; the message is the server's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "forwarding/transport.hpp"

struct pg_conn;
struct pg_result;

namespace millwright::forwarding {

class PostgresConnection {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;  // as libpq names them

  // `timeout` is of each answer. Connecting has kConnectTimeout at most, so that a new try is never far away.
  static constexpr core::DurationNs kConnectTimeout = 2 * core::kSecond;
  static core::Result<std::unique_ptr<PostgresConnection>> open(const Parameters& parameters, core::DurationNs timeout,
                                                                const Stopping& stopping);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // One or more statements. The first field of the last one's first row; "": there is none.
  core::Result<std::string> run(const std::string& sql, const Stopping& stopping);
  // COPY … FROM STDIN of pieces that together are its data.
  core::Status copy(const std::string& sql, std::span<const std::string_view> pieces, const Stopping& stopping);
  [[nodiscard]] bool lost() const;

 private:
  struct Until;
  PostgresConnection(pg_conn* connection, core::DurationNs timeout) : connection_(connection), timeout_(timeout) {}
  core::Status finish_connecting(const Stopping& stopping);
  core::Status send(const std::string& sql, const Until& until);
  core::Status flush(const Until& until);
  core::Result<std::string> results(const Until& until);
  core::Status wait(short events, const Until& until);
  [[nodiscard]] core::Unexpected failed() const;

  pg_conn* const connection_;
  const core::DurationNs timeout_;
};

}  // namespace millwright::forwarding

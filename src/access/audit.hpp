// The audit log: who changed what, from where, when, and how it ended. A file to which lines are only ever added, each
// sealed with the SHA-256 of the line before and itself. Format: docs/format/audit.md.
//
//   auto log = AuditLog::open(directory + "/audit/log", keep_head);
//   auto sealed = (*log)->append({.time = now, .who = "anna", .from = "10.0.0.7", .what = "POST /v1/users", …});
//
// Several processes may write to one log (a plant and a command beside it): each append holds a lock on the file.
// Threads: any, one append at a time, which waits for the disk. Errors: kIo, kFull; kCorrupt where the log's end is no
// record. A tail that a crash left unfinished was never told of as written: it is cut off, and a record says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/token.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::access {

struct AuditEntry {
  core::TimeNs time = 0;
  std::string who{};     // "anna", "openid:anna", "local", "command"
  std::string by{};      // what proved it: "session", "token 3f…", "openid", "local", "command"
  std::string from{};    // an address, or "this machine"
  std::string what{};    // "POST /v1/alarms/4711/acknowledge", "user add"
  int status = 0;        // as HTTP has it
  std::string detail{};  // JSON or "", without secrets
};

// The number and seal of a record: kept elsewhere, it shows whether the log was cut or written anew since.
struct AuditHead {
  std::uint64_t number = 0;
  Digest seal{};
};
// "17:9f2c…" and back.
std::string to_text(const AuditHead& head);
core::Result<AuditHead> parse_head(std::string_view text);

class AuditLog {
 public:
  static constexpr std::size_t kDetailBytesMax = 4 * 1024;
  using KeepHead = std::function<core::Status(const AuditHead&)>;

  // Makes file and folder where they are absent. `keep` is told of each record while the log is locked.
  static core::Result<std::unique_ptr<AuditLog>> open(std::string file, KeepHead keep = {});
  ~AuditLog();

  core::Result<AuditHead> append(const AuditEntry& entry);
  // Whether a record could be added: asked before a change is made.
  core::Status ready();

 private:
  AuditLog(std::string file, int fd, KeepHead keep);
  core::Status catch_up() REQUIRES(mutex_);
  core::Status write(const std::string& json) REQUIRES(mutex_);

  const std::string file_;
  const int fd_;
  const KeepHead keep_;
  core::Mutex mutex_;
  AuditHead head_ GUARDED_BY(mutex_);
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;  // of the file, as far as head_ knows it
};

// A page of the log, newest first.
struct AuditRecord {
  std::uint64_t number = 0;
  std::string json;
};
struct AuditPage {
  std::vector<AuditRecord> records;
  std::uint64_t before = 0;  // where the next page begins; 0: there is none
};
// `before`: as the page before gave it, 0: from the end. Lines that are no records are left out.
core::Result<AuditPage> read_audit(const std::string& file, std::uint64_t before, std::size_t count_max);

// What is wrong with a log, record by record.
struct AuditReport {
  std::uint64_t records = 0;
  AuditHead head;
  std::vector<std::string> problems;
};
// `heads`: earlier ends of the log that must still be in it.
core::Result<AuditReport> verify_audit(const std::string& file, const std::vector<AuditHead>& heads);

// A request's JSON body as it may be kept: what is called password, secret, token or key is replaced. "" where it is no
// JSON or is too long.
std::string without_secrets(std::string_view body);

}  // namespace millwright::access

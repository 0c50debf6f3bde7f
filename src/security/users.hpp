// Who may log in, with which password or certificate: a text file with a line for each. Passwords are kept as scrypt
// (RFC 7914), certificates by their SHA-256: who is meant is that very certificate, whoever issued it.
//
//   # made with `millwright opcua user operator --users users.txt`
//   operator:scrypt:16384:8:1:<salt in hexadecimal>:<32 bytes in hexadecimal>
//   operator:certificate:<32 bytes in hexadecimal>
//
// The file is read at every login, so that a change counts at once.
// Threads: free functions any; Logins one at a time. Limits: kUsersMax lines, names and passwords of kNameLongest and
// kPasswordLongest bytes. Errors: with file and line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"

namespace millwright::security {

inline constexpr std::size_t kUsersMax = 10'000;
inline constexpr std::size_t kNameLongest = 64;
inline constexpr std::size_t kPasswordLongest = 1024;

struct User {
  std::string name;
  std::string certificate = {};  // the SHA-256 of its DER; "": a password, which the rest is about
  std::uint64_t n = 1 << 14;     // 16 MiB and some 50 ms
  std::uint64_t r = 8;
  std::uint64_t p = 1;
  std::string salt = {};  // bytes
  std::string hash = {};
};
core::Result<std::vector<User>> parse_users(std::string_view text, const std::string& file);
bool has_password(const User& user, std::string_view password);
// The file's text with this user's password added or changed.
core::Result<std::string> with_user(std::string_view text, const std::string& file, std::string_view name,
                                    std::string_view password);
// The same with a certificate, DER. A user has one, and one certificate is one user.
core::Result<std::string> with_certificate(std::string_view text, const std::string& file, std::string_view name,
                                           std::string_view der);

// Logins at a server. Trying passwords is slow on purpose, and only kTriesMax wrong ones are looked at in a row, then
// one a second: the rest is refused unseen. Who logged in before is known again without that.
class Logins {
 public:
  static constexpr double kTriesMax = 5;

  Logins(std::string file, io::FileSystem& files, io::Clock& clock);
  // Error: kInvalid for a wrong name or password, kFull for too many tries, else what is wrong with the file.
  core::Status check(std::string_view name, std::string_view password);
  // Who shows this certificate, DER; that they have its key is the caller's to see. kInvalid: nobody, or out of date.
  [[nodiscard]] core::Result<std::string> user_of(std::string_view der) const;

 private:
  [[nodiscard]] core::Result<std::vector<User>> read() const;
  [[nodiscard]] std::string remembered_as(const User& user, std::string_view password) const;

  const std::string file_;
  io::FileSystem& files_;
  io::Clock& clock_;
  const std::string secret_;                   // of this process
  std::map<std::string, std::string> passed_;  // name to a keyed hash of line and password
  double tries_ = kTriesMax;
  core::TimeNs counted_ = 0;
};

}  // namespace millwright::security

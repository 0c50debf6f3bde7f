// Passwords: kept as Argon2id (RFC 9106) in its usual text form, which carries salt and cost:
//
//   $argon2id$v=19$m=32768,t=3,p=1$<salt>$<hash>
//
// Threads: pure functions, but slow on purpose (some 60 ms) and 32 MiB each: the caller bounds how many run at once.
// Errors: kInvalid where a password breaks a rule; the message never repeats it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::access {

inline constexpr std::size_t kPasswordShortest = 12;
inline constexpr std::size_t kPasswordLongest = 1024;
inline constexpr std::size_t kUserNameLongest = 64;

// Long enough, UTF-8, not the name nor made of it, not one character or one run of the keyboard over and over.
core::Status check_password(std::string_view name, std::string_view password);
// Letters, digits and "._@-", a letter or digit first: what fits a path, a log line and a claim.
core::Status check_user_name(std::string_view name);

core::Result<std::string> hash_password(std::string_view password);
bool matches(std::string_view hash, std::string_view password);
// Whether the hash was made with less than today's cost: at the next sign-in it is made anew.
bool is_outdated(std::string_view hash);
// Takes as long as matches(), so that an unknown name cannot be told by the time of the answer.
void match_nothing(std::string_view password);

}  // namespace millwright::access

#include "access/password.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include <argon2.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include "core/text.hpp"

namespace millwright::access {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::uint32_t kPasses = 3;
constexpr std::uint32_t kMemoryKiB = 32 * 1024;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kEncodedLongest = 512;

// The cost as the text form has it.
std::string cost() {
  return fmt::format("$argon2id$v=19$m={},t={},p={}$", kMemoryKiB, kPasses, kLanes);
}

// "password1234", "qwertyuiop12", "111111111111": what is tried first.
bool is_common(std::string_view lower) {
  static constexpr std::array<std::string_view, 10> kWords = {"password",   "passw0rd",      "qwerty",   "letmein",
                                                              "welcome",    "administrator", "changeme", "iloveyou",
                                                              "millwright", "abc123"};
  std::string rest(lower);
  for (const std::string_view word : kWords) {
    for (auto at = rest.find(word); at != std::string::npos; at = rest.find(word)) rest.erase(at, word.size());
  }
  // What is left beside a common word must carry the weight by itself.
  return rest.size() <= kPasswordShortest / 2;
}

bool is_run(std::string_view text) {
  const auto step = [&](std::size_t i) { return static_cast<int>(text[i]) - static_cast<int>(text[i - 1]); };
  std::size_t in_step = 0;
  for (std::size_t i = 2; i < text.size(); ++i) in_step += step(i) == step(i - 1) && std::abs(step(i)) <= 1;
  return in_step + 4 >= text.size();
}

std::size_t distinct(std::string_view text) {
  std::string sorted(text);
  std::sort(sorted.begin(), sorted.end());
  return static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
}

}  // namespace

core::Status check_password(std::string_view name, std::string_view password) {
  if (password.size() < kPasswordShortest) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the password has fewer than {} characters; a few words that "
                                                       "do not belong together are good and easy to keep",
                                                       kPasswordShortest));
  }
  if (password.size() > kPasswordLongest) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the password has more than {} bytes", kPasswordLongest));
  }
  for (std::string_view rest = password; !rest.empty();) {
    const std::size_t length = core::utf8_length(rest);
    if (length == 0 || static_cast<unsigned char>(rest[0]) < 0x20) {
      return unexpected(ErrorCode::kInvalid, "the password has bytes that are no text (UTF-8)");
    }
    rest.remove_prefix(length);
  }
  const std::string lower = core::lower(password);
  const std::string lower_name = core::lower(name);
  if (lower_name.size() >= 4 && lower.find(lower_name) != std::string::npos) {
    return unexpected(ErrorCode::kInvalid, "the password holds the user's name");
  }
  if (distinct(lower) < 5 || is_run(lower) || is_common(lower)) {
    return unexpected(ErrorCode::kInvalid, "the password is among those that are tried first");
  }
  return {};
}

core::Status check_user_name(std::string_view name) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const auto fits = [&](char c) { return plain(c) || c == '.' || c == '_' || c == '@' || c == '-'; };
  // What the audit log writes where it was no user.
  static constexpr std::array<std::string_view, 4> kReserved = {"local", "unknown", "audit", "command"};
  const bool reserved = std::find(kReserved.begin(), kReserved.end(), core::lower(name)) != kReserved.end();
  if (!name.empty() && name.size() <= kUserNameLongest && plain(name[0]) && !reserved &&
      std::all_of(name.begin(), name.end(), fits)) {
    return {};
  }
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("a user's name is 1 to {} letters, digits, '.', '_', '@' and '-', a letter or digit "
                                "first, and not local, unknown, audit or command",
                                kUserNameLongest));
}

core::Result<std::string> hash_password(std::string_view password) {
  std::array<unsigned char, kSaltBytes> salt{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return unexpected(ErrorCode::kIo, "the operating system gives no random numbers");
  }
  std::string encoded(kEncodedLongest, '\0');
  const int made = argon2id_hash_encoded(kPasses, kMemoryKiB, kLanes, password.data(), password.size(), salt.data(),
                                         salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (made != ARGON2_OK) {
    return unexpected(ErrorCode::kFull, fmt::format("hashing a password failed: {}", argon2_error_message(made)));
  }
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool matches(std::string_view hash, std::string_view password) {
  return password.size() <= kPasswordLongest &&
         argon2id_verify(std::string(hash).c_str(), password.data(), password.size()) == ARGON2_OK;
}

bool is_outdated(std::string_view hash) {
  return !hash.starts_with(cost());
}

void match_nothing(std::string_view password) {
  // Of a password that nobody knows: 32 random bytes that were thrown away, here and at each start.
  static const std::string hash = [] {
    std::array<unsigned char, 32> bytes{};
    RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
    const auto made = hash_password({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return made ? *made : std::string();
  }();
  static_cast<void>(matches(hash, password));
}

}  // namespace millwright::access

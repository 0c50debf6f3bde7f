#include "security/users.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "core/text.hpp"
#include "security/certificate.hpp"

namespace millwright::security {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kSaltBytesMax = 64;
constexpr std::size_t kFields = 7;
constexpr std::uint64_t kMemoryMax = 256ULL << 20;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  const int drawn = RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count));
  ASSERT(drawn == 1, "no random numbers");
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

bool from_hex(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const char* const end = text.data() + i + 2;
    const auto [at, error] = std::from_chars(text.data() + i, end, value, 16);
    if (error != std::errc() || at != end) return false;
    out += static_cast<char>(value);
  }
  return true;
}

bool parse_number(std::string_view text, std::uint64_t& out) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && at == text.data() + text.size();
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLongest && name[0] != '#' &&
         std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != ':'; });
}

// scrypt's own bounds, and ours on memory and time, so that a file cannot stall the server.
bool are_parameters(const User& user) {
  const bool power_of_two = user.n >= 2 && (user.n & (user.n - 1)) == 0;
  return power_of_two && user.n <= (1ULL << 20) && user.r >= 1 && user.r <= 32 && user.p >= 1 && user.p <= 16 &&
         128 * user.n * user.r <= kMemoryMax;
}

std::string scrypt(const User& user, std::string_view password) {
  std::string out(kHashBytes, '\0');
  const int done =
      EVP_PBE_scrypt(password.data(), password.size(), bytes_of(user.salt), user.salt.size(), user.n, user.r, user.p,
                     2 * kMemoryMax, reinterpret_cast<unsigned char*>(out.data()), kHashBytes);
  return done == 1 ? out : std::string();
}

std::string fingerprint(std::string_view der) {
  std::string out(kHashBytes, '\0');
  SHA256(bytes_of(der), der.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

constexpr std::string_view kByPassword = "scrypt";
constexpr std::string_view kByCertificate = "certificate";
constexpr std::size_t kCertificateFields = 3;

core::Result<User> parse_user(std::string_view line) {
  const auto fields = core::split(line, ':');
  User user;
  if (fields.size() == kCertificateFields && is_name(fields[0]) && fields[1] == kByCertificate &&
      from_hex(fields[2], user.certificate) && user.certificate.size() == kHashBytes) {
    user.name = fields[0];
    return user;
  }
  const bool good = fields.size() == kFields && is_name(fields[0]) && fields[1] == kByPassword &&
                    parse_number(fields[2], user.n) && parse_number(fields[3], user.r) &&
                    parse_number(fields[4], user.p) && are_parameters(user) && from_hex(fields[5], user.salt) &&
                    from_hex(fields[6], user.hash) && !user.salt.empty() && user.salt.size() <= kSaltBytesMax &&
                    user.hash.size() == kHashBytes;
  if (!good) {
    return unexpected(ErrorCode::kInvalid, "is no user; make the line with `millwright opcua user NAME --users FILE`");
  }
  user.name = fields[0];
  return user;
}

bool is_user_line(std::string_view line) {
  return !line.empty() && line[0] != '#';
}

}  // namespace

core::Result<std::vector<User>> parse_users(std::string_view text, const std::string& file) {
  std::vector<User> users;
  std::size_t number = 0;
  for (const std::string_view raw : core::split(text, '\n')) {
    ++number;
    const std::string_view line = core::trim(raw);
    if (!is_user_line(line)) continue;
    auto user = parse_user(line);
    if (!user) return unexpected(ErrorCode::kInvalid, fmt::format("{}:{} {}", file, number, user.error().message));
    const auto same = [&](const User& other) {
      return (other.name == user->name && other.certificate.empty() == user->certificate.empty()) ||
             (!user->certificate.empty() && other.certificate == user->certificate);
    };
    if (std::any_of(users.begin(), users.end(), same) || users.size() == kUsersMax) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("{}:{}: the user '{}' or the certificate is there twice, or there are more than {}",
                                    file, number, user->name, kUsersMax));
    }
    users.push_back(std::move(*user));
  }
  return users;
}

bool has_password(const User& user, std::string_view password) {
  const std::string hash = scrypt(user, password.substr(0, kPasswordLongest));
  return hash.size() == kHashBytes && user.hash.size() == kHashBytes &&
         CRYPTO_memcmp(hash.data(), user.hash.data(), kHashBytes) == 0;
}

namespace {

core::Status check_name(std::string_view name) {
  if (is_name(name)) return {};
  return unexpected(ErrorCode::kInvalid,
                    fmt::format("'{}' is no user name: no spaces, no ':', at most {} bytes", name, kNameLongest));
}

// Without the line by which the user came in that way before.
std::string without(std::string_view text, std::string_view name, std::string_view way) {
  const std::string head = fmt::format("{}:{}:", name, way);
  std::string out;
  for (const std::string_view line : core::split(text, '\n')) {
    if (line.empty() || core::trim(line).starts_with(head)) continue;
    out += fmt::format("{}\n", line);
  }
  return out;
}

}  // namespace

core::Result<std::string> with_user(std::string_view text, const std::string& file, std::string_view name,
                                    std::string_view password) {
  if (auto named = check_name(name); !named) return unexpected(named.error());
  if (password.empty() || password.size() > kPasswordLongest) {
    return unexpected(ErrorCode::kInvalid, fmt::format("a password has 1 to {} bytes", kPasswordLongest));
  }
  if (auto users = parse_users(text, file); !users) return unexpected(users.error());
  User user{.name = std::string(name), .salt = random_bytes(kSaltBytes)};
  user.hash = scrypt(user, password);
  if (user.hash.empty()) return unexpected(ErrorCode::kFull, "out of memory");
  return without(text, name, kByPassword) + fmt::format("{}:{}:{}:{}:{}:{}:{}\n", name, kByPassword, user.n, user.r,
                                                        user.p, to_hex(user.salt), to_hex(user.hash));
}

core::Result<std::string> with_certificate(std::string_view text, const std::string& file, std::string_view name,
                                           std::string_view der) {
  if (auto named = check_name(name); !named) return unexpected(named.error());
  if (auto certificate = describe(der); !certificate) return unexpected(certificate.error());
  std::string out =
      without(text, name, kByCertificate) + fmt::format("{}:{}:{}\n", name, kByCertificate, to_hex(fingerprint(der)));
  if (auto users = parse_users(out, file); !users) return unexpected(users.error());
  return out;
}

Logins::Logins(std::string file, io::FileSystem& files, io::Clock& clock)
    : file_(std::move(file)), files_(files), clock_(clock), secret_(random_bytes(kHashBytes)) {}

std::string Logins::remembered_as(const User& user, std::string_view password) const {
  const std::string what = to_hex(user.hash) + ":" + std::string(password);
  std::array<unsigned char, kHashBytes> out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), bytes_of(what), what.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

core::Result<std::vector<User>> Logins::read() const {
  const auto bytes = io::read_file(files_, file_);
  if (!bytes) return unexpected(bytes.error());
  return parse_users({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, file_);
}

core::Result<std::string> Logins::user_of(std::string_view der) const {
  const auto users = read();
  if (!users) return unexpected(users.error());
  const std::string wanted = fingerprint(der);
  const auto found = std::find_if(users->begin(), users->end(), [&](const User& u) { return u.certificate == wanted; });
  const auto certificate = describe(der);
  if (!certificate) return unexpected(certificate.error());
  if (found == users->end()) {
    return unexpected(ErrorCode::kInvalid, fmt::format("no user has the certificate of '{}' (SHA-256 {}): `millwright "
                                                       "opcua user NAME --certificate FILE --users {}`",
                                                       certificate->subject, to_hex(wanted), file_));
  }
  const core::TimeNs now = clock_.now();
  if (now < certificate->valid_from || now > certificate->valid_until) {
    return unexpected(ErrorCode::kInvalid, fmt::format("the certificate of the user '{}' is out of date", found->name));
  }
  return found->name;
}

core::Status Logins::check(std::string_view name, std::string_view password) {
  const auto users = read();
  if (!users) return unexpected(users.error());
  const auto found = std::find_if(users->begin(), users->end(),
                                  [&](const User& user) { return user.name == name && user.certificate.empty(); });
  const auto wrong = unexpected(ErrorCode::kInvalid, "wrong user name or password");
  if (password.size() > kPasswordLongest) return wrong;
  if (found != users->end()) {
    const auto before = passed_.find(found->name);
    if (before != passed_.end() && before->second == remembered_as(*found, password)) return {};
  }
  const core::TimeNs now = clock_.monotonic();
  tries_ = std::min(kTriesMax, tries_ + static_cast<double>(now - counted_) / core::kSecond);
  counted_ = now;
  if (tries_ < 1) return unexpected(ErrorCode::kFull, "too many wrong passwords; try again in some seconds");
  // A name that is not there takes as long as one that is.
  const User nobody{.name = {}, .salt = std::string(kSaltBytes, '\0'), .hash = std::string(kHashBytes, '\0')};
  const bool known = found != users->end();
  if (!has_password(known ? *found : nobody, password) || !known) {
    tries_ -= 1;
    return wrong;
  }
  passed_[found->name] = remembered_as(*found, password);
  return {};
}

}  // namespace millwright::security

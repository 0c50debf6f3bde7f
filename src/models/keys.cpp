#include "models/keys.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace millwright::models {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

EVP_PKEY* raw(const std::shared_ptr<void>& key) {
  return static_cast<EVP_PKEY*>(key.get());
}

std::shared_ptr<void> owned(EVP_PKEY* key) {
  return {key, [](void* p) { EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); }};
}

// A key file with a passphrase is refused, not asked for one.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*write*/, void* /*user*/) {
  return -1;
}

template <typename Read>
core::Result<std::shared_ptr<void>> read_pem(std::string_view pem, const std::string& name, const char* what,
                                             Read read) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  EVP_PKEY* key = bio ? read(bio.get(), nullptr, no_passphrase, nullptr) : nullptr;
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
    EVP_PKEY_free(key);
    return core::unexpected(
        core::ErrorCode::kInvalid,
        fmt::format("{}: holds no {} Ed25519 key in PEM; `millwright model keygen` makes a pair", name, what));
  }
  return owned(key);
}

template <typename Write>
std::string write_pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  ASSERT(bio && write(bio.get()) == 1, "a key is written to memory");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

core::Result<std::string> from_hex(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) break;
    out += static_cast<char>(high * 16 + low);
  }
  if (2 * out.size() == text.size()) return out;
  return core::unexpected(core::ErrorCode::kInvalid, "is no text of hexadecimal digits 0-9, a-f in pairs");
}

std::string sha256(std::string_view bytes) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                              EVP_sha256(), nullptr);
  ASSERT(done == 1, "libcrypto has SHA-256");
  return to_hex(std::string_view(digest).substr(0, size));
}

PublicKey::PublicKey(std::shared_ptr<void> key) : key_(std::move(key)) {
  std::string bytes(kKeyBytes, '\0');
  std::size_t size = bytes.size();
  const int done = EVP_PKEY_get_raw_public_key(raw(key_), reinterpret_cast<unsigned char*>(bytes.data()), &size);
  ASSERT(done == 1 && size == kKeyBytes, "an Ed25519 key has 32 bytes");
  id_ = sha256(bytes).substr(0, 16);
}

core::Result<PublicKey> PublicKey::read(std::string_view pem, const std::string& name) {
  auto key = read_pem(pem, name, "public", PEM_read_bio_PUBKEY);
  if (!key) return core::unexpected(key.error());
  return PublicKey(std::move(*key));
}

std::string PublicKey::pem() const {
  return write_pem([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, raw(key_)); });
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, raw(key_)) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
}

core::Result<SigningKey> SigningKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return core::unexpected(core::ErrorCode::kIo, "libcrypto made no Ed25519 key");
  return SigningKey(owned(key));
}

core::Result<SigningKey> SigningKey::read(std::string_view pem, const std::string& name) {
  auto key = read_pem(pem, name, "private", PEM_read_bio_PrivateKey);
  if (!key) return core::unexpected(key.error());
  return SigningKey(std::move(*key));
}

std::string SigningKey::pem() const {
  return write_pem(
      [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, raw(key_), nullptr, nullptr, 0, nullptr, nullptr); });
}

std::string SigningKey::sign(std::string_view message) const {
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool done = context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, raw(key_)) == 1 &&
                    EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) == 1;
  ASSERT(done && size == kSignatureBytes, "an Ed25519 key signs");
  return {reinterpret_cast<const char*>(signature.data()), size};
}

}  // namespace millwright::models

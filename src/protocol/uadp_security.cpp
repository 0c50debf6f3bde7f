#include "protocol/uadp_security.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace millwright::protocol::uadp {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::size_t kSignatureBytes = 32;
constexpr std::size_t kMessageNonceBytes = 8;
constexpr std::size_t kBlockBytes = 16;

const unsigned char* bytes_of(const std::byte* at) {
  return reinterpret_cast<const unsigned char*>(at);
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

}  // namespace

core::Status Keys::add(std::uint32_t token, std::span<const std::byte> key) {
  const std::size_t encrypting =
      key.size() > kSigningBytes + kNonceBytes ? key.size() - kSigningBytes - kNonceBytes : 0;
  if (encrypting != 16 && encrypting != 32) {
    return unexpected(
        ErrorCode::kInvalid,
        fmt::format("a key of {} bytes; there are 52 of PubSub-Aes128-CTR (32 that sign, 16 that encrypt, "
                    "4 of nonce), 68 of PubSub-Aes256-CTR",
                    key.size()));
  }
  Key& added = keys_[token];
  std::copy_n(key.begin(), kSigningBytes, added.signing.begin());
  added.encrypting.assign(key.begin() + kSigningBytes, key.end() - kNonceBytes);
  std::copy_n(key.end() - kNonceBytes, kNonceBytes, added.nonce.begin());
  return {};
}

core::Status Keys::check_plain() const {
  if (least_ == Security::kNone) return {};
  return unexpected(ErrorCode::kInvalid, "not secured: the connector takes messages that are signed");
}

core::Result<std::span<const std::byte>> Keys::open(std::span<const std::byte> message, std::size_t payload,
                                                    const SecurityHeader& header) {
  if (!header.is_signed || (least_ == Security::kEncrypt && !header.is_encrypted)) {
    return unexpected(ErrorCode::kInvalid, "not secured as the connector has it: signed, or encrypted");
  }
  const auto key = keys_.find(header.token);
  if (key == keys_.end()) {
    return unexpected(ErrorCode::kUnavailable, fmt::format("secured: there is no key of token {}", header.token));
  }
  if (message.size() < payload + header.footer_bytes + kSignatureBytes) {
    return unexpected(ErrorCode::kCorrupt, "a NetworkMessage that is cut off in its signature");
  }
  const auto body = message.first(message.size() - kSignatureBytes);
  std::array<unsigned char, kSignatureBytes> expected{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key->second.signing.data(), kSigningBytes, bytes_of(body.data()), body.size(), expected.data(),
       &size);
  if (size != kSignatureBytes || CRYPTO_memcmp(expected.data(), message.data() + body.size(), kSignatureBytes) != 0) {
    return unexpected(ErrorCode::kCorrupt, fmt::format("its signature is not of the key of token {}", header.token));
  }
  const auto secured = body.subspan(payload);
  if (!header.is_encrypted) return secured.first(secured.size() - header.footer_bytes);
  if (auto done = decrypt(key->second, header.nonce, secured); !done) return unexpected(done.error());
  return std::span<const std::byte>(plain_).first(secured.size() - header.footer_bytes);
}

// The counter is the key's nonce, the message's, and the number of the block, from 1 on, its high byte first.
core::Status Keys::decrypt(const Key& key, std::span<const std::byte> nonce, std::span<const std::byte> bytes) {
  if (nonce.size() != kMessageNonceBytes) {
    return unexpected(ErrorCode::kCorrupt, fmt::format("a nonce of {} bytes", nonce.size()));
  }
  std::array<unsigned char, kBlockBytes> counter{};
  std::copy_n(bytes_of(key.nonce.data()), kNonceBytes, counter.begin());
  std::copy_n(bytes_of(nonce.data()), kMessageNonceBytes, counter.begin() + kNonceBytes);
  counter.back() = 1;
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> cipher(EVP_CIPHER_CTX_new());
  plain_.resize(bytes.size());
  int written = 0;
  const EVP_CIPHER* kind = key.encrypting.size() == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
  const bool done =
      cipher != nullptr &&
      EVP_DecryptInit_ex(cipher.get(), kind, nullptr, bytes_of(key.encrypting.data()), counter.data()) == 1 &&
      EVP_DecryptUpdate(cipher.get(), reinterpret_cast<unsigned char*>(plain_.data()), &written, bytes_of(bytes.data()),
                        static_cast<int>(bytes.size())) == 1;
  if (!done) return unexpected(ErrorCode::kIo, "the cipher failed");
  return {};
}

}  // namespace millwright::protocol::uadp

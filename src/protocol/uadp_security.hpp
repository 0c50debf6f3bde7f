// The security of UADP messages (OPC 10000-14, 7.2.4.4.3) with the policies PubSub-Aes128-CTR and PubSub-Aes256-CTR
// (OPC 10000-7): HMAC-SHA-256 over the whole message, and the payload by AES in counter mode.
//
// Threads: one at a time. Errors: kInvalid for a key that is none, or a message that should have been secured;
// kUnavailable for a key that is not known; kCorrupt for a signature that is wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace millwright::protocol::uadp {

// The least that a message has to have.
enum class Security : std::uint8_t { kNone, kSign, kEncrypt };

struct SecurityHeader {
  bool is_signed = false;
  bool is_encrypted = false;
  std::uint32_t token = 0;  // which key
  std::span<const std::byte> nonce;
  std::size_t footer_bytes = 0;
};

// The keys of a security group.
class Keys {
 public:
  static constexpr std::size_t kSigningBytes = 32;
  static constexpr std::size_t kNonceBytes = 4;  // of the key; a message's has 8

  explicit Keys(Security least = Security::kNone) : least_(least) {}

  // `key` as a Security Key Service gives it: the signing key, the encrypting key (16 or 32 bytes) and the nonce.
  core::Status add(std::uint32_t token, std::span<const std::byte> key);
  // Whether a message without a security header may be taken.
  [[nodiscard]] core::Status check_plain() const;
  // The payload, which begins at `payload`, of a message whose signature is right. Valid until the next call.
  core::Result<std::span<const std::byte>> open(std::span<const std::byte> message, std::size_t payload,
                                                const SecurityHeader& header);

 private:
  struct Key {
    std::array<std::byte, kSigningBytes> signing{};
    std::vector<std::byte> encrypting;
    std::array<std::byte, kNonceBytes> nonce{};
  };
  core::Status decrypt(const Key& key, std::span<const std::byte> nonce, std::span<const std::byte> bytes);

  Security least_;
  std::map<std::uint32_t, Key> keys_;
  std::vector<std::byte> plain_;
};

}  // namespace millwright::protocol::uadp

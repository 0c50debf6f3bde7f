// Keys: who may sign a model, and whether somebody did. Ed25519 (RFC 8032) and SHA-256 by OpenSSL's libcrypto, which
// stays inside; keys are PEM files as `openssl genpkey -algorithm ed25519` makes them.
//
// Threads: values; const functions from any thread. Errors: what is no Ed25519 key, with the file's name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace millwright::models {

// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);
core::Result<std::string> from_hex(std::string_view text);
std::string sha256(std::string_view bytes);  // 64 hexadecimal digits

class PublicKey {
 public:
  static core::Result<PublicKey> read(std::string_view pem, const std::string& name);

  // The first 16 digits of the SHA-256 of the key's 32 bytes.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;

 private:
  friend class SigningKey;
  explicit PublicKey(std::shared_ptr<void> key);
  std::shared_ptr<void> key_;
  std::string id_;
};

class SigningKey {
 public:
  static core::Result<SigningKey> generate();
  static core::Result<SigningKey> read(std::string_view pem, const std::string& name);

  [[nodiscard]] PublicKey public_key() const { return PublicKey(key_); }
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] std::string sign(std::string_view message) const;  // 64 bytes

 private:
  explicit SigningKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
  std::shared_ptr<void> key_;
};

}  // namespace millwright::models

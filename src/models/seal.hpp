// The bundle's file: one line that says which bytes follow (SHA-256) and who vouches for them (Ed25519), then these
// bytes. What the line says is checked before anything of the rest is believed.
//
// Threads: pure functions. Errors: kInvalid with what does not fit. Format: docs/format/model-bundle.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "models/keys.hpp"

namespace millwright::models {

struct Trust {
  std::vector<PublicKey> keys;
  bool allow_unsigned = false;
};

struct Seal {
  std::string sha256;
  std::string key;        // id; "": unsigned
  std::string signature;  // bytes
};

struct SealedFile {
  Seal seal;
  std::string_view payload;  // into the file's bytes
};

// The whole file. Without a key: unsigned.
std::string seal(std::string_view payload, const SigningKey* key);
// The parts of a file whose payload is the one that was sealed. Says nothing about who signed it.
core::Result<SealedFile> open_seal(std::string_view file);
// Whether one of the trusted keys has signed the payload, or nobody where that is allowed.
core::Status check(const SealedFile& file, const Trust& trust);

}  // namespace millwright::models

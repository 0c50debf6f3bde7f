#include "models/seal.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/bundle.hpp"

namespace millwright::models {
namespace {

constexpr std::string_view kMagic = "millwright-model 1 ";
constexpr std::size_t kLineMax = 1024;

core::Unexpected refuse(std::string message) {
  return core::unexpected(core::ErrorCode::kInvalid, std::move(message));
}

std::string text_of(const nlohmann::json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::string seal(std::string_view payload, const SigningKey* key) {
  nlohmann::ordered_json line = {{"sha256", sha256(payload)}};
  if (key != nullptr) {
    line["key"] = key->public_key().id();
    line["signature"] = to_hex(key->sign(payload));
  }
  return fmt::format("{}{}\n{}", kMagic, line.dump(), payload);
}

core::Result<SealedFile> open_seal(std::string_view file) {
  if (file.size() > kBundleBytesMax) {
    return refuse(fmt::format("the bundle has {} bytes; at most {} are taken", file.size(), kBundleBytesMax));
  }
  if (!file.starts_with(kMagic)) return refuse("this is no model bundle (format 1): it begins otherwise");
  const auto end = file.substr(0, kLineMax).find('\n');
  if (end == std::string_view::npos) return refuse("the bundle is damaged: its first line does not end");
  const auto line = nlohmann::json::parse(file.substr(kMagic.size(), end - kMagic.size()), nullptr, false);
  if (!line.is_object()) return refuse("the bundle is damaged: its first line is no seal");
  SealedFile out{.seal = {text_of(line, "sha256"), text_of(line, "key"), {}}, .payload = file.substr(end + 1)};
  if (sha256(out.payload) != out.seal.sha256) {
    return refuse("the bundle is damaged: its content does not have the SHA-256 that it was sealed with");
  }
  auto signature = from_hex(text_of(line, "signature"));
  if (!signature) return refuse("the bundle is damaged: its signature " + signature.error().message);
  out.seal.signature = std::move(*signature);
  return out;
}

core::Status check(const SealedFile& file, const Trust& trust) {
  const Seal& seal = file.seal;
  if (seal.key.empty() && seal.signature.empty()) {
    if (trust.allow_unsigned) return {};
    return refuse(
        "the bundle is not signed; sign it with `millwright model train --key`, or set "
        "detection.models.allow_unsigned");
  }
  const auto key =
      std::find_if(trust.keys.begin(), trust.keys.end(), [&](const PublicKey& one) { return one.id() == seal.key; });
  if (key == trust.keys.end()) {
    return refuse(
        fmt::format("the bundle is signed by key '{}', which is not among detection.models.trusted_keys", seal.key));
  }
  if (key->verify(file.payload, seal.signature)) return {};
  return refuse(fmt::format("the bundle's signature is not that of key '{}'", seal.key));
}

}  // namespace millwright::models

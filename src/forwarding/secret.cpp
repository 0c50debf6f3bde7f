#include "forwarding/secret.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::forwarding {

core::Result<std::optional<std::string>> Secret::read(io::FileSystem& files) const {
  if (!variable.empty()) {
    const char* value = std::getenv(variable.c_str());
    if (value != nullptr && *value != '\0') return std::optional<std::string>(value);
    return core::unexpected(core::ErrorCode::kNotFound,
                            fmt::format("the environment variable {} is not set", variable));
  }
  if (file.empty()) return std::optional<std::string>();
  const auto bytes = io::read_file(files, file);
  if (!bytes) return core::unexpected(bytes.error());
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{} is empty", file));
  return std::optional(std::move(text));
}

std::string read_path(config::Section& section, const std::string& key, const std::string& directory) {
  std::string path = section.text(key, {.fallback = ""});
  return path.empty() || path.starts_with('/') ? path : directory + "/" + path;
}

Secret read_secret(config::Section& section, const std::string& name, const std::string& directory) {
  Secret secret{.file = read_path(section, name + "_file", directory),
                .variable = section.text(name + "_env", {.fallback = ""})};
  if (!secret.file.empty() && !secret.variable.empty()) {
    section.problem(name + "_env", fmt::format("{0}_file is given as well; one of the two says where it is", name));
  }
  return secret;
}

}  // namespace millwright::forwarding

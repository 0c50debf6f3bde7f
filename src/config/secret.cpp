#include "config/secret.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::config {
namespace {

constexpr std::size_t kBytesMax = 64 * 1024;

}  // namespace

core::Result<std::optional<std::string>> Secret::read() const {
  if (!variable.empty()) {
    const char* value = std::getenv(variable.c_str());
    if (value != nullptr && *value != '\0') return std::optional<std::string>(value);
    return core::unexpected(core::ErrorCode::kNotFound,
                            fmt::format("the environment variable {} is not set", variable));
  }
  if (file.empty()) return std::optional<std::string>();
  std::ifstream in(file, std::ios::binary);
  std::string text(kBytesMax + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.eof()) {
    const char* why = in ? "more than 64 KiB" : std::strerror(errno);  // NOLINT: this thread's errno
    return core::unexpected(core::ErrorCode::kIo, fmt::format("{}: {}", file, why));
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{} is empty", file));
  return std::optional(std::move(text));
}

std::string read_path(Section& section, const std::string& key, const std::string& directory) {
  std::string path = section.text(key, {.fallback = ""});
  return path.empty() || path.starts_with('/') ? path : directory + "/" + path;
}

Secret read_secret(Section& section, const std::string& name, const std::string& directory) {
  Secret secret{.file = read_path(section, name + "_file", directory),
                .variable = section.text(name + "_env", {.fallback = ""})};
  if (!secret.file.empty() && !secret.variable.empty()) {
    section.problem(name + "_env", fmt::format("{0}_file is given as well; one of the two says where it is", name));
  }
  return secret;
}

}  // namespace millwright::config

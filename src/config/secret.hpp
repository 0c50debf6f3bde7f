// Secret: where a password or key is kept, never the thing itself: a file or an environment variable, read when it is
// needed, so that a new one counts from the next connection on. What was read goes into no log and no message.
//
// Threads: values.
#pragma once

#include <optional>
#include <string>

#include "config/document.hpp"
#include "core/result.hpp"

namespace millwright::config {

struct Secret {
  std::string file;
  std::string variable;

  [[nodiscard]] bool given() const { return !file.empty() || !variable.empty(); }
  // Without the line's end. Nothing where none is configured; fails where it is and cannot be had. Limit: 64 KiB.
  [[nodiscard]] core::Result<std::optional<std::string>> read() const;
};

// Reads `<name>_file` (relative to the plant's file) or `<name>_env`, at most one of them.
Secret read_secret(Section& section, const std::string& name, const std::string& directory);
// The same for the path of any file: "" where it is not given.
std::string read_path(Section& section, const std::string& key, const std::string& directory);

}  // namespace millwright::config

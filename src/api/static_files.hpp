// StaticFiles: the dashboard's files from one folder, and nothing outside of it.
//
// Threads: any. Errors: a path that is not a plain file below the folder is a 404, whatever it tries.
// Limits: files of 64 MiB. A file is read for each request: they are few and small, and the system caches them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http.hpp"

namespace millwright::api {

class StaticFiles {
 public:
  // "" serves nothing.
  explicit StaticFiles(std::string directory);

  // `path` as sent, percent-encoded, with its first slash. Nothing: no such file.
  [[nodiscard]] std::optional<Response> get(std::string_view path) const;
  [[nodiscard]] bool enabled() const { return !root_.empty(); }

 private:
  std::string root_;
};

}  // namespace millwright::api

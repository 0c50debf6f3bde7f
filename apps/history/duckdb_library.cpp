#include "history/duckdb_library.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millwright::history {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr const char* kPackage = "node-bindings-linux-arm64";
#else
constexpr const char* kPackage = "node-bindings-linux-x64";
#endif
constexpr const char* kLibrary = "libduckdb.so";

// Installed it lies in <prefix>/lib/millwright; in a source tree where npm puts it.
std::vector<std::string> places() {
  if (const char* chosen = std::getenv("DUCKDB_LIBRARY"); chosen != nullptr) return {chosen};
  std::error_code error;
  const fs::path prefix = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  return {(prefix / "lib/millwright" / kLibrary).string(),
          (fs::path(MILLWRIGHT_DUCKDB_DIR) / "node_modules/@duckdb" / kPackage / kLibrary).string()};
}

core::Result<const DuckDb*> load() {
  const std::vector<std::string> searched = places();
  void* library = nullptr;
  std::string why = "there is none";
  for (const std::string& path : searched) {
    std::error_code error;
    if (!fs::exists(path, error)) continue;
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    why = ::dlerror();
  }
  if (library == nullptr) {
    return core::unexpected(core::ErrorCode::kNotFound,
                            fmt::format("SQL and Parquet need DuckDB's library ({}), looked for as {}; `npm ci "
                                        "--ignore-scripts` in tools/duckdb fetches it, DUCKDB_LIBRARY names another",
                                        why, fmt::join(searched, ", ")));
  }
  static DuckDb api;
  std::string missing;
#define X(name)                                                                       \
  api.name = reinterpret_cast<decltype(api.name)>(::dlsym(library, "duckdb_" #name)); \
  if (api.name == nullptr) missing = "duckdb_" #name;
  MILLWRIGHT_DUCKDB_FUNCTIONS(X)
#undef X
  if (missing.empty()) return &api;
  return core::unexpected(core::ErrorCode::kUnsupported,
                          fmt::format("DuckDB's library lacks {}; version 1.4 or newer is needed", missing));
}

}  // namespace

core::Result<const DuckDb*> load_duckdb() {
  static const core::Result<const DuckDb*> loaded = load();
  return loaded;
}

}  // namespace millwright::history

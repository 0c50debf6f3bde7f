#include "api/static_files.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "api/parameters.hpp"
#include "core/text.hpp"
#include "io/file_system.hpp"

namespace millwright::api {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kFileBytesMax = 64ULL << 20;

constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string_view type_of(const fs::path& file) {
  const std::string extension = file.extension().string();
  const auto at = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return t.first == extension; });
  return at == kTypes.end() ? "application/octet-stream" : at->second;
}

// A name that can only mean itself: no "..", no hidden file, nothing that a decoder made of %2F, %5C or %00.
bool is_plain_name(std::string_view name) {
  constexpr std::string_view kRefused("/\\\0", 3);
  return !name.empty() && name.front() != '.' && name.find_first_of(kRefused) == std::string_view::npos;
}

}  // namespace

StaticFiles::StaticFiles(std::string directory) {
  if (directory.empty()) return;
  std::error_code error;
  const fs::path root = fs::weakly_canonical(directory, error);
  root_ = error ? directory : root.string();
}

std::optional<Response> StaticFiles::get(std::string_view path) const {
  if (root_.empty() || !path.starts_with('/')) return std::nullopt;
  fs::path file = root_;
  if (path == "/") {
    file /= "index.html";
  } else {
    for (const std::string_view part : core::split(path.substr(1), '/')) {
      const auto name = percent_decode(part);
      if (!name || !is_plain_name(*name)) return std::nullopt;
      file /= *name;
    }
  }
  std::error_code error;
  const fs::path real = fs::canonical(file, error);  // follows links, which may lead outside
  if (error || !(real.string() + "/").starts_with(root_ + "/")) return std::nullopt;
  if (!fs::is_regular_file(real, error) || fs::file_size(real, error) > kFileBytesMax || error) return std::nullopt;

  io::RealFileSystem files;
  const auto bytes = io::read_file(files, real.string());
  if (!bytes) return std::nullopt;
  Response response;
  response.content_type = type_of(real);
  response.body.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  // The build puts a hash of their content into the names below assets/.
  const bool hashed = path.starts_with("/assets/");
  response.fields.emplace_back("Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
  return response;
}

}  // namespace millwright::api

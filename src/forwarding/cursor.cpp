#include "forwarding/cursor.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millwright::forwarding {

core::Result<Cursor> parse_cursor(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  Cursor cursor;
  for (const auto& [name, value] : {std::pair{"epoch", &cursor.epoch}, std::pair{"sequence", &cursor.position.sequence},
                                    std::pair{"id", &cursor.position.id}}) {
    const auto at = json.is_object() ? json.find(name) : json.end();
    if (!json.is_object() || at == json.end() || !at->is_number_unsigned()) {
      return core::unexpected(core::ErrorCode::kCorrupt, fmt::format("{} is missing or no whole number", name));
    }
    *value = at->get<std::uint64_t>();
  }
  return cursor;
}

core::Result<std::optional<Cursor>> load_cursor(io::FileSystem& files, const std::string& path) {
  if (!files.exists(path)) return std::optional<Cursor>();
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  const auto cursor = parse_cursor({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!cursor) return core::unexpected(cursor.error().within(path));
  return std::optional(*cursor);
}

core::Status save_cursor(io::FileSystem& files, const std::string& path, const Cursor& cursor) {
  return io::write_file_atomically(files, path,
                                   fmt::format("{{\"epoch\":{},\"sequence\":{},\"id\":{}}}\n", cursor.epoch,
                                               cursor.position.sequence, cursor.position.id));
}

}  // namespace millwright::forwarding

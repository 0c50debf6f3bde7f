// Cursor: how far an output has come in its journal, in a file of its own. Format: docs/format/alarm-events.md.
//
// Threads: values. Errors: kCorrupt where the file makes no sense.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "forwarding/event.hpp"
#include "io/file_system.hpp"

namespace millwright::forwarding {

struct Cursor {
  std::uint64_t epoch = 0;  // ms since 1970 when this output began on this journal: the first half of events' keys
  Position position;
};

core::Result<Cursor> parse_cursor(std::string_view text);
// Nothing where there is no file yet.
core::Result<std::optional<Cursor>> load_cursor(io::FileSystem& files, const std::string& path);
core::Status save_cursor(io::FileSystem& files, const std::string& path, const Cursor& cursor);

}  // namespace millwright::forwarding

// The long CSV parser against any text: the first line as the header, the rest as rows. A row that it takes has a
// sensor and a value that point into memory, and a time that reads back.
#include <cstdint>
#include <string_view>

#include "core/assert.hpp"
#include "core/text.hpp"
#include "history/long_csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millwright;
  const auto lines = core::split({reinterpret_cast<const char*>(data), size}, '\n');
  auto parser = history::LongCsvParser::from_header(lines.front(), {});
  if (!parser || !*parser) return 0;
  history::LongCsvRow row;
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!(*parser)->parse(lines[i], row)) continue;
    bytes += row.sensor.size() + row.value.size();
    std::string written;
    core::TimeWriter().append(row.time, written);
    const auto again = core::parse_time(written);
    ASSERT(again && *again == row.time, "a time that does not read back");
  }
  ASSERT(bytes <= size, "fields longer than their lines");
  return 0;
}

// The CSV reader against any text: fed whole and in pieces it must give the same rows and the same problems.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/assert.hpp"
#include "protocol/csv.hpp"

namespace {

using namespace millwright;
using protocol::CsvReader;

struct Read {
  std::vector<std::string> said;
  std::size_t rows = 0;
};

Read read(std::string_view text, std::size_t piece) {
  Read out;
  CsvReader reader("fuzz.csv");
  protocol::CsvRow row;
  bool finished = false;
  for (;;) {
    const CsvReader::Next next = reader.next(row);
    if (next == CsvReader::Next::kMore) {
      ASSERT(!finished, "asks for more after the end");
      if (text.empty()) {
        reader.finish();
        finished = true;
      } else {
        reader.feed(text.substr(0, piece));
        text.remove_prefix(std::min(piece, text.size()));
      }
    } else if (next == CsvReader::Next::kRow) {
      ++out.rows;
      ASSERT(row.cells.size() == reader.columns().size(), "a row as wide as the header");
      std::string told = std::to_string(row.line) + " " + std::to_string(row.time);
      for (const auto& cell : row.cells) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &cell.real, sizeof(bits));
        told += " " + std::to_string(static_cast<int>(cell.kind)) + ":" + std::to_string(bits);
      }
      out.said.push_back(told);
    } else {
      if (next == CsvReader::Next::kEnd) return out;
      out.said.push_back(reader.problem().message);
      if (next == CsvReader::Next::kFailed) return out;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read whole = read(text, size + 1);
  const Read pieces = read(text, 3);
  ASSERT(whole.said == pieces.said, "reading in pieces differs from reading at once");
  return 0;
}

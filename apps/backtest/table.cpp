#include "backtest/table.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "core/text.hpp"
#include "protocol/csv.hpp"

namespace millwright::backtest {
namespace {

using core::ErrorCode;
using core::unexpected;
using protocol::CsvReader;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

core::Result<Table> Table::read(const std::string& path, const std::vector<std::string>& ignore) {
  const std::unique_ptr<std::FILE, CloseFile> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) {
    return unexpected(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                      fmt::format("{}: {}", path, std::strerror(errno)));
  }
  Table out;
  CsvReader reader(path == "-" ? "<stdin>" : path);
  reader.ignore(ignore);
  protocol::CsvRow row;
  std::vector<double> values;
  std::vector<char> piece(1 << 16);
  for (;;) {
    switch (reader.next(row)) {
      case CsvReader::Next::kRow:
        values.clear();
        for (const protocol::CsvCell& cell : row.cells) {
          values.push_back(cell.missing() ? std::numeric_limits<double>::quiet_NaN() : cell.real);
        }
        out.values.append(values);
        out.time_texts.push_back(row.time_text);
        out.times.push_back(row.time);
        break;
      case CsvReader::Next::kMore: {
        const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
        if (std::ferror(file.get()) != 0) {
          return unexpected(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
        }
        got > 0 ? reader.feed({piece.data(), got}) : reader.finish();
        break;
      }
      case CsvReader::Next::kEnd:
        out.columns = reader.columns();
        return out;
      case CsvReader::Next::kBadRow:
      case CsvReader::Next::kFailed:
        return unexpected(reader.problem());
    }
  }
}

std::optional<std::size_t> Table::find(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == column) return i;
  }
  return std::nullopt;
}

core::Result<detection::Matrix> Table::select(std::span<const std::string> names, const std::string& path) const {
  std::vector<std::size_t> places;
  for (const std::string& name : names) {
    const auto at = find(name);
    if (!at) {
      const std::vector<std::string_view> known(columns.begin(), columns.end());
      return unexpected(ErrorCode::kNotFound,
                        fmt::format("{}: has no column '{}'{}", path, name, core::did_you_mean(name, known)));
    }
    places.push_back(*at);
  }
  detection::Matrix out(values.rows(), places.size());
  for (std::size_t i = 0; i < values.rows(); ++i) {
    for (std::size_t j = 0; j < places.size(); ++j) out(i, j) = values(i, places[j]);
  }
  return out;
}

}  // namespace millwright::backtest

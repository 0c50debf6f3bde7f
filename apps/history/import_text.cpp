#include "history/import_text.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/text.hpp"
#include "history/input_file.hpp"
#include "history/value_text.hpp"
#include "protocol/csv.hpp"

namespace millwright::history {
namespace {

constexpr std::uint64_t kProgressRows = 1 << 16;
// The sink says why when it is finished.
core::Unexpected sink_is_full() {
  return core::unexpected(core::ErrorCode::kClosed, "the import was broken off");
}

std::string wrong_value(std::string_view value, const asset::Sensor& sensor) {
  return fmt::format("'{}' is no {} of {}", value.substr(0, 40), core::to_string(sensor.type), sensor.path);
}

// The bits of a value; where ';' separates, a decimal comma is a decimal point.
std::optional<std::uint64_t> read_value(const asset::Sensor& sensor, std::string_view text, char separator,
                                        core::Texts& texts) {
  const auto bits = parse_value(sensor, text, texts);
  if (bits || separator != ';' || text.find(',') == std::string_view::npos) return bits;
  std::string pointed(text);
  std::replace(pointed.begin(), pointed.end(), ',', '.');
  return parse_value(sensor, pointed, texts);
}

core::Status import_long(InputFile& file, std::string head, LongCsvParser parser, const ImportContext& context) {
  Lines lines(file, std::move(head));
  LongCsvRow row;
  std::string last_name;  // rows of a sensor often follow each other
  core::Result<const asset::Sensor*> sensor = nullptr;
  const auto refuse = [&](const std::string& why) {
    context.report.refuse(fmt::format("{}:{}: {}", file.name(), lines.number(), why));
  };
  bool header_seen = false;
  for (std::string_view line;;) {
    const auto more = lines.next_record(line);
    if (!more) return core::unexpected(more.error());
    if (!*more) return {};
    if (line.empty() || line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (!std::exchange(header_seen, true)) continue;
    if (++context.report.rows % kProgressRows == 0) context.progress(file.part_read());
    if (const auto parsed = parser.parse(line, row); !parsed) {
      refuse(parsed.error().message);
      continue;
    }
    if (row.sensor != last_name || (sensor && *sensor == nullptr)) {
      last_name = row.sensor;
      sensor = context.names.find(row.sensor);
    }
    if (!sensor) {
      refuse(sensor.error().message);
      continue;
    }
    // Nothing is no number, but it is a text.
    if (row.value.empty() && (*sensor)->type != core::ValueType::kText) continue;
    const auto bits = read_value(**sensor, row.value, parser.separator(), context.texts);
    if (!bits) {
      refuse(wrong_value(row.value, **sensor));
      continue;
    }
    ++context.report.readings;
    if (!context.sink.add(**sensor, row.time, *bits, row.quality)) return sink_is_full();
  }
}

// The sensor of each column; nullptr where it has none, which is reported once.
std::vector<const asset::Sensor*> columns_of(const std::vector<std::string>& names, const std::string& file,
                                             const ImportContext& context) {
  std::vector<const asset::Sensor*> sensors;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto sensor = context.names.find(names[i]);
    if (!sensor) {
      context.report.refuse(
          fmt::format("{}: column {}: {}; the column is left out", file, i + 2, sensor.error().message));
    }
    sensors.push_back(sensor ? *sensor : nullptr);
  }
  return sensors;
}

bool is_text(const protocol::CsvCell& cell) {
  return cell.kind == protocol::CsvCell::Kind::kText;
}

std::optional<std::uint64_t> bits_of_cell(const protocol::CsvCell& cell, const asset::Sensor& sensor,
                                          core::Texts& texts) {
  if (is_text(cell)) return parse_value(sensor, cell.text, texts);
  return cell.whole() ? bits_of(sensor.type, cell.integer) : bits_of(sensor.type, cell.real);
}

bool import_row(const protocol::CsvRow& row, const std::vector<const asset::Sensor*>& sensors, const std::string& file,
                const ImportContext& context) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const protocol::CsvCell& cell = row.cells[i];
    if (sensors[i] == nullptr || cell.missing()) continue;
    const asset::Sensor& sensor = *sensors[i];
    const auto bits = bits_of_cell(cell, sensor, context.texts);
    if (!bits) {
      const std::string value = is_text(cell) ? std::string(cell.text) : core::format_double(cell.real);
      context.report.refuse(fmt::format("{}:{}: column {}: {}", file, row.line, i + 2, wrong_value(value, sensor)));
      continue;
    }
    ++context.report.readings;
    if (!context.sink.add(sensor, row.time, *bits, std::nullopt)) return false;
  }
  return true;
}

core::Status import_wide(InputFile& file, const std::string& head, const ImportContext& context) {
  using Next = protocol::CsvReader::Next;
  protocol::CsvReader reader(file.name());
  reader.read_as_text([&](const std::string& column) {
    const auto sensor = context.names.find(column);
    return sensor && *sensor != nullptr && (*sensor)->type == core::ValueType::kText;
  });
  reader.feed(head);
  protocol::CsvRow row;
  std::vector<const asset::Sensor*> sensors;
  std::string piece;
  for (;;) {
    const Next next = reader.next(row);
    if (sensors.empty() && !reader.columns().empty()) sensors = columns_of(reader.columns(), file.name(), context);
    switch (next) {
      case Next::kRow:
        ++context.report.rows;
        if (!import_row(row, sensors, file.name(), context)) return sink_is_full();
        break;
      case Next::kBadRow:
        ++context.report.rows;
        context.report.refuse(reader.problem().message);
        break;
      case Next::kMore: {
        piece.clear();
        const auto more = file.read(piece);
        if (!more) return core::unexpected(more.error());
        *more ? reader.feed(piece) : reader.finish();
        context.progress(file.part_read());
        break;
      }
      case Next::kEnd:
        return {};
      case Next::kFailed:
        return core::unexpected(reader.problem());
    }
  }
}

// The first line that is not blank; what was read of the file stands in `head`.
core::Result<std::string> read_header(InputFile& file, std::string& head) {
  for (;;) {
    const auto more = file.read(head);
    if (!more) return core::unexpected(more.error());
    const std::size_t first = head.find_first_not_of(" \t\r\n");
    const std::size_t end = first == std::string::npos ? first : head.find('\n', first);
    if (first == std::string::npos ? *more : end == std::string::npos && *more && head.size() < Lines::kLineBytesMax) {
      continue;
    }
    if (first == std::string::npos) {
      return core::unexpected(core::ErrorCode::kInvalid, file.name() + ": the file is empty");
    }
    return std::string(core::trim(std::string_view(head).substr(first, end == std::string::npos ? end : end - first)));
  }
}

}  // namespace

core::Status import_csv(const std::string& path, const CsvColumns& columns, const ImportContext& context) {
  auto file = InputFile::open(path);
  if (!file) return core::unexpected(file.error());
  std::string head;
  const auto header = read_header(*file, head);
  if (!header) return core::unexpected(header.error());
  auto parser = LongCsvParser::from_header(*header, columns);
  if (!parser) return core::unexpected(parser.error().within(file->name()));
  if (!*parser) return import_wide(*file, head, context);
  return import_long(*file, std::move(head), std::move(**parser), context);
}

}  // namespace millwright::history

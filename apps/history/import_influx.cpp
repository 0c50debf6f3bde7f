#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "core/text.hpp"
#include "history/import_text.hpp"
#include "history/input_file.hpp"
#include "history/value_text.hpp"
#include "protocol/line_protocol.hpp"

namespace millwright::history {
namespace {

using protocol::LineField;

std::optional<std::uint64_t> bits_of_field(const asset::Sensor& sensor, const LineField& field, core::Texts& texts) {
  switch (field.kind) {
    case LineField::Kind::kReal:
      return bits_of(sensor.type, field.real());
    case LineField::Kind::kInteger:
      return bits_of(sensor.type, field.integer());
    case LineField::Kind::kUnsigned:
      return bits_of(sensor.type, static_cast<double>(field.unsigned_integer()));
    case LineField::Kind::kBool:
      return bits_of(sensor.type, std::int64_t{field.boolean() ? 1 : 0});
    case LineField::Kind::kText:
      return parse_value(sensor, protocol::unescape_text(field.text), texts);
  }
  return std::nullopt;
}

// Its code, as a number of any kind.
std::optional<core::Quality> quality_of(const LineField& field) {
  if (field.kind == LineField::Kind::kText) return core::parse_quality(field.text);
  const double code = field.kind == LineField::Kind::kReal ? field.real() : static_cast<double>(field.integer());
  if (!(code >= 0 && code <= 4294967295.0)) return std::nullopt;
  return core::Quality{static_cast<std::uint32_t>(code)};
}

class InfluxImport {
 public:
  InfluxImport(const std::string& file, const ImportContext& context) : file_(file), context_(context) {}

  // Whole lines, the first of them number `first`. False: the sink takes no more.
  bool take(std::string_view text, std::uint64_t first) {
    protocol::LineReader reader(text);
    for (;;) {
      switch (reader.next(line_)) {
        case protocol::LineReader::Next::kEnd:
          return true;
        case protocol::LineReader::Next::kBadLine:
          ++context_.report.rows;
          number_ = first + reader.problem().line - 1;
          refuse(fmt::format("column {}: {}", reader.problem().column, reader.problem().message));
          break;
        case protocol::LineReader::Next::kLine:
          ++context_.report.rows;
          number_ = first + line_.number - 1;
          if (!take_line()) return false;
          break;
      }
    }
  }

 private:
  void refuse(const std::string& why) { context_.report.refuse(fmt::format("{}:{}: {}", file_, number_, why)); }

  bool take_line() {
    if (!line_.has_time) {
      refuse("it has no time; history needs one");
      return true;
    }
    std::optional<core::Quality> quality;
    const LineField* value = nullptr;
    for (const LineField& field : line_.fields) {
      if (field.key == "quality") quality = quality_of(field);
      if (field.key == "value") value = &field;
    }
    const std::string series = protocol::unescape_name(line_.series);
    if (value != nullptr) return add(context_.names.find(series), *value, quality);
    for (const LineField& field : line_.fields) {
      if (field.key == "quality") continue;
      const std::string key = protocol::unescape_name(field.key);
      const auto whole = context_.names.find(series + "/" + key);
      if (!add(whole ? whole : context_.names.find(key), field, quality)) return false;
    }
    return true;
  }

  bool add(const core::Result<const asset::Sensor*>& sensor, const LineField& field,
           std::optional<core::Quality> quality) {
    if (!sensor) {
      refuse(sensor.error().message);
      return true;
    }
    const auto bits = bits_of_field(**sensor, field, context_.texts);
    if (!bits) {
      refuse(fmt::format("'{}' is no {} of {}", field.text.substr(0, 40), core::to_string((*sensor)->type),
                         (*sensor)->path));
      return true;
    }
    ++context_.report.readings;
    return context_.sink.add(**sensor, line_.time, *bits, quality);
  }

  const std::string& file_;
  const ImportContext& context_;
  protocol::Line line_;
  std::uint64_t number_ = 0;
};

}  // namespace

core::Status import_influx(const std::string& path, const ImportContext& context) {
  auto file = InputFile::open(path);
  if (!file) return core::unexpected(file.error());
  Lines lines(*file, "");
  InfluxImport import(file->name(), context);
  for (std::string_view text;;) {
    const auto more = lines.next_many(text);
    if (!more) return core::unexpected(more.error());
    if (!*more) return {};
    if (!import.take(text, lines.number())) {
      return core::unexpected(core::ErrorCode::kClosed, "the import was broken off");
    }
    context.progress(file->part_read());
  }
}

}  // namespace millwright::history

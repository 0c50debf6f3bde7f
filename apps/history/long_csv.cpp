#include "history/long_csv.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::history {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  const bool spaced = !text.empty() && (text.front() == ' ' || text.back() == ' ' || text.front() == '\t');
  return spaced ? core::trim(text) : text;
}

// Enough of a field to recognise it in a message.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  return text.size() <= kLongest ? std::string(text) : std::string(text.substr(0, kLongest)) + "…";
}

}  // namespace

core::Result<std::optional<LongCsvParser>> LongCsvParser::from_header(std::string_view line,
                                                                      const CsvColumns& columns) {
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  LongCsvParser parser;
  parser.separator_ = std::count(line.begin(), line.end(), ';') > std::count(line.begin(), line.end(), ',') ? ';' : ',';
  if (!parser.split_quoted(line)) return std::optional<LongCsvParser>();  // the wide reader says what is wrong with it
  const auto& names = parser.fields_;
  const auto find = [&](const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? kNone : static_cast<std::size_t>(at - names.begin());
  };
  parser.columns_ = names.size();
  parser.sensor_ = find(columns.sensor);
  if (parser.sensor_ == kNone) return std::optional<LongCsvParser>();
  parser.time_ = find(columns.time);
  parser.value_ = find(columns.value);
  parser.quality_ = find(columns.quality);
  for (const auto& [at, name] : {std::pair(parser.time_, columns.time), std::pair(parser.value_, columns.value)}) {
    if (at != kNone) continue;
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("there is a column '{}' but no column '{}'; --time-column, --sensor-column, "
                                  "--value-column and --quality-column name them",
                                  columns.sensor, name));
  }
  return std::optional(std::move(parser));
}

core::Status LongCsvParser::split(std::string_view line) {
  if (std::memchr(line.data(), '"', line.size()) != nullptr) return split_quoted(line);
  fields_.clear();
  for (;;) {
    const std::size_t end = line.find(separator_);
    fields_.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) return {};
    if (fields_.size() == kColumnsMax) break;
    line.remove_prefix(end + 1);
  }
  return unexpected(ErrorCode::kInvalid, fmt::format("more than {} columns", kColumnsMax));
}

core::Status LongCsvParser::split_quoted(std::string_view line) {
  fields_.clear();
  unquoted_.clear();
  for (;;) {
    if (fields_.size() == kColumnsMax) {
      return unexpected(ErrorCode::kInvalid, fmt::format("more than {} columns", kColumnsMax));
    }
    std::size_t end = line.find(separator_);
    const std::size_t first = std::min(line.find_first_not_of(" \t"), line.size());
    if (first < line.size() && line[first] == '"') {
      std::string& text = unquoted_.emplace_back();
      std::size_t i = first + 1;
      for (; i < line.size() && (line[i] != '"' || line.substr(i + 1).starts_with('"')); ++i) {
        if (line[i] == '"') ++i;
        text += line[i];
      }
      if (i >= line.size()) {
        return unexpected(ErrorCode::kInvalid, fmt::format("column {}: the quote is not closed", fields_.size() + 1));
      }
      end = line.find(separator_, i);
      if (!core::trim(line.substr(i + 1, end == std::string_view::npos ? end : end - i - 1)).empty()) {
        return unexpected(ErrorCode::kInvalid,
                          fmt::format("column {}: text after the closing quote", fields_.size() + 1));
      }
      fields_.push_back(text);
    } else {
      fields_.push_back(core::trim(line.substr(0, end)));
    }
    if (end == std::string_view::npos) return {};
    line.remove_prefix(end + 1);
  }
}

core::Result<std::optional<core::Quality>> LongCsvParser::read_quality(std::string_view text) {
  if (text.empty()) return std::optional<core::Quality>();
  if (text != last_quality_text_) {
    const auto quality = core::parse_quality(text);
    if (!quality) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("column {}: '{}' is no quality; write Good, Uncertain, Bad, another name of an OPC "
                                    "UA status code, or the code itself",
                                    quality_ + 1, shown(text)));
    }
    last_quality_text_ = text;
    last_quality_ = *quality;
  }
  return std::optional(last_quality_);
}

core::Status LongCsvParser::parse(std::string_view line, LongCsvRow& row) {
  if (auto done = split(line); !done) return done;
  if (fields_.size() != columns_) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("the row has {} fields, the header {}", fields_.size(), columns_));
  }
  const auto time = times_.read(fields_[time_]);
  if (!time) return unexpected(time.error().within(fmt::format("column {}", time_ + 1)));
  row.time = *time;
  row.sensor = fields_[sensor_];
  row.value = fields_[value_];
  row.quality.reset();
  if (quality_ == kNone) return {};
  const auto quality = read_quality(fields_[quality_]);
  if (!quality) return unexpected(quality.error());
  row.quality = *quality;
  return {};
}

}  // namespace millwright::history

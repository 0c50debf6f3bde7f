#include "bench_codec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include <time.h>

#include "bench_signal.hpp"
#include "historian/codec.hpp"
#include "thread_time.hpp"

namespace millwright::app {
namespace {

using Column = std::vector<double>;

constexpr std::uint64_t kSignalSeed = 1;
constexpr std::uint32_t kSignalValues = 1 << 20;
constexpr core::TimeNs kStart = 1'795'000'000'000'000'000;
constexpr core::DurationNs kPeriod = 10 * core::kMillisecond;
constexpr core::DurationNs kLateness = 1'234'567;  // from the last reading to its arrival

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool parse(std::string_view field, double& value) {
  while (field.starts_with(' ')) field.remove_prefix(1);
  while (field.ends_with(' ') || field.ends_with('\r')) field.remove_suffix(1);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc{} && end == field.data() + field.size();
}

// The columns that hold a number in every row. A first row without any number is a header.
std::vector<Column> numeric_columns(std::string_view text) {
  const char separator = text.substr(0, text.find('\n')).find(';') != std::string_view::npos ? ';' : ',';
  std::vector<Column> columns;
  std::vector<bool> numeric;
  bool first = true;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line == "\r") continue;
    const auto fields = split(line, separator);
    double value = 0;
    if (std::exchange(first, false)) {
      columns.resize(fields.size());
      numeric.assign(fields.size(), true);
      if (std::none_of(fields.begin(), fields.end(), [&](auto field) { return parse(field, value); })) continue;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      numeric[i] = numeric[i] && i < fields.size() && parse(fields[i], value);
      columns[i].push_back(value);
    }
  }
  std::vector<Column> kept;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (numeric[i] && !columns[i].empty()) kept.push_back(std::move(columns[i]));
  }
  return kept;
}

core::Result<std::vector<Column>> load(const CodecOptions& options) {
  if (options.file.empty()) {
    const BenchSignal signal(kSignalSeed);
    Column column;
    for (std::uint32_t at = 0; at < kSignalValues; at += BenchSignal::kBlockMax) {
      const auto values = signal.values(0, at, BenchSignal::kBlockMax);
      // The nearest double of the same two decimals, so that --type f64 sees decimals as well.
      for (const float value : values) column.push_back(std::round(static_cast<double>(value) * 100) / 100);
    }
    return std::vector<Column>{std::move(column)};
  }
  std::ifstream in(options.file, std::ios::binary);
  if (!in) return core::unexpected(core::ErrorCode::kNotFound, options.file + ": cannot be read");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto columns = numeric_columns(text);
  if (columns.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            options.file + ": no column holds a number in every row; give a CSV with , or ; between");
  }
  return columns;
}

struct Blocks {
  std::vector<std::vector<std::byte>> memory;  // a column each, as the type has it
  std::vector<core::QualityRun> quality;       // one a block
  std::vector<core::Block> blocks;
};

template <typename T>
std::vector<std::byte> as_bytes(const Column& column) {
  std::vector<std::byte> bytes(column.size() * sizeof(T));
  for (std::size_t i = 0; i < column.size(); ++i) {
    const auto value = static_cast<T>(column[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

Blocks cut(const std::vector<Column>& columns, const CodecOptions& options) {
  Blocks cut;
  const std::size_t width = core::width(options.type);
  for (const Column& column : columns) {
    cut.memory.push_back(width == sizeof(float) ? as_bytes<float>(column) : as_bytes<double>(column));
    for (std::size_t at = 0; at < column.size(); at += options.block) {
      core::Block block;
      block.type = options.type;
      block.count = static_cast<std::uint32_t>(std::min<std::size_t>(options.block, column.size() - at));
      block.start = kStart + static_cast<core::TimeNs>(at) * kPeriod;
      block.period = kPeriod;
      block.received = block.last_time() + kLateness;
      block.values = cut.memory.back().data() + at * width;
      cut.quality.push_back({block.count, core::kGood});
      cut.blocks.push_back(block);
    }
  }
  for (std::size_t i = 0; i < cut.blocks.size(); ++i) {
    cut.blocks[i].quality = &cut.quality[i];
    cut.blocks[i].quality_runs = 1;
  }
  return cut;
}

}  // namespace

core::Result<CodecResult> run_codec(const CodecOptions& options) {
  const auto columns = load(options);
  if (!columns) return core::unexpected(columns.error());
  const Blocks data = cut(*columns, options);
  CodecResult result{.columns = columns->size(), .lossless = true};

  historian::Encoder encoder;
  historian::Decoder decoder;
  historian::DecodedBlock decoded;
  std::vector<std::byte> bytes;
  std::vector<std::size_t> ends;
  for (const core::Block& block : data.blocks) {
    encoder.encode(block, block.start, bytes);
    ends.push_back(bytes.size());
    result.values += block.count;
  }
  const auto decode_all = [&](auto&& visit) {
    for (std::size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
      const auto status =
          decoder.decode(std::span(bytes).subspan(begin, ends[i] - begin), data.blocks[i].start, decoded);
      visit(data.blocks[i], status.has_value());
    }
  };
  decode_all([&](const core::Block& block, bool ok) {
    result.lossless = result.lossless && ok && decoded.count == block.count && decoded.type == block.type &&
                      std::memcmp(decoded.values.data(), block.values, decoded.values.size()) == 0;
  });
  result.bits_per_value = 8.0 * static_cast<double>(bytes.size()) / static_cast<double>(result.values);
  result.decode_values_per_s = best_speed(result.values, [&] { decode_all([](const core::Block&, bool) {}); });
  result.encode_values_per_s = best_speed(result.values, [&] {
    bytes.clear();
    for (const core::Block& block : data.blocks) encoder.encode(block, block.start, bytes);
  });
  return result;
}

}  // namespace millwright::app

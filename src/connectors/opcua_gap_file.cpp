#include "connectors/opcua_gap_file.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::string_view kHeader = "millwright-opcua-gaps 1";

std::optional<KeptGap> parse_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto from = core::parse_int(line.substr(0, first));
  const std::string_view to = line.substr(first + 1, second - first - 1);
  KeptGap gap;
  gap.sensor = line.substr(second + 1);
  if (!from || gap.sensor.empty()) return std::nullopt;
  gap.from = *from;
  if (to == "-") return gap;
  gap.to = core::parse_int(to);
  return gap.to ? std::optional(std::move(gap)) : std::nullopt;
}

}  // namespace

core::Result<std::vector<KeptGap>> parse_gaps(std::string_view text) {
  const auto lines = core::split(text, '\n');
  if (lines.empty() || lines.front() != kHeader) {
    return unexpected(ErrorCode::kCorrupt, fmt::format("line 1: does not say '{}'", kHeader));
  }
  std::vector<KeptGap> gaps;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    auto gap = parse_line(lines[i]);
    if (!gap) return unexpected(ErrorCode::kCorrupt, fmt::format("line {}: is no gap", i + 1));
    gaps.push_back(std::move(*gap));
  }
  return gaps;
}

std::string to_text(const std::vector<KeptGap>& gaps) {
  std::string text = fmt::format("{}\n", kHeader);
  for (const KeptGap& gap : gaps) {
    text += fmt::format("{} {} {}\n", gap.from, gap.to ? fmt::format("{}", *gap.to) : "-", gap.sensor);
  }
  return text;
}

core::Result<std::vector<KeptGap>> read_gaps(io::FileSystem& files, const std::string& path) {
  if (!files.exists(path)) return std::vector<KeptGap>();
  const auto bytes = io::read_file(files, path);
  if (!bytes) return unexpected(bytes.error());
  auto gaps = parse_gaps({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  return gaps ? std::move(gaps) : unexpected(gaps.error().within(path));
}

core::Status write_gaps(io::FileSystem& files, const std::string& path, const std::vector<KeptGap>& gaps) {
  if (auto made = files.make_directories(std::filesystem::path(path).parent_path().string()); !made) return made;
  return io::write_file_atomically(files, path, to_text(gaps));
}

}  // namespace millwright::connectors::opcua_detail

#include "forwarding/readings_cursor.hpp"

#include <nlohmann/json.hpp>

namespace millwright::forwarding {
namespace {

using core::ErrorCode;
using Json = nlohmann::json;

// Beyond any journal's life.
constexpr journal::Sequence kSequenceMax = journal::Sequence{1} << 62;

bool is_sequence(const Json& json) {
  return json.is_number_unsigned() && json.get<std::uint64_t>() >= 1 && json.get<std::uint64_t>() <= kSequenceMax;
}

std::optional<ReadingsCursor::Log> parse_log(const Json& json) {
  if (!json.is_object() || !json.contains("live") || !json.contains("backlog") || !is_sequence(json["live"]) ||
      !json["backlog"].is_array() || json["backlog"].size() > kRangesMax) {
    return std::nullopt;
  }
  ReadingsCursor::Log log{.live = json["live"].get<journal::Sequence>(), .backlog = {}};
  journal::Sequence before = 0;
  for (const Json& one : json["backlog"]) {
    if (!one.is_array() || one.size() != 2 || !is_sequence(one[0]) || !is_sequence(one[1])) return std::nullopt;
    const ReadingsCursor::Range range{one[0].get<journal::Sequence>(), one[1].get<journal::Sequence>()};
    if (range.from < before || range.to <= range.from || range.to > log.live) return std::nullopt;
    before = range.to;
    log.backlog.push_back(range);
  }
  return log;
}

}  // namespace

void ReadingsCursor::Log::defer(journal::Sequence to) {
  if (to <= live) return;
  if (!backlog.empty() && backlog.back().to == live) {
    backlog.back().to = to;
  } else {
    backlog.push_back({live, to});
  }
  live = to;
  if (backlog.size() <= kRangesMax) return;
  std::size_t nearest = 0;
  for (std::size_t i = 1; i + 1 < backlog.size(); ++i) {
    const auto gap = [&](std::size_t at) { return backlog[at + 1].from - backlog[at].to; };
    if (gap(i) < gap(nearest)) nearest = i;
  }
  backlog[nearest].to = backlog[nearest + 1].to;
  backlog.erase(backlog.begin() + static_cast<std::ptrdiff_t>(nearest) + 1);
}

core::Result<ReadingsCursor> parse_readings_cursor(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  const auto corrupt = [](const char* why) { return core::unexpected(ErrorCode::kCorrupt, why); };
  if (!json.is_object() || !json.contains("epoch") || !json["epoch"].is_number_unsigned() || !json.contains("logs") ||
      !json["logs"].is_array()) {
    return corrupt("epoch or logs are missing, or not what they should be");
  }
  ReadingsCursor cursor{.epoch = json["epoch"].get<std::uint64_t>(), .logs = {}};
  for (const Json& one : json["logs"]) {
    auto log = parse_log(one);
    if (!log) return corrupt("a log without live and backlog, or with ranges that are none");
    cursor.logs.push_back(std::move(*log));
  }
  return cursor;
}

std::string to_string(const ReadingsCursor& cursor) {
  Json logs = Json::array();
  for (const ReadingsCursor::Log& log : cursor.logs) {
    Json backlog = Json::array();
    for (const ReadingsCursor::Range& range : log.backlog) backlog.push_back({range.from, range.to});
    logs.push_back({{"live", log.live}, {"backlog", std::move(backlog)}});
  }
  return Json{{"epoch", cursor.epoch}, {"logs", std::move(logs)}}.dump() + "\n";
}

core::Result<std::optional<ReadingsCursor>> load_readings_cursor(io::FileSystem& files, const std::string& path) {
  if (!files.exists(path)) return std::optional<ReadingsCursor>();
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  auto cursor = parse_readings_cursor({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!cursor) return core::unexpected(cursor.error().within(path));
  return std::optional(std::move(*cursor));
}

}  // namespace millwright::forwarding

#include "protocol/uns_topic.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::protocol {
namespace {

using core::ErrorCode;

constexpr std::array<std::string_view, kTopicParts> kNames{"{enterprise}", "{site}",    "{area}",      "{line}",
                                                           "{cell}",       "{machine}", "{component}", "{sensor}"};

}  // namespace

core::Result<TopicPattern> TopicPattern::parse(std::string_view text) {
  if (text.empty() || text.size() > kTopicBytesMax) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("a topic has 1 to {} bytes", kTopicBytesMax));
  }
  TopicPattern pattern;
  for (const std::string_view level : core::split(text, '/')) {
    if (!pattern.levels_.empty() && pattern.levels_.back().kind == Kind::kRest) {
      return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}': # comes last", text));
    }
    const auto name = std::find(kNames.begin(), kNames.end(), level);
    if (level == "+") {
      pattern.levels_.push_back({.kind = Kind::kAny, .text = {}});
    } else if (level == "#") {
      pattern.levels_.push_back({.kind = Kind::kRest, .text = {}});
    } else if (name != kNames.end()) {
      const auto part = static_cast<TopicPart>(name - kNames.begin());
      if (pattern.names(part)) {
        return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}': {} is there twice", text, level));
      }
      pattern.levels_.push_back({.kind = Kind::kName, .part = part, .text = {}});
    } else if (level.find_first_of("+#{}") != std::string_view::npos || level.find('\0') != std::string_view::npos) {
      return core::unexpected(ErrorCode::kInvalid, fmt::format("'{}': the level '{}' is no text, +, # or one of {}",
                                                               text, level, fmt::join(kNames, ", ")));
    } else {
      pattern.levels_.push_back({.kind = Kind::kText, .text = std::string(level)});
    }
  }
  return pattern;
}

std::string TopicPattern::filter() const {
  std::string filter;
  for (const Level& level : levels_) {
    if (&level != &levels_.front()) filter += '/';
    filter += level.kind == Kind::kText ? level.text : level.kind == Kind::kRest ? "#" : "+";
  }
  return filter;
}

bool TopicPattern::match(std::string_view topic, TopicNames& names) const {
  names = {};
  std::size_t from = 0;  // past the end by one: no level is left
  for (const Level& level : levels_) {
    if (level.kind == Kind::kRest) return true;  // also of no level at all
    if (from > topic.size()) return false;
    const std::size_t end = std::min(topic.find('/', from), topic.size());
    const std::string_view here = topic.substr(from, end - from);
    if (level.kind == Kind::kText && here != level.text) return false;
    if (level.kind == Kind::kName) names[static_cast<std::size_t>(level.part)] = here;
    from = end + 1;
  }
  return from > topic.size();
}

bool TopicPattern::names(TopicPart part) const {
  return std::any_of(levels_.begin(), levels_.end(),
                     [part](const Level& level) { return level.kind == Kind::kName && level.part == part; });
}

}  // namespace millwright::protocol

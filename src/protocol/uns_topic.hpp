// Topics of a unified namespace: a pattern says which topics are meant, and which of their levels name what.
//
//   "{enterprise}/{site}/+/{machine}/{component}/{sensor}", "gateway/+/{machine}", "legacy/#"
//
// A level is a text, "+" (any), a {name} of the hierarchy (any, and what it is), or as the last one "#" (any number).
//
// Threads: values. Errors: kInvalid, with the level that is wrong. Limits: kTopicBytesMax.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace millwright::protocol {

inline constexpr std::size_t kTopicBytesMax = 1024;

enum class TopicPart : std::uint8_t { kEnterprise, kSite, kArea, kLine, kCell, kMachine, kComponent, kSensor };
inline constexpr std::size_t kTopicParts = 8;
// By TopicPart; empty: the pattern does not name it.
using TopicNames = std::array<std::string_view, kTopicParts>;

class TopicPattern {
 public:
  static core::Result<TopicPattern> parse(std::string_view text);

  // What a broker is asked for: every {name} is "+".
  [[nodiscard]] std::string filter() const;
  // Whether it is one of them; `names` then point into `topic`.
  [[nodiscard]] bool match(std::string_view topic, TopicNames& names) const;
  [[nodiscard]] bool names(TopicPart part) const;

 private:
  enum class Kind : std::uint8_t { kText, kAny, kName, kRest };
  struct Level {
    Kind kind = Kind::kText;
    TopicPart part = TopicPart::kSensor;
    std::string text;
  };
  std::vector<Level> levels_;
};

}  // namespace millwright::protocol

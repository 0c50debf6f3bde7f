// RecentKeys: whether a 64-bit key, such as a hash, is among the last so many. Flat, and of one size from the start: it
// is asked for every message.
//
// Threads: one at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millwright::connectors {

class RecentKeys {
 public:
  explicit RecentKeys(std::size_t count) : order_(count), slots_(std::bit_ceil(count * 2)) {}

  // Remembers it, and forgets the oldest. False: it is there already.
  bool insert(std::uint64_t key) {
    if (key == kNone) key = 1;
    std::size_t at = home(key);
    for (; slots_[at] != kNone; at = next(at)) {
      if (slots_[at] == key) return false;
    }
    std::uint64_t& oldest = order_[turn_];
    turn_ = turn_ + 1 == order_.size() ? 0 : turn_ + 1;
    slots_[at] = key;
    if (oldest != kNone) erase(oldest);
    oldest = key;
    return true;
  }

 private:
  static constexpr std::uint64_t kNone = 0;

  // Multiplied first: keys need not be spread well.
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15) >> 32) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  // What was put behind it for want of room moves up (Knuth, The Art of Computer Programming, 6.4, algorithm R).
  void erase(std::uint64_t key) {
    std::size_t hole = home(key);
    while (slots_[hole] != key) hole = next(hole);
    for (std::size_t at = next(hole); slots_[at] != kNone; at = next(at)) {
      const std::size_t distance = (at - home(slots_[at])) & (slots_.size() - 1);
      if (distance < ((at - hole) & (slots_.size() - 1))) continue;  // it is where it belongs
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = kNone;
  }

  std::vector<std::uint64_t> order_;
  std::size_t turn_ = 0;
  std::vector<std::uint64_t> slots_;
};

}  // namespace millwright::connectors

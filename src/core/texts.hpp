// Texts: numbers that stand for short texts, so that a reading of text is as small and as quick as one of a state. A
// node has one dictionary, which only grows. TextTable: such a dictionary in memory.
//
// Threads: all of it from any thread. Limits: kTextBytesMax a text, kTextsMax texts. Errors: kInvalid for what is no
// UTF-8 or too long, kFull for one too many.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/block.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"

namespace millwright::core {

inline constexpr std::size_t kTextBytesMax = 1024;
inline constexpr std::size_t kTextsMax = 1'000'000;

class Texts {
 public:
  virtual ~Texts() = default;
  // The text's number, the same for ever. One that outlives the process is safe on disk before it is given out, so a
  // new text may take as long as the disk does.
  virtual Result<std::int32_t> number(std::string_view text) = 0;
  // What a number stands for; nothing where it stands for none. Valid as long as this is.
  [[nodiscard]] virtual std::optional<std::string_view> text(std::int32_t number) const = 0;

  // The text of a reading, by the bits of its value; "" for a number that stands for none.
  [[nodiscard]] std::string_view of(std::uint64_t bits) const {
    return text(from_bits<std::int32_t>(bits)).value_or(std::string_view());
  }
};

// Whether it may be a reading.
Status check_text(std::string_view text);

class TextTable final : public Texts {
 public:
  Result<std::int32_t> number(std::string_view text) override;
  [[nodiscard]] std::optional<std::string_view> text(std::int32_t number) const override;

  [[nodiscard]] std::optional<std::int32_t> find(std::string_view text) const;
  // For who gives the numbers himself. Of two numbers for one text, the later is given out; both stand for it.
  void put(std::int32_t number, std::string_view text);
  [[nodiscard]] std::size_t size() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::int32_t, std::less<>> numbers_ GUARDED_BY(mutex_);
  std::unordered_map<std::int32_t, std::string_view> texts_ GUARDED_BY(mutex_);  // into the keys of numbers_
};

}  // namespace millwright::core

#include "core/texts.hpp"

#include <fmt/format.h>

#include "core/text.hpp"

namespace millwright::core {
Status check_text(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return unexpected(ErrorCode::kInvalid,
                      fmt::format("a text of {} bytes; readings of text have at most {}", text.size(), kTextBytesMax));
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      return unexpected(ErrorCode::kInvalid, fmt::format("a text that is not UTF-8 (byte {})", at + 1));
    }
    at += length;
  }
  return {};
}

Result<std::int32_t> TextTable::number(std::string_view text) {
  if (const auto known = find(text)) return *known;
  if (auto good = check_text(text); !good) return unexpected(good.error());
  MutexLock lock(mutex_);
  if (texts_.size() >= kTextsMax) {
    return unexpected(ErrorCode::kFull, fmt::format("more than {} different texts", kTextsMax));
  }
  const auto [at, added] = numbers_.try_emplace(std::string(text), static_cast<std::int32_t>(numbers_.size() + 1));
  if (added) texts_.emplace(at->second, at->first);
  return at->second;
}

std::optional<std::string_view> TextTable::text(std::int32_t number) const {
  MutexLock lock(mutex_);
  const auto found = texts_.find(number);
  return found != texts_.end() ? std::optional(found->second) : std::nullopt;
}

std::optional<std::int32_t> TextTable::find(std::string_view text) const {
  MutexLock lock(mutex_);
  const auto found = numbers_.find(text);
  return found != numbers_.end() ? std::optional(found->second) : std::nullopt;
}

void TextTable::put(std::int32_t number, std::string_view text) {
  MutexLock lock(mutex_);
  const auto at = numbers_.insert_or_assign(std::string(text), number).first;
  texts_.insert_or_assign(number, at->first);
}

std::size_t TextTable::size() const {
  MutexLock lock(mutex_);
  return texts_.size();
}

}  // namespace millwright::core

// Result<T>: a value, or the Error that kept us from it. For operating errors only (a bug is an ASSERT; bad field data
// is a Quality and a counter). Names follow std::expected, which C++20 lacks.
//
// Threads: a value type, no sharing. Errors: message says what, where and what to do; the code is for programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/assert.hpp"

namespace millwright::core {

enum class ErrorCode {
  kInvalid,      // input that is wrong in itself: syntax, range, type
  kNotFound,     // the thing named does not exist
  kConflict,     // it exists already, or in another version
  kUnavailable,  // a peer or device does not answer now; worth trying again
  kTimeout,      // no answer in the time allowed
  kClosed,       // the other side or the owner has ended it
  kFull,         // disk, quota or queue
  kCorrupt,      // bytes that fail their check
  kIo,           // the operating system refused
  kUnsupported,  // understood, but not in this build or version
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;

  // The same error, seen from one caller further out: "opening history: <message>".
  [[nodiscard]] Error within(std::string_view context) const { return {code, std::string(context) + ": " + message}; }
};

// What a failed function returns: `return unexpected(ErrorCode::kIo, "…")`.
struct Unexpected {
  Error error;
};
inline Unexpected unexpected(Error error) {
  return {std::move(error)};
}
inline Unexpected unexpected(ErrorCode code, std::string message) {
  return {{code, std::move(message)}};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}             // NOLINT: implicit by design
  Result(Unexpected bad) : state_(std::in_place_index<1>, std::move(bad.error)) {}  // NOLINT: implicit by design

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const {
    ASSERT(!has_value(), "error() of a Result that holds a value");
    return std::get<1>(state_);
  }

 private:
  T& checked() {
    ASSERT(has_value(), "value() of a failed Result: " + std::get<1>(state_).message);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Unexpected bad) : error_(std::move(bad.error)) {}  // NOLINT: implicit by design

  [[nodiscard]] bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Error& error() const {
    ASSERT(error_.has_value(), "error() of a Result that succeeded");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace millwright::core

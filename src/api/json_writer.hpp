// JsonWriter: JSON written straight into a text, for the answers that are asked for most: a tree of values first (Json
// in views.hpp) costs ten times as much.
//
//   JsonWriter json;
//   json.begin_object().member("id", machine.name).key("sensors").begin_array();
//   for (…) write_sensor(json, sensor);
//   json.end_array().end_object();
//   return json_response(json.take());
//
// Commas come by themselves. What is not finite is null; numbers are the shortest that read back as the same; bytes
// that are no UTF-8 are replaced. Keys are plain words. That what begins also ends is the caller's.
//
// Threads: one owner.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/block.hpp"
#include "core/time.hpp"
#include "core/value_text.hpp"

namespace millwright::api {

// A real number of values of `type`. JSON has no word for what is not finite: null.
void append_json_real(core::ValueType type, double number, std::string& out);

class JsonWriter {
 public:
  explicit JsonWriter(std::size_t bytes = 1024) { out_.reserve(bytes); }

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view word);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& value(double number) { return real(core::ValueType::kFloat64, number); }
  template <std::integral Integer>
  JsonWriter& value(Integer number) {
    separate();
    if constexpr (std::is_signed_v<Integer>) {
      core::append_value(core::ValueType::kInt64, static_cast<std::uint64_t>(std::int64_t{number}), out_);
    } else {
      core::append_number(number, out_);
    }
    return *this;
  }
  // A real number of values of `type`: of a float32 the shortest that reads back as that.
  JsonWriter& real(core::ValueType type, double number);
  JsonWriter& time_or_null(core::TimeNs time);  // 0: null
  JsonWriter& text_or_null(std::string_view text) { return text.empty() ? null() : value(text); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& raw(std::string_view json);  // a value that is JSON already

  template <typename Value>
  JsonWriter& member(std::string_view word, const Value& held) {
    return key(word).value(held);
  }

  [[nodiscard]] const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  void separate() {
    if (follows_) out_ += ',';
    follows_ = true;
  }
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);

  std::string out_;
  bool follows_ = false;  // another value stands before what comes next
  core::TimeWriter times_;
};

}  // namespace millwright::api

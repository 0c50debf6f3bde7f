#include "api/json_writer.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace millwright::api {

// "-0" would be read as a whole number, which has no sign.
void append_json_real(core::ValueType type, double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
  } else if (number == 0 && std::signbit(number)) {
    out += "-0.0";
  } else {
    core::append_statistic(type, number, out);
  }
}

JsonWriter& JsonWriter::open(char bracket) {
  if (follows_) out_ += ',';
  out_ += bracket;
  follows_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  follows_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view word) {
  if (follows_) out_ += ',';
  ((out_ += '"') += word) += "\":";
  follows_ = false;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F && c != '"' && c != '\\';
  });
  if (plain) {
    ((out_ += '"') += text) += '"';
  } else {
    out_ += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return *this;
}

JsonWriter& JsonWriter::real(core::ValueType type, double number) {
  separate();
  append_json_real(type, number, out_);
  return *this;
}

JsonWriter& JsonWriter::time_or_null(core::TimeNs time) {
  if (time == 0) return null();
  separate();
  out_ += '"';
  times_.append(time, out_);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace millwright::api

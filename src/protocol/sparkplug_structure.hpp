// What a Sparkplug metric holds that is no single value: a template, a data set, an array, bytes or a file; its parts,
// and the whole of it as JSON.
//
// The parts of "motor" are "motor/speed" (a template's member, which may be a template itself), "motor[2]" (of an
// array, from 0 on) and "motor[2]/speed" (a row and a column of a data set). JSON is canonical: keys in order, no
// spaces, the shortest digits that read back the same; what is no number is null. Bytes are base64.
//
//   template  {"metrics":{"speed":1.5},"parameters":{"ratio":3},"template":"Motor","version":"2"}
//   data set  {"columns":["name","n"],"rows":[["a",1]],"types":["String","Int32"]}
//   array     [1,2,3]        bytes, file  AAEC (within another: "AAEC")
//
// Threads: pure functions. Errors: kCorrupt where the bytes are not of the type; parts before that were given. Limits:
// kDepthMax templates within each other, kPartsMax parts. Format: docs/format/sparkplug.md.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "protocol/sparkplug.hpp"

namespace millwright::protocol::sparkplug {

inline constexpr int kDepthMax = 8;
inline constexpr std::size_t kPartsMax = 100'000;

// A part: `name` is the metric's with the way to it, `type` what it says of itself (kUnknown: it does not).
struct Part {
  std::string_view name;
  DataType type = DataType::kUnknown;
  const Metric& metric;
};
using TakePart = std::function<void(const Part&)>;

// Gives each part of a metric of this type, outer ones first; none of a null, nor of bytes and files.
core::Status for_each_part(std::string_view name, const Metric& metric, DataType type, const TakePart& take);
core::Result<std::string> to_text(const Metric& metric, DataType type);
// "Int8Array"
std::string_view name_of(DataType type);
// Of a template that says what others look like, and is no value itself.
bool is_definition(const Metric& metric, DataType type);

}  // namespace millwright::protocol::sparkplug

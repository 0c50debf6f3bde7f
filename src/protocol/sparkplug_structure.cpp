#include "protocol/sparkplug_structure.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "protocol/protobuf.hpp"

namespace millwright::protocol::sparkplug {
namespace {

using core::ErrorCode;
using nlohmann::json;
using protobuf::Field;
using protobuf::Wire;

constexpr std::size_t kTypes = static_cast<std::size_t>(DataType::kDateTimeArray) + 1;
constexpr std::array<std::string_view, kTypes> kTypeNames{"Unknown",      "Int8",
                                                          "Int16",        "Int32",
                                                          "Int64",        "UInt8",
                                                          "UInt16",       "UInt32",
                                                          "UInt64",       "Float",
                                                          "Double",       "Boolean",
                                                          "String",       "DateTime",
                                                          "Text",         "UUID",
                                                          "DataSet",      "Bytes",
                                                          "File",         "Template",
                                                          "PropertySet",  "PropertySetList",
                                                          "Int8Array",    "Int16Array",
                                                          "Int32Array",   "Int64Array",
                                                          "UInt8Array",   "UInt16Array",
                                                          "UInt32Array",  "UInt64Array",
                                                          "FloatArray",   "DoubleArray",
                                                          "BooleanArray", "StringArray",
                                                          "DateTimeArray"};

std::string_view content(const Metric& metric, Metric::Content kind) {
  return metric.content == kind ? metric.bytes : std::string_view();
}

// Members need not say their type again; what is a template or a data set shows without it.
DataType type_of(const Metric& metric, DataType type) {
  if (type != DataType::kUnknown) return type;
  if (metric.content == Metric::Content::kTemplate) return DataType::kTemplate;
  return metric.content == Metric::Content::kDataSet ? DataType::kDataSet : type;
}

// ---- arrays ---------------------------------------------------------------------------------------------------------

// Of the elements of an array type; kUnknown: it is none.
DataType element_of(DataType type) {
  if (type >= DataType::kInt8Array && type <= DataType::kBooleanArray) {
    constexpr auto kShift =
        static_cast<std::uint32_t>(DataType::kInt8Array) - static_cast<std::uint32_t>(DataType::kInt8);
    return static_cast<DataType>(static_cast<std::uint32_t>(type) - kShift);
  }
  if (type == DataType::kStringArray) return DataType::kString;
  return type == DataType::kDateTimeArray ? DataType::kDateTime : DataType::kUnknown;
}

template <typename T, typename As, typename Take>
bool numbers(std::string_view bytes, Take&& take) {
  if (bytes.size() % sizeof(T) != 0) return false;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value{};
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    take(Value(static_cast<As>(value)));
  }
  return true;
}

// How many there are, then a bit each, the first in the highest place.
template <typename Take>
bool truths(std::string_view bytes, Take&& take) {
  std::uint32_t count = 0;
  if (bytes.size() < sizeof(count)) return false;
  std::memcpy(&count, bytes.data(), sizeof(count));
  bytes.remove_prefix(sizeof(count));
  if (bytes.size() != (std::size_t{count} + 7) / 8) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    take(Value((static_cast<unsigned char>(bytes[i / 8]) & (0x80U >> (i % 8))) != 0));
  }
  return true;
}

// Each ends with a zero byte.
template <typename Take>
bool strings(std::string_view bytes, Take&& take) {
  if (!bytes.empty() && bytes.back() != '\0') return false;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\0');
    take(Value(bytes.substr(0, end)));
    bytes.remove_prefix(end + 1);
  }
  return true;
}

// False: the bytes are no such array. Integers come as their type says.
template <typename Take>
bool for_each_element(std::string_view bytes, DataType type, Take&& take) {
  switch (type) {
    case DataType::kInt8Array:
      return numbers<std::int8_t, std::int64_t>(bytes, take);
    case DataType::kInt16Array:
      return numbers<std::int16_t, std::int64_t>(bytes, take);
    case DataType::kInt32Array:
      return numbers<std::int32_t, std::int64_t>(bytes, take);
    case DataType::kInt64Array:
    case DataType::kDateTimeArray:
      return numbers<std::int64_t, std::int64_t>(bytes, take);
    case DataType::kUInt8Array:
      return numbers<std::uint8_t, std::uint64_t>(bytes, take);
    case DataType::kUInt16Array:
      return numbers<std::uint16_t, std::uint64_t>(bytes, take);
    case DataType::kUInt32Array:
      return numbers<std::uint32_t, std::uint64_t>(bytes, take);
    case DataType::kUInt64Array:
      return numbers<std::uint64_t, std::uint64_t>(bytes, take);
    case DataType::kFloatArray:
      return numbers<float, float>(bytes, take);
    case DataType::kDoubleArray:
      return numbers<double, double>(bytes, take);
    case DataType::kBooleanArray:
      return truths(bytes, take);
    case DataType::kStringArray:
      return strings(bytes, take);
    default:
      return false;
  }
}

// ---- templates and data sets ----------------------------------------------------------------------------------------

// A value by the numbers of its fields, which DataSetValue and Parameter have alike, from `first` on: int, long, float,
// double, boolean, string.
void read_value(const Field& field, std::uint64_t first, Value& value) {
  if (field.is(first, Wire::kVarint) || field.is(first + 1, Wire::kVarint)) value = field.integer;
  if (field.is(first + 2, Wire::kFixed32)) value = std::bit_cast<float>(static_cast<std::uint32_t>(field.integer));
  if (field.is(first + 3, Wire::kFixed64)) value = std::bit_cast<double>(field.integer);
  if (field.is(first + 4, Wire::kVarint)) value = field.integer != 0;
  if (field.is(first + 5, Wire::kBytes)) value = field.bytes;
}

struct Parameter {
  std::string_view name;
  DataType type = DataType::kUnknown;
  Value value;
};

struct Template {
  std::string_view version;
  std::string_view of;
  bool definition = false;
  std::vector<Metric> members;
  std::vector<Parameter> parameters;
};

bool read(std::string_view bytes, Parameter& out) {
  core::ByteReader in = protobuf::reader(bytes);
  Field field;
  while (next(in, field)) {
    if (field.is(1, Wire::kBytes)) out.name = field.bytes;
    if (field.is(2, Wire::kVarint)) out.type = static_cast<DataType>(static_cast<std::uint32_t>(field.integer));
    read_value(field, 3, out.value);
  }
  return in.ok();
}

// `budget` is how many members there may still be.
bool read(std::string_view bytes, std::size_t& budget, Template& out) {
  core::ByteReader in = protobuf::reader(bytes);
  Field field;
  while (next(in, field)) {
    if (field.is(1, Wire::kBytes)) out.version = field.bytes;
    if (field.is(4, Wire::kBytes)) out.of = field.bytes;
    if (field.is(5, Wire::kVarint)) out.definition = field.integer != 0;
    const bool member = field.is(2, Wire::kBytes);
    const bool parameter = field.is(3, Wire::kBytes);
    if ((member || parameter) && budget-- == 0) return budget = 0, false;
    if (member && !decode_metric(field.bytes, out.members.emplace_back())) return false;
    if (parameter && !read(field.bytes, out.parameters.emplace_back())) return false;
  }
  return in.ok();
}

struct DataSet {
  std::vector<std::string_view> columns;
  std::vector<DataType> types;
  std::vector<std::vector<Value>> rows;  // as the columns' types say
};

bool read_types(const Field& field, std::vector<DataType>& types) {
  const auto add = [&](std::uint64_t type) {
    types.push_back(static_cast<DataType>(static_cast<std::uint32_t>(type)));
  };
  if (field.wire == Wire::kVarint) return add(field.integer), true;
  if (field.wire != Wire::kBytes) return false;
  core::ByteReader packed = protobuf::reader(field.bytes);
  while (packed.remaining() != 0) add(packed.varint());
  return packed.ok();
}

bool read_row(std::string_view bytes, std::size_t& budget, std::vector<Value>& row) {
  core::ByteReader in = protobuf::reader(bytes);
  Field field;
  while (next(in, field)) {
    if (!field.is(1, Wire::kBytes)) continue;
    if (budget-- == 0) return budget = 0, false;
    core::ByteReader element = protobuf::reader(field.bytes);
    Value& value = row.emplace_back();
    Field inner;
    while (next(element, inner)) read_value(inner, 1, value);
    if (!element.ok()) return false;
  }
  return in.ok();
}

bool read(std::string_view bytes, std::size_t& budget, DataSet& out) {
  core::ByteReader in = protobuf::reader(bytes);
  Field field;
  while (next(in, field)) {
    if (field.is(2, Wire::kBytes)) out.columns.push_back(field.bytes);
    if (field.number == 3 && !read_types(field, out.types)) return false;
    if (!field.is(4, Wire::kBytes)) continue;
    if (budget-- == 0) return budget = 0, false;
    if (!read_row(field.bytes, budget, out.rows.emplace_back())) return false;
  }
  out.types.resize(out.columns.size());
  for (auto& row : out.rows) {
    if (row.size() != out.columns.size()) return false;
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = interpret(row[i], out.types[i]);
  }
  return in.ok();
}

core::Status no(std::string_view what) {
  return core::unexpected(ErrorCode::kCorrupt, fmt::format("its value is no {}", what));
}

// ---- parts ----------------------------------------------------------------------------------------------------------

class Parts {
 public:
  explicit Parts(const TakePart& take) : take_(take) {}

  core::Status of(const std::string& name, const Metric& metric, DataType type, int depth) {
    if (metric.null || metric.content == Metric::Content::kNone) return {};
    type = type_of(metric, type);
    if (type == DataType::kTemplate) return of_template(name, metric, depth);
    if (type == DataType::kDataSet) return of_data_set(name, metric);
    return element_of(type) != DataType::kUnknown ? of_array(name, metric, type) : core::Status();
  }

 private:
  core::Status of_template(const std::string& name, const Metric& metric, int depth) {
    if (depth >= kDepthMax) return no("template of so few levels");
    Template all;
    if (!read(content(metric, Metric::Content::kTemplate), budget_, all)) return no("template");
    for (const Metric& member : all.members) {
      const std::string path = fmt::format("{}/{}", name, member.name);
      take_({path, member.type, member});
      if (auto inner = of(path, member, member.type, depth + 1); !inner) return inner;
    }
    return {};
  }

  core::Status of_data_set(const std::string& name, const Metric& metric) {
    DataSet all;
    if (!read(content(metric, Metric::Content::kDataSet), budget_, all)) return no("data set");
    for (std::size_t row = 0; row < all.rows.size(); ++row) {
      for (std::size_t i = 0; i < all.columns.size(); ++i) {
        give(fmt::format("{}[{}]/{}", name, row, all.columns[i]), all.types[i], all.rows[row][i]);
      }
    }
    return {};
  }

  core::Status of_array(const std::string& name, const Metric& metric, DataType type) {
    std::size_t at = 0;
    const bool done = for_each_element(content(metric, Metric::Content::kBytes), type, [&](const Value& value) {
      if (budget_ == 0) return;
      --budget_;
      give(fmt::format("{}[{}]", name, at++), element_of(type), value);
    });
    return done ? core::Status() : no(name_of(type));
  }

  void give(const std::string& path, DataType type, const Value& value) {
    Metric metric;
    metric.type = type;
    metric.value = value;
    take_({path, type, metric});
  }

  const TakePart& take_;
  std::size_t budget_ = kPartsMax;
};

// ---- JSON -----------------------------------------------------------------------------------------------------------

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t size = std::min<std::size_t>(bytes.size() - at, 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < size ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) out += i <= size ? kDigits[group >> (18 - 6 * i) & 63U] : '=';
  }
  return out;
}

json to_json(const Value& value) {
  return std::visit(
      [](const auto& one) -> json {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, float>) {
          // The double that is written as the float is.
          std::array<char, 32> digits{};
          double same = one;
          const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), one).ptr;
          if (std::isfinite(one)) std::from_chars(digits.data(), end, same);
          return same;
        } else {
          return one;
        }
      },
      value);
}

class Writer {
 public:
  // Nothing: the bytes are not what they should be; error() says what.
  std::optional<json> of(const Metric& metric, DataType type, int depth) {
    if (metric.null) return json();
    if (metric.content == Metric::Content::kNone) return to_json(interpret(metric.value, type));
    type = type_of(metric, type);
    if (type == DataType::kTemplate) return of_template(metric, depth);
    if (type == DataType::kDataSet) return of_data_set(metric);
    if (element_of(type) == DataType::kUnknown) return json(base64(content(metric, Metric::Content::kBytes)));
    json all = json::array();
    const auto bytes = content(metric, Metric::Content::kBytes);
    if (!for_each_element(bytes, type, [&](const Value& value) { all.push_back(to_json(value)); })) {
      return wrong(name_of(type));
    }
    return all;
  }
  [[nodiscard]] std::string_view error() const { return error_; }

 private:
  std::optional<json> wrong(std::string_view what) {
    error_ = what;
    return std::nullopt;
  }

  std::optional<json> of_template(const Metric& metric, int depth) {
    if (depth >= kDepthMax) return wrong("template of so few levels");
    Template all;
    if (!read(content(metric, Metric::Content::kTemplate), budget_, all)) return wrong("template");
    json out{{"metrics", json::object()}};
    for (const Metric& member : all.members) {
      auto value = of(member, member.type, depth + 1);
      if (!value) return std::nullopt;
      out["metrics"][std::string(member.name)] = std::move(*value);
    }
    for (const Parameter& one : all.parameters) {
      out["parameters"][std::string(one.name)] = to_json(interpret(one.value, one.type));
    }
    if (!all.of.empty()) out["template"] = all.of;
    if (!all.version.empty()) out["version"] = all.version;
    if (all.definition) out["definition"] = true;
    return out;
  }

  std::optional<json> of_data_set(const Metric& metric) {
    DataSet all;
    if (!read(content(metric, Metric::Content::kDataSet), budget_, all)) return wrong("data set");
    json out{{"columns", all.columns}, {"types", json::array()}, {"rows", json::array()}};
    for (const DataType type : all.types) out["types"].push_back(name_of(type));
    for (const auto& row : all.rows) {
      json& values = out["rows"].emplace_back(json::array());
      for (const Value& value : row) values.push_back(to_json(value));
    }
    return out;
  }

  std::size_t budget_ = kPartsMax;
  std::string_view error_;
};

}  // namespace

std::string_view name_of(DataType type) {
  const auto number = static_cast<std::size_t>(type);
  return number < kTypes ? kTypeNames[number] : kTypeNames[0];
}

core::Status for_each_part(std::string_view name, const Metric& metric, DataType type, const TakePart& take) {
  return Parts(take).of(std::string(name), metric, type, 0);
}

core::Result<std::string> to_text(const Metric& metric, DataType type) {
  Writer writer;
  const auto all = writer.of(metric, type, 0);
  if (!all) return core::unexpected(no(writer.error()).error());
  if (all->is_string()) return all->get<std::string>();
  return all->dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_definition(const Metric& metric, DataType type) {
  Template all;
  std::size_t budget = kPartsMax;
  return type == DataType::kTemplate && read(content(metric, Metric::Content::kTemplate), budget, all) &&
         all.definition;
}

}  // namespace millwright::protocol::sparkplug

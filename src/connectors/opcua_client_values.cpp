#include "connectors/opcua_client_values.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace millwright::connectors::opcua_detail {
namespace {

using core::ValueType;

// A number without loss, as one of the three that any scalar fits into.
struct Number {
  enum class Kind { kSigned, kUnsigned, kFloat32, kFloat64 } kind;
  std::int64_t i = 0;
  std::uint64_t u = 0;
  float f = 0;
  double d = 0;
};

Number of(std::int64_t i) {
  return {.kind = Number::Kind::kSigned, .i = i};
}

template <typename T>
T scalar(const UA_Variant& v) {
  T value;
  std::memcpy(&value, v.data, sizeof(T));
  return value;
}

std::optional<Number> number_of(const UA_Variant& v) {
  switch (v.type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
      return of(scalar<UA_Boolean>(v) ? 1 : 0);
    case UA_DATATYPEKIND_SBYTE:
      return of(scalar<UA_SByte>(v));
    case UA_DATATYPEKIND_BYTE:
      return of(scalar<UA_Byte>(v));
    case UA_DATATYPEKIND_INT16:
      return of(scalar<UA_Int16>(v));
    case UA_DATATYPEKIND_UINT16:
      return of(scalar<UA_UInt16>(v));
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
      return of(scalar<UA_Int32>(v));
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_STATUSCODE:
      return of(scalar<UA_UInt32>(v));
    case UA_DATATYPEKIND_INT64:
      return of(scalar<UA_Int64>(v));
    case UA_DATATYPEKIND_UINT64:
      return Number{.kind = Number::Kind::kUnsigned, .u = scalar<UA_UInt64>(v)};
    case UA_DATATYPEKIND_FLOAT:
      return Number{.kind = Number::Kind::kFloat32, .f = scalar<UA_Float>(v)};
    case UA_DATATYPEKIND_DOUBLE:
      return Number{.kind = Number::Kind::kFloat64, .d = scalar<UA_Double>(v)};
    default:
      return std::nullopt;
  }
}

// [-2^63, 2^63) as a double's bounds.
constexpr double kInt64End = 9223372036854775808.0;

std::optional<std::int64_t> as_int64(double d) {
  if (!(d >= -kInt64End && d < kInt64End) || d != std::trunc(d)) return std::nullopt;
  return static_cast<std::int64_t>(d);
}

std::optional<std::int64_t> as_int64(const Number& n) {
  switch (n.kind) {
    case Number::Kind::kSigned:
      return n.i;
    case Number::Kind::kUnsigned:
      if (n.u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(n.u);
    case Number::Kind::kFloat32:
      return as_int64(static_cast<double>(n.f));
    case Number::Kind::kFloat64:
      return as_int64(n.d);
  }
  return std::nullopt;
}

// An integer as T where T holds it exactly.
template <typename T>
std::optional<T> exact(const Number& n) {
  if (n.kind == Number::Kind::kUnsigned) {
    const T value = static_cast<T>(n.u);
    if (static_cast<double>(value) >= 2 * kInt64End || static_cast<std::uint64_t>(value) != n.u) return std::nullopt;
    return value;
  }
  const T value = static_cast<T>(n.i);
  if (static_cast<double>(value) >= kInt64End || static_cast<std::int64_t>(value) != n.i) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> as_float64(const Number& n) {
  if (n.kind == Number::Kind::kFloat64) return core::to_bits(n.d);
  if (n.kind == Number::Kind::kFloat32) return core::to_bits(static_cast<double>(n.f));
  const auto value = exact<double>(n);
  return value ? std::optional(core::to_bits(*value)) : std::nullopt;
}

std::optional<std::uint64_t> as_float32(const Number& n) {
  if (n.kind == Number::Kind::kFloat32) return core::to_bits(n.f);
  if (n.kind == Number::Kind::kFloat64) {
    if (std::isnan(n.d)) return core::to_bits(std::numeric_limits<float>::quiet_NaN());
    if (std::isfinite(n.d) && std::abs(n.d) > static_cast<double>(std::numeric_limits<float>::max()))
      return std::nullopt;
    const auto value = static_cast<float>(n.d);
    return static_cast<double>(value) == n.d ? std::optional(core::to_bits(value)) : std::nullopt;
  }
  const auto value = exact<float>(n);
  return value ? std::optional(core::to_bits(*value)) : std::nullopt;
}

// Texts stand for themselves, for booleans ("true"), and for states by their names.
std::optional<std::uint64_t> from_text(std::string_view text, const asset::Sensor& sensor, core::Texts& texts) {
  if (sensor.type == ValueType::kText) {
    const auto number = texts.number(text);
    return number ? std::optional(core::to_bits(*number)) : std::nullopt;
  }
  if (sensor.type == ValueType::kBool) {
    if (text == "true" || text == "True" || text == "TRUE") return 1;
    if (text == "false" || text == "False" || text == "FALSE") return 0;
  }
  if (sensor.type == ValueType::kState) {
    for (const auto& [code, name] : sensor.states) {
      if (name == text) return core::to_bits(static_cast<std::int32_t>(code));
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> from_time(UA_DateTime time, const asset::Sensor& sensor) {
  const core::TimeNs ns = to_ns(time);
  const bool is_exact = ns / 100 == time - UA_DATETIME_UNIX_EPOCH;
  return sensor.type == ValueType::kInt64 && is_exact ? std::optional(core::to_bits(ns)) : std::nullopt;
}

std::string printed(const UA_Variant& v) {
  UA_String text = UA_STRING_NULL;
  const UA_StatusCode code = v.type->typeKind == UA_DATATYPEKIND_GUID
                                 ? UA_Guid_print(static_cast<const UA_Guid*>(v.data), &text)
                             : v.type->typeKind == UA_DATATYPEKIND_NODEID
                                 ? UA_NodeId_print(static_cast<const UA_NodeId*>(v.data), &text)
                                 : UA_ExpandedNodeId_print(static_cast<const UA_ExpandedNodeId*>(v.data), &text);
  std::string out(code == UA_STATUSCODE_GOOD ? view(text) : std::string_view());
  UA_String_clear(&text);
  return out;
}

// The text of those that are one, or that people write as one; with its namespace's number where it has one.
std::optional<std::string> text_of(const UA_Variant& v) {
  switch (v.type->typeKind) {
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_XMLELEMENT:
      return std::string(view(scalar<UA_String>(v)));
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
      return std::string(view(scalar<UA_LocalizedText>(v).text));
    case UA_DATATYPEKIND_QUALIFIEDNAME: {
      const auto name = scalar<UA_QualifiedName>(v);
      const std::string text(view(name.name));
      return name.namespaceIndex == 0 ? text : std::to_string(name.namespaceIndex) + ":" + text;
    }
    case UA_DATATYPEKIND_GUID:
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
      return printed(v);
    default:
      return std::nullopt;
  }
}

}  // namespace

core::TimeNs to_ns(UA_DateTime time, std::uint16_t ten_picoseconds) {
  constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min() / 100;
  constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max() / 100 - 1;
  // A server's nonsense must not overflow; the epoch is taken off only where there is room.
  if (time < kLow + UA_DATETIME_UNIX_EPOCH) return kLow * 100;
  const std::int64_t steps = time - UA_DATETIME_UNIX_EPOCH;
  if (steps > kHigh) return kHigh * 100;
  return steps * 100 + (ten_picoseconds < 10000 ? ten_picoseconds / 100 : 0);
}

std::optional<std::uint64_t> to_bits(const UA_Variant& value, const asset::Sensor& sensor, core::Texts& texts) {
  if (!UA_Variant_isScalar(&value)) return std::nullopt;
  if (const auto text = text_of(value)) return from_text(*text, sensor, texts);
  if (value.type->typeKind == UA_DATATYPEKIND_DATETIME) return from_time(scalar<UA_DateTime>(value), sensor);
  const std::optional<Number> number = number_of(value);
  if (!number || sensor.type == ValueType::kText) return std::nullopt;
  if (sensor.type == ValueType::kFloat64) return as_float64(*number);
  if (sensor.type == ValueType::kFloat32) return as_float32(*number);
  const std::optional<std::int64_t> integer = as_int64(*number);
  if (!integer) return std::nullopt;
  if (sensor.type == ValueType::kInt64) return core::to_bits(*integer);
  if (sensor.type == ValueType::kBool) {
    return *integer == 0 || *integer == 1 ? std::optional(static_cast<std::uint64_t>(*integer)) : std::nullopt;
  }
  if (*integer < std::numeric_limits<std::int32_t>::min() || *integer > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  return core::to_bits(static_cast<std::int32_t>(*integer));
}

std::uint64_t calibrated_bits(std::uint64_t raw, const asset::Sensor& sensor) {
  if (sensor.calibration.identity()) return raw;
  if (sensor.type == ValueType::kFloat64) return core::to_bits(sensor.calibration.apply(std::bit_cast<double>(raw)));
  if (sensor.type == ValueType::kFloat32) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(raw));
    return core::to_bits(static_cast<float>(sensor.calibration.apply(static_cast<double>(value))));
  }
  return raw;
}

std::string reason_of(UA_StatusCode code) {
  switch (code) {
    case UA_STATUSCODE_BADCONNECTIONREJECTED:
      return "connection refused";
    case UA_STATUSCODE_BADCONNECTIONCLOSED:
    case UA_STATUSCODE_BADSECURECHANNELCLOSED:
    case UA_STATUSCODE_BADNOTCONNECTED:
    case UA_STATUSCODE_BADSERVERNOTCONNECTED:
    case UA_STATUSCODE_BADDISCONNECT:
      return "the connection was closed";
    case UA_STATUSCODE_BADTIMEOUT:
      return "no answer in time";
    case UA_STATUSCODE_BADIDENTITYTOKENREJECTED:
    case UA_STATUSCODE_BADIDENTITYTOKENINVALID:
    case UA_STATUSCODE_BADUSERACCESSDENIED:
      return "the server refuses that user: look at name and password, or the user's certificate, here and there";
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
      return "the server does not trust our certificate: trust it there (`millwright opcua certificate` shows it)";
    case UA_STATUSCODE_BADTCPENDPOINTURLINVALID:
      return "the endpoint is no address of an OPC UA server";
    case UA_STATUSCODE_BADSESSIONIDINVALID:
    case UA_STATUSCODE_BADSESSIONCLOSED:
      return "the server ended the session";
    case UA_STATUSCODE_BADTOOMANYSESSIONS:
      return "the server takes no more sessions";
    case UA_STATUSCODE_BADNOSUBSCRIPTION:
    case UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID:
      return "the server dropped the subscription";
    case UA_STATUSCODE_BADTCPMESSAGETYPEINVALID:
      return "the peer does not speak OPC UA";
    default:
      return UA_StatusCode_name(code);
  }
}

}  // namespace millwright::connectors::opcua_detail

#include "protocol/uns_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace millwright::protocol {
namespace {

using core::ErrorCode;
using core::Quality;
using core::TimeNs;
using nlohmann::json;

// Arithmetic on source times must not overflow anywhere (years 1684 to 2255).
constexpr TimeNs kTimeMax = 9'000'000'000'000'000'000;
constexpr std::size_t kShownBytes = 40;
constexpr std::int64_t kSchema = 1;

constexpr std::array<std::string_view, 2> kValueKeys{"v", "value"};
constexpr std::array<std::string_view, 2> kQualityKeys{"q", "quality"};
constexpr std::array<std::string_view, 4> kTimeKeys{"t", "ts", "time", "timestamp"};
constexpr std::array<std::string_view, 2> kSequenceKeys{"seq", "sequence"};
constexpr std::array<std::string_view, 2> kSchemaKeys{"schema", "schema_version"};
constexpr std::string_view kId = "id";
constexpr std::string_view kValues = "values";

template <std::size_t N>
bool is_one_of(std::string_view key, const std::array<std::string_view, N>& keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

template <std::size_t N>
const json* find(const json& object, const std::array<std::string_view, N>& keys) {
  for (const std::string_view key : keys) {
    if (const auto found = object.find(key); found != object.end()) return &*found;
  }
  return nullptr;
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "…";
  return text;
}

core::DurationNs unit_of(UnsTime times, double time) {
  switch (times) {
    case UnsTime::kSeconds:
      return core::kSecond;
    case UnsTime::kMilliseconds:
      return core::kMillisecond;
    case UnsTime::kMicroseconds:
      return core::kMicrosecond;
    case UnsTime::kNanoseconds:
      return 1;
    case UnsTime::kAuto:
      break;
  }
  const double size = std::abs(time);
  if (size < 1e11) return core::kSecond;  // until the year 5138
  if (size < 1e14) return core::kMillisecond;
  return size < 1e17 ? core::kMicrosecond : 1;
}

std::optional<TimeNs> to_time(std::int64_t whole, UnsTime times) {
  const auto about = static_cast<double>(whole);
  const core::DurationNs unit = unit_of(times, about);
  if (!(std::abs(about) * static_cast<double>(unit) < static_cast<double>(kTimeMax))) return std::nullopt;
  return whole * unit;
}

std::optional<TimeNs> to_time(const json& value, UnsTime times) {
  if (value.is_string()) {
    const auto parsed = core::parse_time(value.get_ref<const std::string&>());
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
  if (!value.is_number()) return std::nullopt;
  const auto about = value.get<double>();
  const core::DurationNs unit = unit_of(times, about);
  if (!(std::abs(about) * static_cast<double>(unit) < static_cast<double>(kTimeMax))) return std::nullopt;
  if (value.is_number_integer()) return to_time(value.get<std::int64_t>(), times);
  const double whole = std::floor(about);
  return static_cast<TimeNs>(whole) * unit +
         static_cast<TimeNs>(std::llround((about - whole) * static_cast<double>(unit)));
}

// The classic byte of OPC DA (192 good, 64 uncertain, 0 bad), or an OPC UA status code.
std::optional<Quality> to_quality(std::uint64_t code) {
  constexpr std::uint64_t kByteMax = 255;
  if (code > UINT32_MAX) return std::nullopt;
  if (code > kByteMax) return Quality{static_cast<std::uint32_t>(code)};
  return code >= 192 ? core::kGood : code >= 64 && code < 128 ? core::kUncertain : core::kBad;
}

// Such a number, a name, or true and false.
std::optional<Quality> to_quality(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? core::kGood : core::kBad;
  if (value.is_number_unsigned()) return to_quality(value.get<std::uint64_t>());
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  const std::string name = core::lower(text);
  if (name == "good") return core::kGood;
  if (name == "uncertain") return core::kUncertain;
  if (name == "bad") return core::kBad;
  return core::parse_quality(text);
}

class Reader {
 public:
  Reader(UnsTime times, UnsMessage& out) : times_(times), out_(out) {}

  core::Status take_all(const json& root) {
    if (!root.is_object()) {
      take(root, {}, {}, 0);
      return {};
    }
    if (auto read = take_envelope(root); !read) return read;
    const auto values = root.find(kValues);
    const bool contained = values != root.end() && values->is_object() && find(root, kValueKeys) == nullptr;
    Context context;
    if (!contained) {
      take(root, {}, {}, 0);
    } else if (read_context(root, {}, context)) {
      take(*values, {}, context, 1);
    }
    return {};
  }

 private:
  struct Context {
    Quality quality;
    std::optional<TimeNs> time;
  };

  core::Status take_envelope(const json& root) {
    if (const json* schema = find(root, kSchemaKeys)) {
      const bool known =
          (schema->is_number_integer() && schema->get<std::int64_t>() == kSchema) ||
          (schema->is_string() && (*schema == "1" || schema->get_ref<const std::string&>().starts_with("1.")));
      if (!known) {
        return core::unexpected(ErrorCode::kUnsupported, fmt::format("schema {} is not known; 1 is", shown(*schema)));
      }
    }
    if (const auto id = root.find(kId); id != root.end() && id->is_string()) {
      out_.id = id->get_ref<const std::string&>().substr(0, kUnsIdBytesMax);
    }
    const json* sequence = find(root, kSequenceKeys);
    if (sequence != nullptr && sequence->is_number_unsigned()) out_.sequence = sequence->get<std::uint64_t>();
    return {};
  }

  void take(const json& node, const std::string& field, const Context& outer, int depth) {
    if (depth > kUnsDepthMax) return tell(field, fmt::format("more than {} levels deep", kUnsDepthMax));
    if (node.is_array()) return take_array(node, field, outer, depth);
    if (!node.is_object()) return put(node, field, outer);
    Context context = outer;
    if (!read_context(node, field, context)) return;
    if (const json* value = find(node, kValueKeys)) {
      if (value->is_structured()) return tell(field, "its value is no number, text, true, false or null");
      return put(*value, field, context);
    }
    for (const auto& [key, child] : node.items()) {
      if (is_envelope(key, depth)) continue;
      take(child, field.empty() ? key : field + "/" + key, context, depth + 1);
    }
  }

  void take_array(const json& node, const std::string& field, const Context& outer, int depth) {
    for (const json& one : node) {
      if (!one.is_object()) return tell(field, "a list of bare values; each needs its time: {\"v\": …, \"t\": …}");
      take(one, field, outer, depth + 1);
    }
  }

  static bool is_envelope(std::string_view key, int depth) {
    if (is_one_of(key, kTimeKeys) || is_one_of(key, kQualityKeys)) return true;
    return depth == 0 && (key == kId || is_one_of(key, kSequenceKeys) || is_one_of(key, kSchemaKeys));
  }

  bool read_context(const json& node, const std::string& field, Context& context) {
    if (const json* time = find(node, kTimeKeys)) {
      context.time = to_time(*time, times_);
      if (!context.time) return tell(field, fmt::format("{} is no time", shown(*time))), false;
    }
    if (const json* quality = find(node, kQualityKeys)) {
      const auto read = to_quality(*quality);
      if (!read) return tell(field, fmt::format("{} is no quality", shown(*quality))), false;
      context.quality = *read;
    }
    return true;
  }

  void put(const json& value, const std::string& field, const Context& context) {
    if (out_.readings.size() >= kUnsReadingsMax) {
      return tell(field, fmt::format("more than {} readings", kUnsReadingsMax));
    }
    out_.readings.push_back({field, to_value(value), context.quality, context.time});
  }

  static UnsValue to_value(const json& value) {
    if (value.is_null()) return std::monostate{};
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_string()) return value.get_ref<const std::string&>();
    const bool beyond = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
    if (value.is_number_integer() && !beyond) return value.get<std::int64_t>();
    return value.get<double>();
  }

  void tell(const std::string& field, std::string_view what) {
    ++out_.problem_count;
    if (out_.problems.size() >= kUnsProblemsTold) return;
    out_.problems.push_back(field.empty() ? std::string(what) : fmt::format("'{}': {}", field.substr(0, 80), what));
  }

  const UnsTime times_;
  UnsMessage& out_;
};

// What most messages are: a number, or {"v": number, "t": whole number, "q": whole number, "seq": whole number} in any
// order. Reads them without a tree of JSON; of all else it takes nothing, and says so.
class FlatReader {
 public:
  FlatReader(std::string_view text, UnsTime times) : text_(text), times_(times) {}

  bool take(UnsMessage& out) {
    skip();
    if (!(peek() == '{' ? object() : number(value_))) return false;
    skip();
    if (at_ != text_.size() || std::holds_alternative<std::monostate>(value_)) return false;
    out.readings.push_back({{}, std::move(value_), quality_.value_or(core::kGood), time_});
    out.sequence = sequence_;
    return true;
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
  }
  bool eat(char wanted) {
    skip();
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  bool object() {
    ++at_;
    do {
      if (!eat('"')) return false;
      const std::size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) return false;
      const std::string_view key = text_.substr(at_, end - at_);
      at_ = end + 1;
      if (!eat(':')) return false;
      skip();
      if (!member(key)) return false;
    } while (eat(','));
    return eat('}');
  }

  // What is there twice, under whatever name, is not for here.
  bool member(std::string_view key) {
    if (is_one_of(key, kValueKeys)) return std::holds_alternative<std::monostate>(value_) && number(value_);
    UnsValue number_here;
    if (!number(number_here)) return false;
    const auto* whole = std::get_if<std::int64_t>(&number_here);
    if (whole == nullptr) return false;
    if (is_one_of(key, kTimeKeys)) return !time_ && (time_ = to_time(*whole, times_)).has_value();
    if (*whole < 0) return false;
    const auto natural = static_cast<std::uint64_t>(*whole);
    if (is_one_of(key, kQualityKeys)) return !quality_ && (quality_ = to_quality(natural)).has_value();
    if (!is_one_of(key, kSequenceKeys) || sequence_) return false;
    sequence_ = natural;
    return true;
  }

  // By JSON's grammar: from_chars alone would take more.
  bool number(UnsValue& value) {
    const std::size_t first = at_;
    const auto digits = [this] {
      const std::size_t from = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      return at_ - from;
    };
    if (peek() == '-') ++at_;
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    const bool fraction = peek() == '.';
    if (fraction) ++at_;
    if (fraction && digits() == 0) return false;
    if (peek() == 'e' || peek() == 'E') return false;
    return fraction ? read<double>(first, value) : read<std::int64_t>(first, value);
  }

  template <typename T>
  bool read(std::size_t first, UnsValue& value) {
    T number{};
    const char* const end = text_.data() + at_;
    const auto done = std::from_chars(text_.data() + first, end, number);
    if (done.ec != std::errc() || done.ptr != end) return false;
    value = number;
    return true;
  }

  const std::string_view text_;
  const UnsTime times_;
  std::size_t at_ = 0;
  UnsValue value_;
  std::optional<Quality> quality_;
  std::optional<TimeNs> time_;
  std::optional<std::uint64_t> sequence_;
};

// What JSON's grammar has no word for and writers put all the same, such as Python's json.dumps: NaN and infinities are
// no data, True and False are what they say. Nothing: there is none of it.
std::optional<std::string> mended(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWords{
      {{"nan", "null"}, {"inf", "null"}, {"infinity", "null"}, {"none", "null"}, {"true", "true"}, {"false", "false"}}};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string out;
  bool changed = false;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else {
      const std::size_t first = text[at] == '-' || text[at] == '+' ? end : at;
      for (end = first; end < text.size() && is_letter(text[end]); ++end) {
      }
      const std::string word = core::lower(text.substr(first, end - first));
      const auto known = std::find_if(kWords.begin(), kWords.end(), [&](const auto& one) { return one.first == word; });
      if (known != kWords.end() && (first == at || known->second == "null")) {
        out += known->second;
        changed = true;
        at = end;
        continue;
      }
      end = std::max(end, at + 1);
    }
    out += text.substr(at, end - at);
    at = end;
  }
  return changed ? std::optional(std::move(out)) : std::nullopt;
}

json parse(std::string_view payload) {
  try {
    return json::parse(payload);
  } catch (const json::parse_error&) {
    const auto again = mended(payload);
    json root = again ? json::parse(*again, nullptr, false) : json(json::value_t::discarded);
    if (root.is_discarded()) throw;  // of what it came as
    return root;
  }
}

}  // namespace

core::Result<UnsMessage> parse_uns(std::string_view payload, UnsTime times) {
  UnsMessage message;
  if (FlatReader(payload, times).take(message)) return message;
  try {
    const json root = parse(payload);
    if (auto taken = Reader(times, message).take_all(root); !taken) return core::unexpected(taken.error());
  } catch (const json::exception& error) {
    std::string_view why = error.what();  // "[json.exception.parse_error.101] parse error at …"
    if (const auto end = why.find("] "); end != std::string_view::npos) why.remove_prefix(end + 2);
    return core::unexpected(ErrorCode::kInvalid, fmt::format("no JSON: {}", why.substr(0, 200)));
  }
  return message;
}

}  // namespace millwright::protocol

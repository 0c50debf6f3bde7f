#include "registry/yaml_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <nlohmann/json.hpp>

#include "core/text.hpp"

namespace millwright::registry {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLineMax = 100;  // of a list or mapping on one line

bool reads_as_text(const std::string& text) {
  static constexpr std::array<std::string_view, 12> kWords{"true", "false", "null", "yes", "no", "on",
                                                           "off",  "y",     "n",    "~",   "-",  "?"};
  if (text.empty() || core::parse_double(text) || text.front() == ' ' || text.back() == ' ') return false;
  if (std::find(kWords.begin(), kWords.end(), core::lower(text)) != kWords.end()) return false;
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 || c == '/' || c == '_' || c == '.';
  };
  const auto inside = [&](unsigned char c) {
    return plain(c) || c == '-' || c == ' ' || c == '(' || c == ')' || c == '+';
  };
  return plain(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return inside(static_cast<unsigned char>(c)); });
}

std::string scalar(const Json& json) {
  if (json.is_string() && reads_as_text(json.get_ref<const std::string&>())) return json.get<std::string>();
  return json.dump();  // YAML reads JSON's quotes and numbers
}

std::string key_text(const std::string& key) {
  const bool digits =
      !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isdigit(c); });
  return digits ? key : scalar(Json(key));
}

// On one line, "" where it holds more than scalars.
std::string flow(const Json& json) {
  std::string out;
  for (const auto& [key, value] : json.items()) {
    if (value.is_structured()) return {};
    out += (out.empty() ? "" : ", ") + (json.is_object() ? key_text(key) + ": " : "") + scalar(value);
  }
  return (json.is_object() ? "{" : "[") + out + (json.is_object() ? "}" : "]");
}

void write(const Json& json, const std::string& indent, std::string& out);

// What follows a key or a dash.
void write_value(const Json& value, const std::string& indent, bool in_list, std::string& out) {
  if (!value.is_structured()) {
    out += scalar(value) + "\n";
    return;
  }
  const std::string line = flow(value);
  // Objects of a list are what people edit: a line a member.
  if (!line.empty() && line.size() + indent.size() <= kLineMax && !(in_list && value.is_object())) {
    out += line + "\n";
    return;
  }
  if (!in_list) out += "\n";
  std::string inner;
  write(value, indent + "  ", inner);
  out += in_list ? inner.substr(indent.size() + 2) : inner;
}

void write(const Json& json, const std::string& indent, std::string& out) {
  for (const auto& [key, value] : json.items()) {
    out += indent + (json.is_object() ? key_text(key) + ":" : "-");
    const bool nested = value.is_structured() && json.is_object() && flow(value).empty();
    if (!nested) out += " ";
    write_value(value, indent, json.is_array(), out);
  }
}

}  // namespace

std::string yaml_text(const Json& json) {
  std::string out;
  write(json, "", out);
  return out;
}

}  // namespace millwright::registry

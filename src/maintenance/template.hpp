// Template: a text with fields, as a plant's file gives it for an ERP that no connector knows:
//   {{reference}}        the field, escaped for where it stands: inside of a JSON text, or in a URL
//   {{json:evidence}}    the field as a whole JSON value (bodies only): a text in quotes, a number, an object, null
//
// Threads: values. Errors: kInvalid, with the field and the nearest that exists.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/result.hpp"
#include "maintenance/work_order.hpp"

namespace millwright::maintenance {

enum class Escape { kJson, kUrl };

// What templates may name.
using Fields = std::map<std::string, nlohmann::json, std::less<>>;
// Of an order, with the equipment's number in the ERP.
Fields fields_of(const WorkOrder& order, const std::string& equipment);

class Template {
 public:
  static core::Result<Template> parse(std::string_view text, Escape escape);
  [[nodiscard]] std::string render(const Fields& fields) const;

 private:
  struct Part {
    std::string literal;
    std::string field{};  // "": a literal
    bool as_json = false;
  };
  Escape escape_ = Escape::kJson;
  std::vector<Part> parts_;
};

}  // namespace millwright::maintenance

// Address templates: "{machine}.{component}.{sensor}". Private to asset.
//
// A sensor of the machine itself has no component: "{component}" and the one character after it are then left out.
// "{{" and "}}" stand for the braces themselves.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace millwright::asset {

struct AddressParts {
  const std::array<std::string, 5>& hierarchy;
  std::string_view machine;
  std::string_view component;
  std::string_view sensor;
};

class AddressTemplate {
 public:
  // "{machine}.{component}.{sensor}"
  static const AddressTemplate& standard();
  static core::Result<AddressTemplate> parse(std::string_view text);
  // A text that is used as it stands.
  static AddressTemplate literal(std::string text);

  [[nodiscard]] std::string expand(std::string_view prefix, const AddressParts& parts) const;
  [[nodiscard]] bool is_literal() const { return literal_; }

 private:
  enum class Part { kText, kEnterprise, kSite, kArea, kLine, kCell, kMachine, kComponent, kSensor };
  struct Piece {
    Part part = Part::kText;
    std::string text;
  };
  std::vector<Piece> pieces_;
  bool literal_ = false;
};

}  // namespace millwright::asset

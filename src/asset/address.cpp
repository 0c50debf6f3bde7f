#include "asset/address.hpp"

#include <fmt/format.h>

#include "core/assert.hpp"
#include "core/text.hpp"

namespace millwright::asset {

namespace {

// In the order of AddressTemplate::Part, from kEnterprise on.
constexpr std::array<std::string_view, 8> kNames{"enterprise", "site",    "area",      "line",
                                                 "cell",       "machine", "component", "sensor"};

}  // namespace

const AddressTemplate& AddressTemplate::standard() {
  static const AddressTemplate kStandard = parse("{machine}.{component}.{sensor}").value();
  return kStandard;
}

AddressTemplate AddressTemplate::literal(std::string text) {
  AddressTemplate address;
  address.literal_ = true;
  address.pieces_.push_back({Part::kText, std::move(text)});
  return address;
}

core::Result<AddressTemplate> AddressTemplate::parse(std::string_view text) {
  AddressTemplate address;
  std::string run;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c)
      ++i;  // doubled: the brace itself
    else if (c == '}')
      return core::unexpected(core::ErrorCode::kInvalid, "a '}' without its '{'; write }} for the brace");
    else if (c == '{') {
      const auto end = text.find('}', i);
      if (end == std::string_view::npos) {
        return core::unexpected(core::ErrorCode::kInvalid, "a '{' without its '}'; write {{ for the brace");
      }
      const std::string_view name = text.substr(i + 1, end - i - 1);
      std::size_t known = 0;
      while (known < kNames.size() && kNames[known] != name) ++known;
      if (known == kNames.size()) {
        return core::unexpected(core::ErrorCode::kInvalid,
                                fmt::format("'{{{}}}' stands for nothing{}", name, core::did_you_mean(name, kNames)));
      }
      if (!run.empty()) address.pieces_.push_back({Part::kText, std::move(run)});
      run.clear();
      address.pieces_.push_back({static_cast<Part>(known + 1), {}});
      i = end;
      continue;
    }
    run += c;
  }
  if (!run.empty()) address.pieces_.push_back({Part::kText, std::move(run)});
  return address;
}

std::string AddressTemplate::expand(std::string_view prefix, const AddressParts& parts) const {
  std::string out(literal_ ? "" : prefix);
  bool skip_one = false;  // the separator after a component that is not there
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::kText:
        out += std::string_view(piece.text).substr(skip_one ? 1 : 0);
        break;
      case Part::kMachine:
        out += parts.machine;
        break;
      case Part::kComponent:
        out += parts.component;
        break;
      case Part::kSensor:
        out += parts.sensor;
        break;
      default:
        out += parts.hierarchy[static_cast<std::size_t>(piece.part) - 1];
        break;
    }
    skip_one = piece.part == Part::kComponent && parts.component.empty();
  }
  return out;
}

}  // namespace millwright::asset

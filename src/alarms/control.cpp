#include "alarms/control.hpp"

#include "core/text.hpp"

namespace millwright::alarms {
namespace {

core::TimeNs end_of(const Control& control) {
  return control.until != 0 ? control.until : INT64_MAX;
}

}  // namespace

void ControlBook::put(const Control& control) {
  if (control.released) {
    by_id_.erase(control.id);
  } else {
    by_id_.insert_or_assign(control.id, control);
  }
}

const Control* ControlBook::find(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() ? &found->second : nullptr;
}

std::vector<Control> ControlBook::all() const {
  std::vector<Control> controls;
  for (const auto& [id, control] : by_id_) controls.push_back(control);
  return controls;
}

const Control* ControlBook::effect(std::string_view condition) const {
  const Control* strongest = nullptr;
  for (const auto& [id, control] : by_id_) {
    if (control.match != condition && !core::glob_match(control.match, condition)) continue;
    const bool stronger = strongest == nullptr || control.kind > strongest->kind ||
                          (control.kind == strongest->kind && end_of(control) > end_of(*strongest));
    if (stronger) strongest = &control;
  }
  return strongest;
}

std::vector<Control> ControlBook::expired(core::TimeNs now) const {
  std::vector<Control> over;
  for (const auto& [id, control] : by_id_) {
    if (control.until != 0 && control.until <= now) over.push_back(control);
  }
  return over;
}

}  // namespace millwright::alarms

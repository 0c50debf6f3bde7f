#include "analytics/reasons.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"

namespace millwright::analytics {

using asset::Activity;

Reasons Reasons::usual() {
  Reasons tree;
  const auto add = [&](Activity counts_as, std::vector<std::pair<const char*, const char*>> group) {
    const std::string parent = group.front().first;
    for (const auto& [code, name] : group) tree.all_.push_back({code, name, code == parent ? "" : parent, counts_as});
  };
  add(Activity::kDown, {{"failure", "Failure"},
                        {"mechanical", "Mechanical"},
                        {"electrical", "Electrical"},
                        {"controls", "Controls and sensors"},
                        {"tooling", "Tooling"}});
  add(Activity::kIdle, {{"waiting", "Waiting"},
                        {"no-material", "No material"},
                        {"no-operator", "No operator"},
                        {"blocked", "Blocked downstream"},
                        {"quality-hold", "Quality hold"}});
  add(Activity::kSetup,
      {{"setup", "Setup"}, {"changeover", "Changeover"}, {"adjustment", "Adjustment"}, {"warm-up", "Warming up"}});
  add(Activity::kPlannedStop, {{"planned", "Planned stop"},
                               {"planned-maintenance", "Planned maintenance"},
                               {"cleaning", "Cleaning"},
                               {"meeting", "Meeting or training"},
                               {"no-order", "No order"}});
  return tree;
}

void Reasons::read_level(config::Section& section, const Reason* parent, int depth) {
  for (config::Section& entry : section.sections("reasons")) {
    Reason reason;
    reason.code = entry.text("code", {.fallback = {}, .length_max = 63});
    if (entry.has("code") && !core::is_asset_name(reason.code)) {
      entry.problem("code", fmt::format("'{}' is no code: lower-case letters, digits and single hyphens", reason.code));
    }
    if (find(reason.code)) entry.problem("code", fmt::format("'{}' is given twice", reason.code));
    reason.name = entry.text("name", {.fallback = reason.code, .length_max = 200});
    // Running is none of them.
    constexpr auto kStops = std::span(asset::kActivityNames).subspan(1);
    const auto inherited =
        parent == nullptr ? std::nullopt : std::optional(static_cast<std::size_t>(parent->counts_as) - 1);
    reason.counts_as = static_cast<Activity>(entry.choice("counts_as", kStops, inherited) + 1);
    if (parent != nullptr) reason.parent = parent->code;
    all_.push_back(reason);
    if (depth < kReasonDepthMax) {
      read_level(entry, &reason, depth + 1);
    } else if (entry.has("reasons")) {
      entry.problem("reasons", fmt::format("more than {} levels", kReasonDepthMax));
    }
    entry.finish();
  }
}

Reasons Reasons::read(config::Section& section) {
  if (!section.has("reasons")) return usual();
  Reasons tree;
  tree.read_level(section, nullptr, 1);
  if (tree.all_.size() > kReasonsMax) section.problem("reasons", fmt::format("more than {}", kReasonsMax));
  return tree;
}

core::Result<Reason> Reasons::find(std::string_view code) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Reason& reason) { return reason.code == code; });
  if (found != all_.end()) return *found;
  std::vector<std::string_view> codes;
  for (const Reason& reason : all_) codes.push_back(reason.code);
  return core::unexpected(core::ErrorCode::kInvalid,
                          fmt::format("there is no reason '{}'{}; there are {}", code, core::did_you_mean(code, codes),
                                      fmt::join(codes, ", ")));
}

}  // namespace millwright::analytics

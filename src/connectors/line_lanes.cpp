#include "connectors/line_lanes.hpp"

#include <utility>

#include <fmt/format.h>

namespace millwright::connectors {

LineLanes::LineLanes(const LineTargets& targets, const ConnectorContext& context, Intake& intake, std::string prefix)
    : targets_(targets), context_(context), intake_(intake), prefix_(std::move(prefix)) {}

std::unique_ptr<LineLane> LineLanes::take() {
  core::MutexLock lock(mutex_);
  if (free_.empty()) {
    return std::make_unique<LineLane>(targets_, context_, intake_, fmt::format("{}{}", prefix_, made_++));
  }
  auto lane = std::move(free_.back());
  free_.pop_back();
  return lane;
}

void LineLanes::give_back(std::unique_ptr<LineLane> lane) {
  core::MutexLock lock(mutex_);
  free_.push_back(std::move(lane));
}

}  // namespace millwright::connectors

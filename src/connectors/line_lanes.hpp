// LineLanes: the lanes of a connector that takes line protocol, for who needs one for a while. A lane is a source of
// its own, "<connector>/<prefix><number>"; there are as many as were in use at the same time.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "connectors/line_lane.hpp"
#include "core/mutex.hpp"

namespace millwright::connectors {

class LineLanes {
 public:
  // All of them outlive it.
  LineLanes(const LineTargets& targets, const ConnectorContext& context, Intake& intake, std::string prefix);

  std::unique_ptr<LineLane> take() EXCLUDES(mutex_);
  void give_back(std::unique_ptr<LineLane> lane) EXCLUDES(mutex_);

 private:
  const LineTargets& targets_;
  const ConnectorContext& context_;
  Intake& intake_;
  const std::string prefix_;
  core::Mutex mutex_;
  std::vector<std::unique_ptr<LineLane>> free_ GUARDED_BY(mutex_);
  std::size_t made_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millwright::connectors

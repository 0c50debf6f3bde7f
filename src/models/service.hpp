// Service: the models of a running plant, as its faces see them: which there are, which machine is judged by which, and
// the orders to change that.
//
// Threads: all of it from any thread; deploying takes as long as building a detector for each machine, and never holds
// up a shard. Errors: kNotFound, kConflict (nothing to go back to; the same name and version with other content),
// kInvalid (why a bundle is refused; what runs is untouched), kUnsupported, kFull, kIo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "models/bundle.hpp"

namespace millwright::models {

struct ModelInfo {
  std::string id = {};  // "pump-pca@1.2.0"
  std::string sha256 = {};
  std::string key = {};      // who signed it; "": nobody
  std::string problem = {};  // why it can no longer be used; "": it can
  Bundle bundle = {};        // without what it has learnt and without its test; empty where it has a problem
  std::vector<std::string> active_on = {};
  std::vector<std::string> shadow_on = {};
};

// What a model has done on a machine since it was put there, or since the start.
struct Activity {
  std::string model = {};    // id
  std::string problem = {};  // why it does not judge; "": it does
  std::uint64_t rows = 0;
  std::uint64_t alarm_rows = 0;
  std::uint64_t late = 0;  // readings that came after their row
  bool in_alarm = false;
  double score = 0;  // of the last row; 1 is the limit
  core::TimeNs last_row = 0;
};

struct Disagreement {
  std::uint64_t rows = 0;       // that both have judged
  std::uint64_t different = 0;  // of them: one alarms, the other does not
  core::TimeNs last = 0;        // 0: never
};

struct MachineModel {
  std::string machine = {};
  std::optional<Activity> active = {};
  std::string previous = {};  // what a rollback would put back; "": nothing
  std::optional<Activity> shadow = {};
  Disagreement disagreement = {};
};

enum class Mode : std::uint8_t {
  kActive,  // judges and alarms; what did so before is kept for a rollback
  kShadow,  // scores beside the active one, is counted, never alarms
  kNone,    // nothing judges; what did is kept for a rollback
};

class Service {
 public:
  virtual ~Service() = default;

  // Keeps a bundle that passes every check. One that is there already is no error.
  virtual core::Result<ModelInfo> add(std::string_view file) = 0;
  [[nodiscard]] virtual std::vector<ModelInfo> list() const = 0;
  // Puts a model on a machine (by name or path), or on all of its machine type where that is "". All or none.
  // `model` is of no account for kNone, which needs a machine.
  virtual core::Result<std::vector<MachineModel>> deploy(std::string_view machine, std::string_view model,
                                                         Mode mode) = 0;
  virtual core::Result<MachineModel> rollback(std::string_view machine) = 0;
  [[nodiscard]] virtual core::Result<MachineModel> find(std::string_view machine) const = 0;
};

}  // namespace millwright::models

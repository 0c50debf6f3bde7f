// A plant's history for a command: its data folder, while the plant is stopped, or a running plant's REST interface.
//
// Threads: one owner. Errors: kConflict where the plant runs, with what to do then.
#pragma once

#include <memory>
#include <string>

#include "core/result.hpp"
#include "engine/engine.hpp"
#include "history/source.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "plant_config.hpp"

namespace millwright::app {

class HistoryPlant {
 public:
  // For reading. Where `url` is given, `file` is not looked at.
  static core::Result<std::unique_ptr<HistoryPlant>> open(const std::string& file, const std::string& url);
  // For imports: the engine runs, without detection, on a model that changes nothing (history::import_model).
  static core::Result<std::unique_ptr<HistoryPlant>> open_for_import(const std::string& file);

  [[nodiscard]] history::Source& source() { return *source_; }
  [[nodiscard]] const asset::Model& model() const { return source_->model(); }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }  // not of a remote one
  [[nodiscard]] const io::Clock& clock() const { return clock_; }

 private:
  HistoryPlant() = default;
  core::Status open_engine(const std::string& file, bool import);

  io::RealClock clock_;
  io::RealFileSystem files_;
  PlantConfig config_;
  std::unique_ptr<asset::Model> import_model_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<history::Source> source_;
};

}  // namespace millwright::app

// Engine: a node without its faces: pipeline, detection, live table, history, alarms, group commit, wired together.
// `millwright run` adds connectors and servers; `millwright bench` adds a source of its own.
//
// Threads: open, start and stop from one thread; the parts it hands out have rules of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "alarms/alarm_manager.hpp"
#include "asset/model.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "engine/detect_stage.hpp"
#include "engine/limit_store.hpp"
#include "engine/model_manager.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "journal/group_commit.hpp"
#include "journal/journal.hpp"
#include "pipeline/live_table.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::engine {

struct EngineOptions {
  std::string data_directory;
  std::size_t shards = 0;  // 0: one a core, at most 8
  core::DurationNs commit_interval = 100 * core::kMillisecond;
  DetectionOptions detection;
  ModelOptions models;
  alarms::AlarmOptions alarms;
  historian::HistorianOptions history;  // its directory is set by the engine
};

class Engine {
 public:
  // Locks and recovers the data folder. `model`, `clock` and `files` outlive the engine.
  static core::Result<std::unique_ptr<Engine>> open(const asset::Model& model, io::Clock& clock, io::FileSystem& files,
                                                    EngineOptions options);
  ~Engine();

  void start();
  // Before the sources are stopped: where the disk is full and so everybody waits, what cannot be written is let go (it
  // was never acknowledged), so that the stop does not wait for ever.
  void begin_stop();
  // Works off what is in the rings, commits it, ends the threads.
  void stop();

  [[nodiscard]] const asset::Model& model() const { return model_; }
  pipeline::Pipeline& pipeline() { return *pipeline_; }
  pipeline::Sources& sources() { return sources_; }
  pipeline::LiveTable& live() { return live_; }
  historian::Historian& history() { return *historian_; }
  alarms::AlarmManager& alarms() { return *alarms_; }
  [[nodiscard]] const journal::Journal& alarm_journal() const { return *alarm_journal_; }
  // Before start(). Called each time changes of alarms have become durable; must not block.
  void on_alarms_durable(std::function<void()> told) { alarms_durable_ = std::move(told); }
  models::Service& models() { return *models_; }
  core::Metrics& metrics() { return metrics_; }
  // The control charts of a machine, and to learn some of them anew; from any thread.
  [[nodiscard]] std::vector<ChartView> charts(core::MachineId machine) const;
  std::size_t relearn(const RelearnRequest& request);
  // Whether nothing stands in the way of doing the job; else why not.
  [[nodiscard]] core::Status health() const;

 private:
  Engine(const asset::Model& model, io::Clock& clock, io::FileSystem& files, EngineOptions options,
         io::DirectoryLock lock);
  core::Status set_up();
  [[nodiscard]] DetectStage* detection_of(core::MachineId machine) const;  // nullptr: a machine without sensors
  // Until the engine stops: every 100 ms what time brings to alarms, every 5 s the learnt limits to disk.
  void keep_house();
  void save_limits();
  bool wait_for_housekeeping();  // false: the engine stops

  const asset::Model& model_;
  io::Clock& clock_;
  io::FileSystem& files_;
  EngineOptions options_;
  io::DirectoryLock lock_;
  core::Metrics metrics_;
  pipeline::Sources sources_;
  pipeline::LiveTable live_;
  LimitStore limits_;
  std::unique_ptr<journal::Journal> alarm_journal_;
  std::unique_ptr<alarms::AlarmManager> alarms_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::vector<DetectStage*> detection_;  // by shard; the pipeline's
  std::unique_ptr<ModelManager> models_;
  std::unique_ptr<historian::Historian> historian_;
  std::function<void()> alarms_durable_;
  std::unique_ptr<journal::GroupCommit> commit_;
  std::unique_ptr<journal::GroupCommit>
      alarm_commit_;  // of its own: outputs wait for it, so it never waits for history
  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread housekeeping_;
};

}  // namespace millwright::engine

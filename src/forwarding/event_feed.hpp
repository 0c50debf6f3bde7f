// EventFeed: the events of a source, such as the changes of alarms, from a cursor on. Format:
// docs/format/alarm-events.md.
//
// Threads: as a Feed.
#pragma once

#include <memory>
#include <string>

#include "core/mutex.hpp"
#include "forwarding/cursor.hpp"
#include "forwarding/feed.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"

namespace millwright::forwarding {

class EventFeed final : public Feed {
 public:
  // Goes on where the run before stopped, by the cursor in `directory`, which is made; without one with what comes from
  // now on. `source` and `files` outlive it; `name` is for the log.
  static core::Result<std::unique_ptr<Feed>> open(const EventSource& source, io::FileSystem& files,
                                                  const io::Clock& clock, const std::string& directory,
                                                  const std::string& name);

  core::Result<Batch> next() override;
  void pass(const Event& event) override;
  void done() override;
  core::Status keep(When when) override;
  [[nodiscard]] Backlog backlog() const override;
  [[nodiscard]] std::string_view unit() const override { return "events"; }

 private:
  EventFeed(const EventSource& source, io::FileSystem& files, std::string path)
      : source_(source), files_(files), path_(std::move(path)) {}
  core::Status find_place(const io::Clock& clock, const std::string& name);
  void tell();

  const EventSource& source_;
  io::FileSystem& files_;
  const std::string path_;
  Cursor cursor_;
  Position kept_;
  Position end_;  // of the batch
  mutable core::Mutex mutex_;
  std::uint64_t told_id_ GUARDED_BY(mutex_) = 0;  // of the cursor, for backlog()
};

}  // namespace millwright::forwarding

#include "forwarding/event_feed.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/log.hpp"

namespace millwright::forwarding {
namespace {

using core::MutexLock;

constexpr std::size_t kBatch = 256;
constexpr core::DurationNs kIdle = 5 * core::kSecond;  // between looks at a connection that has nothing to do

}  // namespace

core::Result<std::unique_ptr<Feed>> EventFeed::open(const EventSource& source, io::FileSystem& files,
                                                    const io::Clock& clock, const std::string& directory,
                                                    const std::string& name) {
  if (auto made = files.make_directories(directory); !made) return core::unexpected(made.error());
  std::unique_ptr<EventFeed> feed(new EventFeed(source, files, directory + "/cursor.json"));
  if (auto found = feed->find_place(clock, name); !found) return core::unexpected(found.error());
  return std::unique_ptr<Feed>(std::move(feed));
}

// Where the run before stopped; at the end, where there was none; at the beginning, where nobody knows any more.
core::Status EventFeed::find_place(const io::Clock& clock, const std::string& name) {
  const Position newest = source_.newest();
  const auto now_ms = static_cast<std::uint64_t>(clock.now() / core::kMillisecond);
  const auto known = load_cursor(files_, path_);
  if (known && *known && (*known)->position.sequence <= newest.sequence && (*known)->position.id <= newest.id) {
    cursor_ = **known;
  } else if (known && *known) {
    core::logger("outputs")->warn(
        "{}: the journal is not the one that was followed before; beginning with what comes from now on", name);
    cursor_ = {.epoch = std::max(now_ms, (*known)->epoch + 1), .position = newest};
  } else if (known) {
    cursor_ = {.epoch = now_ms, .position = newest};
  } else if (known.error().code == core::ErrorCode::kCorrupt) {
    core::logger("outputs")->error("{}: {}; all that the journal has is sent again", name, known.error().message);
    cursor_ = {.epoch = now_ms, .position = {}};
  } else {
    return core::unexpected(known.error());
  }
  tell();
  kept_ = cursor_.position;
  return save_cursor(files_, path_, cursor_);
}

core::Result<Feed::Batch> EventFeed::next() {
  auto read = source_.read(cursor_.position, kBatch);
  if (!read) return core::unexpected(read.error());
  end_ = read->end;
  Batch batch;
  batch.wait = read->events.empty() ? kIdle : 0;
  batch.events = std::move(read->events);
  for (Event& event : batch.events) event.key = fmt::format("{}-{}", cursor_.epoch, event.id);
  return batch;
}

void EventFeed::pass(const Event& event) {
  cursor_.position = {event.sequence, event.id};
  tell();
}

void EventFeed::done() {
  cursor_.position = end_;
  tell();
}

core::Status EventFeed::keep(When) {
  if (kept_ == cursor_.position) return {};
  if (auto saved = save_cursor(files_, path_, cursor_); !saved) return saved;
  kept_ = cursor_.position;
  return {};
}

void EventFeed::tell() {
  MutexLock lock(mutex_);
  told_id_ = cursor_.position.id;
}

Backlog EventFeed::backlog() const {
  const std::uint64_t newest = source_.newest().id;
  MutexLock lock(mutex_);
  return {.count = newest > told_id_ ? newest - told_id_ : 0};
}

}  // namespace millwright::forwarding

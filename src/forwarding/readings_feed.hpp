// ReadingsFeed: what the history records, as rows for a receiver, live first: after an outage what is live goes at
// once, and the backlog behind it, the oldest first, at a rate of its own. Order per sensor is kept within each of the
// two.
//
//   next() reads what is new in all logs; only where there is nothing, a piece of the backlog. Live data that is older
//   than `live_age` when its turn comes has become backlog: that is an outage, or a receiver that is too slow.
//   Events: the rows of one machine together, at most some 256 KiB.
//
// In the tier of seconds it sends, in place of readings, the roll-ups of the seconds that they are in, once those have
// had time to become whole.
//
// Threads: as a Feed. Memory: some 4 MiB of rows at a time, and what is known of each sensor.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/mutex.hpp"
#include "forwarding/feed.hpp"
#include "forwarding/reading_rows.hpp"
#include "forwarding/reading_rules.hpp"
#include "forwarding/readings_cursor.hpp"
#include "forwarding/second_rollups.hpp"
#include "historian/follower.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"

namespace millwright::forwarding {

enum class Tier : std::uint8_t { kRaw, kSecond };

struct ReadingsOptions {
  Tier tier = Tier::kRaw;
  std::vector<SensorRule> rules;
  core::DurationNs live_age = 5 * core::kSecond;
  std::uint64_t backlog_rate = 0;  // readings/s; 0: as fast as it goes
};
// Reads `sensors`, `live_age` and `backlog_rate`.
ReadingsOptions read_readings_options(config::Section& section);

class ReadingsFeed final : public Feed {
 public:
  struct Context {
    io::FileSystem& files;
    const io::Clock& clock;
    std::string directory;                   // its own; is made
    std::string name;                        // of the output, for the log
    std::string stream;                      // the plant's name, the first part of each stream's
    const SecondRollups* seconds = nullptr;  // of Tier::kSecond; outlives the feed
  };
  // Goes on where the run before stopped; without a cursor with what comes from now on.
  static core::Result<std::unique_ptr<Feed>> open(ReadingsOptions options,
                                                  std::unique_ptr<historian::Follower> follower,
                                                  std::unique_ptr<RowFormat> format, const Context& context);

  core::Result<Batch> next() override;
  void pass(const Event&) override {}  // the batch counts as a whole
  void done() override;
  core::Status keep(When when) override;
  [[nodiscard]] Backlog backlog() const override;
  [[nodiscard]] std::string_view unit() const override { return "records of readings"; }

 private:
  using Place = historian::Follower::Place;
  enum class Kind : std::uint8_t { kLive, kBacklog };
  struct Log {
    Place live;
    Place backlog;  // in the first range
    std::string stream;
    struct End {
      core::TimeNs time = 0;  // monotonic
      journal::Sequence end = 0;
    };
    std::deque<End> ends{};  // how far the log had come, of late
  };
  struct Move {  // what the batch moves once it is dealt with
    std::size_t log = 0;
    Kind kind = Kind::kLive;
    Place place;
  };
  struct Channel {
    ReadingSeries series;
    SensorRule rule;
    std::size_t machine = 0;
    ReadingFilter filter[2];                       // by Kind
    std::optional<SecondRollups::Sensor> seconds;  // of Tier::kSecond
  };
  static constexpr std::size_t kNone = SIZE_MAX;

  ReadingsFeed(ReadingsOptions options, std::unique_ptr<historian::Follower> follower,
               std::unique_ptr<RowFormat> format, const Context& context);
  core::Status find_place();
  void begin_at_end(std::uint64_t epoch);
  core::Status read_live();
  core::Status read_backlog();
  core::Status read(std::size_t log, Kind kind, Place place, journal::Sequence to);
  void defer(std::size_t log, core::DurationNs age);
  [[nodiscard]] bool behind() const REQUIRES(mutex_);
  bool full(Kind kind) const;
  journal::Sequence live_end(std::size_t log);
  void add(std::size_t log, Kind kind, const historian::Follower::Record& record);
  core::Status add_seconds(Kind kind);
  Channel* channel_of(historian::SeriesKey key);
  Event& event_of(Channel& channel, Kind kind);

  const ReadingsOptions options_;
  const std::unique_ptr<historian::Follower> follower_;
  const std::unique_ptr<RowFormat> format_;
  const Context context_;
  const std::string path_;
  const std::function<std::string_view(std::int32_t)> text_;
  ReadingsCursor cursor_;
  ReadingsCursor kept_;
  core::TimeNs kept_at_ = 0;
  std::vector<Log> logs_;
  std::size_t turn_ = 0;  // the log that comes first

  std::unordered_map<historian::SeriesKey, std::unique_ptr<Channel>> channels_;  // nullptr: not sent
  std::unordered_map<std::string, std::size_t> machine_numbers_;
  std::vector<std::size_t> open_events_;  // of the batch, by machine
  std::vector<Channel*> touched_;         // of the batch, in Tier::kSecond
  historian::Decoder decoder_;
  historian::DecodedBlock decoded_;
  std::vector<std::uint32_t> picked_;

  // The batch.
  std::vector<Event> events_;
  std::vector<Move> moves_;
  std::uint64_t lost_ = 0;
  std::string problem_;
  std::uint64_t rows_bytes_ = 0;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t readings_ = 0;
  core::DurationNs oldest_age_ = 0;  // of its records

  double allowance_ = 0;  // readings of the backlog that may go
  core::TimeNs allowed_at_ = 0;

  mutable core::Mutex mutex_;
  ReadingsCursor told_ GUARDED_BY(mutex_);
  core::TimeNs oldest_since_ GUARDED_BY(mutex_) = 0;  // monotonic: when what is next in the backlog was recorded
  core::TimeNs caught_up_ GUARDED_BY(mutex_) = 0;     // monotonic: when nothing waited
  double bytes_per_s_ GUARDED_BY(mutex_) = 0;
  std::uint64_t drained_ = 0;  // bytes of the backlog since drained_at_
  core::TimeNs drained_at_ = 0;
};

}  // namespace millwright::forwarding

// The journal's implementation: appending on one side, committing on the other, reading beside both.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "journal/format.hpp"
#include "journal/journal.hpp"
#include "journal/recovery.hpp"
#include "journal/scanner.hpp"
#include "journal/segment_writer.hpp"

namespace millwright::journal {

class JournalImpl final : public Journal {
 public:
  JournalImpl(io::FileSystem& files, const io::Clock& clock, std::string directory, std::uint64_t stream,
              const Options& options, Recovered recovered);
  ~JournalImpl() override;

  core::Result<Sequence> append(RecordType type, std::span<const std::byte> payload) override;
  void on_new_segment(std::function<void()> checkpoint) override { checkpoint_ = std::move(checkpoint); }
  core::Status commit() override;
  [[nodiscard]] Sequence durable() const override { return durable_.load(std::memory_order_acquire); }
  [[nodiscard]] Sequence appended() const override { return appended_.load(std::memory_order_acquire); }
  [[nodiscard]] bool disk_full() const override { return disk_full_.load(std::memory_order_acquire); }
  core::Status read(Sequence from, const Visitor& visitor,
                    const std::function<void(const Damage&)>& damaged) const override;
  core::Status read_segment(std::uint64_t segment, std::uint64_t offset, const Visitor& visitor) const override;
  [[nodiscard]] std::vector<SegmentInfo> segments() const override;
  core::Status drop_oldest() override;
  [[nodiscard]] std::uint64_t bytes() const override;

  // Recovery's last step: the copy of the tail, the cut, the mark. kFull: left for commit() to do.
  core::Status settle() EXCLUDES(commit_mutex_);

 private:
  // A segment as a reader sees it: what was committed when it asked.
  struct View {
    SegmentHeader header;
    bool readable;
    std::uint64_t limit;
    Sequence from_sequence;  // of the first record at from_offset
    std::uint64_t from_offset;
    Sequence end;  // the sequence after the segment's last
  };
  std::vector<View> views(Sequence from) const EXCLUDES(list_mutex_);
  bool listed(Sequence first) const EXCLUDES(list_mutex_);
  // True while the visitor wants more.
  core::Result<bool> read_view(const View& view, Sequence from, const Visitor& visitor,
                               const std::function<void(const Damage&)>& damaged) const;

  void begin_segment() REQUIRES(mutex_);
  Sequence frame(RecordType type, std::span<const std::byte> payload) REQUIRES(mutex_);
  void begin_piece(Sequence first, std::size_t payload_bytes) REQUIRES(mutex_);
  void frame_gaps() REQUIRES(mutex_);
  core::Error stopped_error() const EXCLUDES(list_mutex_);

  core::Status settle_locked() REQUIRES(commit_mutex_);
  core::Status keep_tail(const io::File& file, std::uint64_t from) REQUIRES(commit_mutex_);
  core::Status write_all() REQUIRES(commit_mutex_);
  void take_pending() REQUIRES(commit_mutex_) EXCLUDES(mutex_);
  void note_durable(Piece& piece) REQUIRES(commit_mutex_) EXCLUDES(mutex_, list_mutex_);
  bool make_room() REQUIRES(commit_mutex_);
  core::Status drop_oldest_locked(Gap* dropped) REQUIRES(commit_mutex_);
  void stop(const core::Error& error) EXCLUDES(list_mutex_);

  io::FileSystem& files_;
  const io::Clock& clock_;
  const std::string directory_;
  const std::uint64_t stream_;
  const Options options_;
  std::function<void()> checkpoint_;
  bool in_checkpoint_ = false;  // appending thread

  std::atomic<Sequence> durable_;
  std::atomic<Sequence> appended_;
  std::atomic<bool> disk_full_{false};
  std::atomic<bool> stopped_{false};

  // Never held during I/O: the appending thread takes it.
  mutable core::Mutex mutex_;
  std::optional<Framer> framer_ GUARDED_BY(mutex_);
  std::vector<Piece> pending_ GUARDED_BY(mutex_);
  std::uint64_t buffered_ GUARDED_BY(mutex_) = 0;                 // appended and not yet durable
  std::vector<std::vector<std::byte>> spare_ GUARDED_BY(mutex_);  // empty buffers, to be used again
  std::vector<Gap> gaps_ GUARDED_BY(mutex_);                      // to be written down

  mutable core::Mutex list_mutex_;
  std::vector<Segment> segments_ GUARDED_BY(list_mutex_);
  std::string stop_reason_ GUARDED_BY(list_mutex_);

  core::Mutex commit_mutex_;
  SegmentWriter writer_ GUARDED_BY(commit_mutex_);
  std::vector<Piece> writing_ GUARDED_BY(commit_mutex_);  // taken from pending_, not yet durable
  std::optional<Settled> unsettled_ GUARDED_BY(commit_mutex_);
};

}  // namespace millwright::journal

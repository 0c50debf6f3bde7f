#include "journal/journal.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "core/log.hpp"
#include "io/random.hpp"
#include "journal/journal_impl.hpp"

namespace millwright::journal {
namespace {

using core::ErrorCode;
using core::MutexLock;
using core::Status;

constexpr std::size_t kSparePiecesMax = 32;

// A new folder's own name must survive a power cut too. Folders further up may be another user's: as far as it goes.
Status sync_parents(io::FileSystem& files, const std::string& directory) {
  bool nearest = true;
  for (std::size_t slash = directory.rfind('/'); slash != std::string::npos && slash > 0;
       slash = directory.rfind('/', slash - 1)) {
    const Status done = files.sync_directory(directory.substr(0, slash));
    if (!done && nearest) return done;
    if (!done) break;
    nearest = false;
  }
  return {};
}

void log_report(const std::string& directory, const RecoveryReport& report) {
  const auto log = core::logger("journal");
  if (report.truncated_bytes > 0) {
    log->warn("journal {}: {} bytes of an unfinished write cut off; a copy is kept as *{}", directory,
              report.truncated_bytes, kTailSuffix);
  }
  for (const Damage& damage : report.damage) {
    log->error("journal {}: damage in {}: {}; records {} to {} are lost (0: unknown)", directory, damage.where,
               damage.reason, damage.first_lost, damage.last_lost);
  }
}

}  // namespace

core::Result<std::unique_ptr<Journal>> Journal::open(io::FileSystem& files, const io::Clock& clock,
                                                     std::string directory, std::uint64_t stream, Options options,
                                                     RecoveryReport* report) {
  RecoveryReport found;
  if (auto made = files.make_directories(directory); !made) return core::unexpected(made.error());
  auto recovered = recover(files, directory, stream, found);
  if (!recovered) return core::unexpected(recovered.error().within("opening journal " + directory));
  if (found.segments == 0) {
    if (auto synced = sync_parents(files, directory); !synced) return core::unexpected(synced.error());
  }
  log_report(directory, found);
  auto journal = std::make_unique<JournalImpl>(files, clock, directory, stream, options, std::move(*recovered));
  if (auto settled = journal->settle(); !settled && settled.error().code != ErrorCode::kFull) {
    return core::unexpected(settled.error().within("opening journal " + directory));
  }
  if (report != nullptr) *report = std::move(found);
  return std::unique_ptr<Journal>(std::move(journal));
}

JournalImpl::JournalImpl(io::FileSystem& files, const io::Clock& clock, std::string directory, std::uint64_t stream,
                         const Options& options, Recovered recovered)
    : files_(files),
      clock_(clock),
      directory_(std::move(directory)),
      stream_(stream),
      options_(options),
      // Until it is settled, nothing in the newest segment is known to be on disk.
      durable_(recovered.unsettled ? recovered.segments.back().header.first - 1 : recovered.next - 1),
      appended_(recovered.next - 1),
      segments_(std::move(recovered.segments)),
      writer_(files, directory_, options),
      unsettled_(recovered.unsettled) {}

JournalImpl::~JournalImpl() {
  MutexLock commit_lock(commit_mutex_);
  if (!stopped_ && !unsettled_ && durable() == appended()) writer_.mark_settled(durable() + 1);
}

// ---- appending ------------------------------------------------------------------------------------------------------

core::Result<Sequence> JournalImpl::append(RecordType type, std::span<const std::byte> payload) {
  ASSERT(type != 0, "record type 0 is the journal's own");
  if (payload.size() > kMaxRecordBytes) {
    return core::unexpected(ErrorCode::kInvalid, fmt::format("journal {}: a record of {} bytes; the limit is {}",
                                                             directory_, payload.size(), kMaxRecordBytes));
  }
  if (stopped_.load(std::memory_order_acquire)) return core::unexpected(stopped_error());
  bool begun = false;
  if (!in_checkpoint_) {  // a checkpoint belongs to the record that began the segment, and goes where it goes
    MutexLock lock(mutex_);
    if (buffered_ > 0 && buffered_ + payload.size() > options_.buffer_bytes) {
      return core::unexpected(ErrorCode::kFull,
                              fmt::format("journal {}: {} bytes wait to be written and the limit is {}: {}", directory_,
                                          buffered_, options_.buffer_bytes,
                                          disk_full() ? "make room on the disk" : "try again after the next commit"));
    }
    if (!framer_ || framer_->position() >= options_.segment_bytes) {
      begin_segment();
      begun = true;
    }
  }
  if (begun && checkpoint_) {
    in_checkpoint_ = true;
    checkpoint_();
    in_checkpoint_ = false;
  }
  MutexLock lock(mutex_);
  frame_gaps();
  return frame(type, payload);
}

void JournalImpl::begin_segment() {
  framer_.emplace(
      SegmentHeader{.stream = stream_, .id = io::entropy(), .first = appended() + 1, .created = clock_.now()});
}

Sequence JournalImpl::frame(RecordType type, std::span<const std::byte> payload) {
  const Sequence sequence = appended() + 1;
  if (pending_.empty() || pending_.back().segment != framer_->header() ||
      pending_.back().bytes.size() + payload.size() > kPieceBytes - kBlockBytes) {
    begin_piece(sequence, payload.size());
  }
  Piece& piece = pending_.back();
  const std::size_t before = piece.bytes.size();
  framer_->frame(type, sequence, payload, piece.bytes);
  piece.last = sequence;
  buffered_ += piece.bytes.size() - before;
  appended_.store(sequence, std::memory_order_release);
  return sequence;
}

void JournalImpl::begin_piece(Sequence first, std::size_t payload_bytes) {
  pending_.push_back(
      Piece{.segment = framer_->header(), .offset = framer_->position(), .first = first, .last = first, .bytes = {}});
  std::vector<std::byte>& bytes = pending_.back().bytes;
  if (!spare_.empty()) {
    bytes = std::move(spare_.back());
    spare_.pop_back();
    bytes.clear();
  }
  // All of its frames, with their headers and what ends blocks, fit without moving.
  bytes.reserve(std::max(kPieceBytes, payload_bytes + payload_bytes / 1024 + kBlockBytes));
}

void JournalImpl::frame_gaps() {
  for (const Gap& gap : gaps_) frame(0, encode_gap(gap));
  gaps_.clear();
}

core::Error JournalImpl::stopped_error() const {
  MutexLock lock(list_mutex_);
  return {ErrorCode::kIo, stop_reason_};
}

// ---- committing -----------------------------------------------------------------------------------------------------

Status JournalImpl::commit() {
  MutexLock lock(commit_mutex_);
  if (stopped_) return core::unexpected(stopped_error());
  Status done = write_all();
  while (!done && done.error().code == ErrorCode::kFull && make_room()) done = write_all();
  const bool full = !done && done.error().code == ErrorCode::kFull;
  disk_full_.store(full, std::memory_order_release);
  if (!done && !full) {
    stop(done.error());
    return core::unexpected(stopped_error());
  }
  return done;
}

Status JournalImpl::write_all() {
  if (auto settled = settle_locked(); !settled) return settled;
  take_pending();
  std::size_t done = 0;
  Status status;
  while (done < writing_.size()) {
    std::size_t end = done + 1;
    while (end < writing_.size() && writing_[end].segment == writing_[done].segment) ++end;
    const auto pieces = std::span(writing_).subspan(done, end - done);
    status = writer_.write(pieces);
    if (!status) break;
    for (Piece& piece : pieces) note_durable(piece);
    done = end;
  }
  writing_.erase(writing_.begin(), writing_.begin() + static_cast<std::ptrdiff_t>(done));
  return status;
}

void JournalImpl::take_pending() {
  MutexLock lock(mutex_);
  if (framer_) frame_gaps();
  for (Piece& piece : pending_) writing_.push_back(std::move(piece));
  pending_.clear();
}

void JournalImpl::note_durable(Piece& piece) {
  constexpr std::uint64_t kPlaceEveryBytes = 256 * 1024;
  {
    MutexLock lock(list_mutex_);
    if (segments_.empty() || segments_.back().header != piece.segment) {
      // A segment that was begun before a crash and got no record has the name of the one that follows.
      if (!segments_.empty() && segments_.back().header.first == piece.segment.first) segments_.pop_back();
      if (!segments_.empty()) segments_.back().closed = true;
      segments_.emplace_back().header = piece.segment;
    }
    Segment& segment = segments_.back();
    segment.bytes = piece.offset + piece.bytes.size();
    segment.last = piece.last;
    if (segment.places.empty() || piece.offset - segment.places.back().offset >= kPlaceEveryBytes) {
      segment.places.push_back({piece.first, piece.offset});
    }
  }
  durable_.store(piece.last, std::memory_order_release);
  MutexLock lock(mutex_);
  buffered_ -= piece.bytes.size();
  if (piece.bytes.capacity() == kPieceBytes && spare_.size() < kSparePiecesMax)
    spare_.push_back(std::move(piece.bytes));
}

void JournalImpl::stop(const core::Error& error) {
  {
    MutexLock lock(list_mutex_);
    stop_reason_ = fmt::format(
        "journal {} has stopped, and takes no more records until the process starts again: {}. Records after {} are "
        "not on disk; check the disk",
        directory_, error.message, durable());
    core::logger("journal")->critical(stop_reason_);
  }
  stopped_.store(true, std::memory_order_release);
}

bool JournalImpl::make_room() {
  if (options_.when_full != FullPolicy::kDropOldest) return false;
  std::uint64_t need = unsettled_ ? unsettled_->bytes : 0;
  for (const Piece& piece : writing_) need += piece.bytes.size() + kSegmentHeaderBytes;
  std::optional<Gap> gap;
  do {
    Gap dropped;
    if (!drop_oldest_locked(&dropped)) break;
    if (gap) {
      gap->last = dropped.last;
    } else {
      gap = dropped;
    }
  } while (!writer_.room_for(need));
  if (!gap) return false;
  core::logger("journal")->warn("journal {}: the disk is full; records {} to {} were dropped", directory_, gap->first,
                                gap->last);
  MutexLock lock(mutex_);
  gaps_.push_back(*gap);
  return true;
}

// ---- settling: what recovery leaves to be written -------------------------------------------------------------------

Status JournalImpl::settle() {
  MutexLock lock(commit_mutex_);
  const Status done = settle_locked();
  disk_full_.store(!done && done.error().code == ErrorCode::kFull, std::memory_order_release);
  return done;
}

Status JournalImpl::settle_locked() {
  if (!unsettled_) return {};
  const std::string path = writer_.path_of(unsettled_->segment.first);
  const auto file = files_.open(path, io::OpenMode::kRead);
  if (!file) return core::unexpected(file.error());
  if (auto kept = keep_tail(**file, unsettled_->bytes); !kept) return kept;
  if (auto settled = writer_.settle(**file, *unsettled_); !settled) return settled;
  durable_.store(unsettled_->next - 1, std::memory_order_release);
  unsettled_.reset();
  return {};
}

Status JournalImpl::keep_tail(const io::File& file, std::uint64_t from) {
  const auto size = file.size();
  if (!size) return core::unexpected(size.error());
  if (*size <= from) return {};
  if (auto room = writer_.room_for(*size - from); !room) return room;
  std::vector<std::byte> tail(*size - from);
  const auto n = file.read_at(from, tail);
  if (!n) return core::unexpected(n.error());
  tail.resize(*n);
  return io::write_file_atomically(files_, writer_.path_of(unsettled_->segment.first) + std::string(kTailSuffix), tail);
}

}  // namespace millwright::journal

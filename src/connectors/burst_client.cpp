#include "connectors/burst_client.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/assert.hpp"

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using core::DurationNs;
using core::ErrorCode;
using core::kMillisecond;
using core::kSecond;
using core::MutexLock;
using core::unexpected;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kWriteBytes = 256 * 1024;  // gathered into one write
constexpr std::size_t kSpareBuffers = 64;
constexpr std::size_t kDeclareBytes = 256 * 1024;  // of one declare message
constexpr DurationNs kReadSlice = 200 * kMillisecond;
constexpr DurationNs kLastWords = kSecond;
// A receiver under pressure reads late, and says so by its acks; it is the reader that notices one that is gone, and it
// ends the connection under the writer.
constexpr DurationNs kWritePatience = 24 * core::kHour;

}  // namespace

BurstClient::BurstClient(BurstClientOptions options, io::Network& network, io::Clock& clock)
    : options_(std::move(options)),
      network_(network),
      log_(core::logger("burst-client")),
      random_(options_.seed != 0 ? options_.seed : io::entropy()),
      epoch_(options_.epoch != 0 ? options_.epoch
                                 : static_cast<std::uint64_t>(std::max<core::TimeNs>(clock.now(), 1))) {
  ASSERT(!options_.source.empty() && options_.source.size() <= burst::kNameBytesMax, "a burst client needs a name");
}

BurstClient::~BurstClient() {
  stop();
}

void BurstClient::start() {
  ASSERT(!runner_.joinable(), "a burst client starts once");
  runner_ = std::thread([this] { run(); });
}

void BurstClient::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->shut_down();
    changed_.notify_all();
  }
  if (runner_.joinable()) runner_.join();
}

void BurstClient::declare(std::vector<Channel> channels) {
  for (const Channel& channel : channels) {
    ASSERT(channel.number < burst::kChannelsMax, "channel number out of bounds");
    ASSERT(!channel.name.empty() && channel.name.size() <= burst::kNameBytesMax, "channel name out of bounds");
  }
  MutexLock lock(mutex_);
  std::move(channels.begin(), channels.end(), std::back_inserter(channels_));
  changed_.notify_all();
}

core::Status BurstClient::send(std::span<const burst::OutBlock> blocks, DurationNs timeout) {
  std::size_t bytes = sizeof(std::uint32_t);
  Frame frame;
  for (const burst::OutBlock& block : blocks) {
    bytes += burst::encoded_bytes(block);
    frame.readings += block.count;
  }
  {
    MutexLock lock(mutex_);
    if (bytes > frame_bytes_max_) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("{} bytes of blocks in one frame; the receiver takes {}", bytes, frame_bytes_max_));
    }
    if (!spare_.empty()) {
      frame.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  frame.bytes.clear();
  burst::encode_data(1, blocks, frame.bytes);

  const auto until = steady_clock::now() + nanoseconds(timeout);
  MutexLock lock(mutex_);
  // One frame always fits, however small the window.
  while (!stopping_ && !window_.empty() && window_bytes_ + frame.bytes.size() > options_.window_bytes) {
    if (options_.overflow == WindowOverflow::kDropOldest) {
      give_up_oldest();
      continue;
    }
    const auto left = until - steady_clock::now();
    if (left <= nanoseconds(0)) {
      return unexpected(ErrorCode::kTimeout, fmt::format("{} bytes wait for an acknowledgement from {}", window_bytes_,
                                                         io::to_string(options_.address)));
    }
    changed_.wait_for(mutex_, left);
  }
  if (stopping_) return unexpected(ErrorCode::kClosed, "the burst client has stopped");
  window_bytes_ += frame.bytes.size();
  window_.push_back(std::move(frame));
  changed_.notify_all();
  return {};
}

bool BurstClient::flush(DurationNs timeout) {
  const auto until = steady_clock::now() + nanoseconds(timeout);
  MutexLock lock(mutex_);
  while (!window_.empty() && !stopping_) {
    const auto left = until - steady_clock::now();
    if (left <= nanoseconds(0)) break;
    changed_.wait_for(mutex_, left);
  }
  return window_.empty();
}

BurstClientStatistics BurstClient::statistics() const {
  MutexLock lock(mutex_);
  BurstClientStatistics statistics = statistics_;
  statistics.unacked_bytes = window_bytes_;
  return statistics;
}

void BurstClient::pop_front() {
  Frame& front = window_.front();
  window_bytes_ -= front.bytes.size();
  if (spare_.size() < kSpareBuffers) spare_.push_back(std::move(front.bytes));
  window_.pop_front();
  if (next_to_write_ > 0) --next_to_write_;
}

// A frame on its way may still arrive; the hello's `oldest` and the count tell the receiver.
void BurstClient::give_up_oldest() {
  statistics_.readings_dropped += window_.front().readings;
  epoch_dropped_ += window_.front().readings;
  pop_front();
}

// Frames made before the receiver said how little it takes. They have no sequence yet, so they leave no gap.
void BurstClient::give_up_oversized() {
  for (auto frame = window_.begin(); frame != window_.end();) {
    if (frame->sequence != 0 || frame->bytes.size() <= frame_bytes_max_ + burst::kHeaderBytes) {
      ++frame;
      continue;
    }
    log_->error("{}: a frame of {} bytes given up: the receiver takes {}", options_.source, frame->bytes.size(),
                frame_bytes_max_);
    statistics_.readings_dropped += frame->readings;
    epoch_dropped_ += frame->readings;
    window_bytes_ -= frame->bytes.size();
    frame = window_.erase(frame);
  }
}

void BurstClient::acknowledge(std::uint64_t sequence) {
  while (!window_.empty() && window_.front().sequence != 0 && window_.front().sequence <= sequence) {
    ++statistics_.frames_acked;
    statistics_.readings_acked += window_.front().readings;
    pop_front();
  }
  changed_.notify_all();
}

bool BurstClient::pause(DurationNs duration) {
  const auto until = steady_clock::now() + nanoseconds(duration);
  MutexLock lock(mutex_);
  while (!stopping_) {
    const auto left = until - steady_clock::now();
    if (left <= nanoseconds(0)) return true;
    changed_.wait_for(mutex_, left);
  }
  return false;
}

void BurstClient::note_error(const core::Error& error) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  if (statistics_.last_error != error.message) log_->warn("{}: {}", options_.source, error.message);
  statistics_.last_error = error.message;
}

void BurstClient::run() {
  DurationNs wait = options_.retry_min;
  for (;;) {
    bool welcomed = false;
    if (auto served = connect_and_serve(welcomed); !served) note_error(served.error());
    wait = welcomed ? options_.retry_min : std::min(wait * 2, options_.retry_max);
    // Half of it at random, so that a thousand senders do not come back at one moment.
    if (!pause(wait / 2 + static_cast<DurationNs>(random_.uniform() * static_cast<double>(wait) / 2))) return;
  }
}

core::Status BurstClient::connect_and_serve(bool& welcomed) {
  auto connected = network_.connect(options_.address, options_.connect_timeout);
  if (!connected) return unexpected(connected.error());
  io::Stream& stream = **connected;
  {
    MutexLock lock(mutex_);
    if (stopping_) return {};
    stream_ = &stream;
    link_down_ = false;
    channels_told_ = 0;
    next_to_write_ = 0;
  }
  burst::FrameReader reader;
  core::Status result = greet(stream, reader);
  if (result) {
    welcomed = true;
    result = serve(stream, reader);
  }
  MutexLock lock(mutex_);
  stream_ = nullptr;
  statistics_.connected = false;
  // What the receiver said before it closed tells more than that it closed.
  if (!link_error_.message.empty()) result = unexpected(std::exchange(link_error_, {}));
  return result;
}

core::Status BurstClient::serve(io::Stream& stream, burst::FrameReader& reader) {
  std::thread reading;
  try {
    reading = std::thread([&] { read_loop(stream, reader); });
  } catch (const std::system_error& error) {
    return unexpected(ErrorCode::kUnavailable, fmt::format("no thread for the connection: {}", error.what()));
  }
  core::Status written = write_loop(stream);
  {
    // A receiver that closes says why before: let the reader come to it.
    const auto until = steady_clock::now() + nanoseconds(kLastWords);
    MutexLock lock(mutex_);
    while (!stopping_ && !link_down_ && steady_clock::now() < until) changed_.wait_for(mutex_, nanoseconds(kReadSlice));
    link_down_ = true;
  }
  stream.shut_down();
  reading.join();
  return written;
}

core::Status BurstClient::greet(io::Stream& stream, burst::FrameReader& reader) {
  std::vector<std::byte> out;
  {
    MutexLock lock(mutex_);
    const bool sent_before = !window_.empty() && window_.front().sequence != 0;
    burst::encode(burst::Hello{epoch_, sent_before ? window_.front().sequence : next_sequence_, epoch_dropped_,
                               options_.source, options_.client},
                  out);
  }
  if (auto written = stream.write_all(out, options_.silence_timeout); !written) return written;
  const auto until = steady_clock::now() + nanoseconds(options_.silence_timeout);
  for (;;) {
    const auto frame = reader.next();
    if (!frame) return unexpected(frame.error());
    if (*frame) {
      if ((*frame)->type != burst::MessageType::kWelcome) return handle(**frame);
      const auto welcome = burst::decode_welcome(**frame);
      return welcome ? on_welcome(*welcome) : unexpected(welcome.error());
    }
    const auto read = stream.read_some(reader.space(), kReadSlice);
    if (read) {
      reader.filled(*read);
    } else if (read.error().code != ErrorCode::kTimeout || steady_clock::now() >= until) {
      return unexpected(read.error());
    }
    MutexLock lock(mutex_);
    if (stopping_) return unexpected(ErrorCode::kClosed, "the burst client has stopped");
  }
}

void BurstClient::take_new_epoch(std::uint64_t above) {
  epoch_ = std::max(epoch_, above) + 1;
  next_sequence_ = 1;
  written_max_ = 0;
  epoch_dropped_ = 0;
  for (Frame& frame : window_) frame.sequence = 0;
}

core::Status BurstClient::on_welcome(const burst::Welcome& welcome) {
  MutexLock lock(mutex_);
  if (welcome.epoch != epoch_ || welcome.sequence >= next_sequence_) {
    const std::uint64_t used = epoch_;
    take_new_epoch(welcome.epoch);
    return unexpected(
        ErrorCode::kConflict,
        fmt::format("the receiver has later data of '{}' than epoch {}, sequence {}; going on as epoch {}",
                    options_.source, used, welcome.sequence, epoch_));
  }
  acknowledge(welcome.sequence);
  next_to_write_ = 0;
  frame_bytes_max_ = std::min<std::size_t>(welcome.frame_bytes_max, burst::kPayloadBytesMax);
  give_up_oversized();
  const DurationNs idle = DurationNs{welcome.idle_timeout_ms} * kMillisecond;
  ping_interval_ = std::clamp(idle / 3, 50 * kMillisecond, 10 * kSecond);
  ++statistics_.connects;
  statistics_.connected = true;
  log_->info("{}: connected to {}, epoch {}, durable up to {}, {} frames to resend", options_.source,
             io::to_string(options_.address), epoch_, welcome.sequence,
             std::count_if(window_.begin(), window_.end(), [](const Frame& frame) { return frame.sequence != 0; }));
  return {};
}

void BurstClient::read_loop(io::Stream& stream, burst::FrameReader& reader) {
  const core::Status ended = read_frames(stream, reader);
  MutexLock lock(mutex_);
  if (!link_down_ && !ended && !stopping_) link_error_ = ended.error();
  link_down_ = true;
  changed_.notify_all();
  stream.shut_down();
}

core::Status BurstClient::read_frames(io::Stream& stream, burst::FrameReader& reader) {
  auto heard = steady_clock::now();
  for (;;) {
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return unexpected(frame.error());
      if (!*frame) break;
      if (auto handled = handle(**frame); !handled) return handled;
    }
    {
      MutexLock lock(mutex_);
      if (stopping_ || link_down_) return {};
    }
    const auto read = stream.read_some(reader.space(), kReadSlice);
    if (read) {
      reader.filled(*read);
      heard = steady_clock::now();
    } else if (read.error().code != ErrorCode::kTimeout) {
      return unexpected(read.error());
    } else if (steady_clock::now() - heard > nanoseconds(options_.silence_timeout)) {
      return unexpected(ErrorCode::kTimeout, fmt::format("{} has said nothing for {}", io::to_string(options_.address),
                                                         core::format_duration(options_.silence_timeout)));
    }
  }
}

core::Status BurstClient::handle(const burst::Frame& frame) {
  switch (frame.type) {
    case burst::MessageType::kAck: {
      const auto ack = burst::decode_ack(frame);
      if (!ack) return unexpected(ack.error());
      MutexLock lock(mutex_);
      if (ack->epoch == epoch_) acknowledge(ack->sequence);
      return {};
    }
    case burst::MessageType::kError: {
      const auto error = burst::decode_error(frame);
      if (!error) return unexpected(error.error());
      const core::Error told{ErrorCode::kUnavailable,
                             fmt::format("{} says: {}", io::to_string(options_.address), error->text)};
      if (burst::closes(error->number)) return unexpected(told);
      {
        MutexLock lock(mutex_);
        ++statistics_.channels_refused;
      }
      note_error(told);
      return {};
    }
    case burst::MessageType::kPong:
      return {};
    default:
      break;
  }
  return unexpected(ErrorCode::kInvalid, fmt::format("{} sent a message of type {} that a sender does not expect",
                                                     io::to_string(options_.address), static_cast<int>(frame.type)));
}

// Declarations first: what is in the window may use any channel declared before it.
void BurstClient::collect_declarations(std::vector<std::byte>& out) {
  std::vector<burst::Declaration> message;
  std::size_t bytes = 0;
  while (channels_told_ < channels_.size() && bytes < kDeclareBytes) {
    const Channel& channel = channels_[channels_told_++];
    message.push_back({channel.number, channel.type, channel.name});
    bytes += channel.name.size() + sizeof(std::uint64_t);
  }
  burst::encode(std::span<const burst::Declaration>(message), out);
}

void BurstClient::collect(std::vector<std::byte>& out) {
  while (channels_told_ < channels_.size()) collect_declarations(out);
  while (next_to_write_ < window_.size() && out.size() < kWriteBytes) {
    Frame& frame = window_[next_to_write_++];
    if (frame.sequence == 0) {
      frame.sequence = next_sequence_++;
      burst::seal_data(frame.bytes, frame.sequence);
    }
    if (frame.sequence <= written_max_) {
      ++statistics_.frames_resent;
    } else {
      written_max_ = frame.sequence;
      ++statistics_.frames_sent;
      statistics_.readings_sent += frame.readings;
    }
    out.insert(out.end(), frame.bytes.begin(), frame.bytes.end());
  }
}

core::Status BurstClient::write_loop(io::Stream& stream) {
  std::vector<std::byte> out;
  std::uint64_t pings = 0;
  for (;;) {
    out.clear();
    {
      MutexLock lock(mutex_);
      const auto until = steady_clock::now() + nanoseconds(ping_interval_);
      while (!stopping_ && !link_down_ && next_to_write_ == window_.size() && channels_told_ == channels_.size()) {
        const auto left = until - steady_clock::now();
        if (left <= nanoseconds(0)) break;
        changed_.wait_for(mutex_, left);
      }
      if (stopping_ || link_down_) return {};
      collect(out);
      if (out.empty()) burst::encode(burst::Ping{++pings, epoch_dropped_}, out);
    }
    if (auto written = stream.write_all(out, kWritePatience); !written) return written;
  }
}

}  // namespace millwright::connectors

// BurstClient: the sender's side of the burst stream (docs/format/burst.md): sends blocks, keeps them until they are
// acknowledged as durable, and after a lost connection comes back and resends from where the receiver stands.
//
//   BurstClient client({.address = {"127.0.0.1", 4850}, .source = "press-7"}, network, clock);
//   client.declare({{0, core::ValueType::kFloat32, "vibration"}});
//   client.start();
//   client.send(blocks);                       // waits while the window is full
//   client.flush(10 * core::kSecond);          // until all of it is durable
//
// Threads: declare, send, flush, stop and statistics from any thread; two of its own (one connects and writes, one
// reads). start() once. Frames of one thread stay in its order.
// Errors: a receiver that is not there is tried again with growing pauses, for good; statistics() says why.
// Limits: the window (window_bytes) holds what is not acknowledged. When it is full, send() waits, or the oldest frames
// are given up and counted, as `overflow` says.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/block.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/clock.hpp"
#include "io/network.hpp"
#include "io/random.hpp"
#include "protocol/burst.hpp"

namespace millwright::connectors {

enum class WindowOverflow : std::uint8_t { kWait, kDropOldest };

struct BurstClientOptions {
  io::Address address;
  std::string source;  // the sender's name, by which the receiver knows it again
  std::string client = "millwright";
  std::uint64_t epoch = 0;  // 0: the clock's now, so that it rises from start to start
  std::size_t window_bytes = 64 * 1024 * 1024;
  WindowOverflow overflow = WindowOverflow::kWait;
  core::DurationNs connect_timeout = 5 * core::kSecond;
  core::DurationNs silence_timeout = 10 * core::kSecond;  // a receiver that says nothing for so long is gone
  core::DurationNs retry_min = 100 * core::kMillisecond;  // pause before a new attempt; doubles up to retry_max
  core::DurationNs retry_max = 5 * core::kSecond;
  std::uint64_t seed = 0;  // of the pauses' jitter; 0: from the operating system
};

struct BurstClientStatistics {
  bool connected = false;         // the receiver has welcomed it
  std::uint64_t frames_sent = 0;  // for the first time
  std::uint64_t frames_acked = 0;
  std::uint64_t frames_resent = 0;
  std::uint64_t readings_sent = 0;  // handed to the connection for the first time
  std::uint64_t readings_acked = 0;
  std::uint64_t readings_dropped = 0;  // given up as the window was full
  std::uint64_t unacked_bytes = 0;
  std::uint64_t connects = 0;          // welcomes received
  std::uint64_t channels_refused = 0;  // errors about one channel
  std::string last_error;              // "" where nothing went wrong yet
};

class BurstClient {
 public:
  struct Channel {
    std::uint32_t number = 0;  // below protocol::burst::kChannelsMax
    core::ValueType type = core::ValueType::kFloat32;
    std::string name;
  };

  BurstClient(BurstClientOptions options, io::Network& network, io::Clock& clock);
  ~BurstClient();  // stop()

  // Before the blocks that use the channels; also while it runs.
  void declare(std::vector<Channel> channels) EXCLUDES(mutex_);
  void start();
  // One frame of these blocks; the values are copied. kInvalid where they are more than a frame holds (then send fewer
  // at a time), kClosed after stop(), kTimeout where the window stayed full for `timeout`.
  core::Status send(std::span<const protocol::burst::OutBlock> blocks, core::DurationNs timeout = core::kHour)
      EXCLUDES(mutex_);
  // Waits until all that was sent is acknowledged. False: not within `timeout`.
  bool flush(core::DurationNs timeout) EXCLUDES(mutex_);
  // Ends the connection; what is not acknowledged is lost with this object.
  void stop() EXCLUDES(mutex_);
  [[nodiscard]] BurstClientStatistics statistics() const EXCLUDES(mutex_);

 private:
  struct Frame {
    std::uint64_t sequence = 0;  // 0: not sent yet, so that a frame given up before leaves no gap
    std::uint64_t readings = 0;
    std::vector<std::byte> bytes;
  };

  void run();
  core::Status connect_and_serve(bool& welcomed);
  core::Status greet(io::Stream& stream, protocol::burst::FrameReader& reader);
  core::Status on_welcome(const protocol::burst::Welcome& welcome);
  void take_new_epoch(std::uint64_t above) REQUIRES(mutex_);
  void read_loop(io::Stream& stream, protocol::burst::FrameReader& reader);
  core::Status read_frames(io::Stream& stream, protocol::burst::FrameReader& reader);
  core::Status handle(const protocol::burst::Frame& frame);
  core::Status serve(io::Stream& stream, protocol::burst::FrameReader& reader);
  core::Status write_loop(io::Stream& stream);
  void give_up_oversized() REQUIRES(mutex_);
  void collect(std::vector<std::byte>& out) REQUIRES(mutex_);
  void collect_declarations(std::vector<std::byte>& out) REQUIRES(mutex_);
  void acknowledge(std::uint64_t sequence) REQUIRES(mutex_);
  void give_up_oldest() REQUIRES(mutex_);
  void pop_front() REQUIRES(mutex_);
  bool pause(core::DurationNs duration) EXCLUDES(mutex_);
  void note_error(const core::Error& error) EXCLUDES(mutex_);

  const BurstClientOptions options_;
  io::Network& network_;
  std::shared_ptr<spdlog::logger> log_;
  io::Random random_;
  std::thread runner_;

  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<Channel> channels_ GUARDED_BY(mutex_);
  std::size_t channels_told_ GUARDED_BY(mutex_) = 0;  // on this connection
  std::deque<Frame> window_ GUARDED_BY(mutex_);       // those with a sequence first
  std::size_t next_to_write_ GUARDED_BY(mutex_) = 0;  // index into window_
  std::size_t window_bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<std::vector<std::byte>> spare_ GUARDED_BY(mutex_);  // buffers of frames that are done
  std::uint64_t epoch_ GUARDED_BY(mutex_);
  std::uint64_t next_sequence_ GUARDED_BY(mutex_) = 1;
  std::uint64_t written_max_ GUARDED_BY(mutex_) = 0;  // highest sequence ever put on a connection, in this epoch
  std::size_t frame_bytes_max_ GUARDED_BY(mutex_) = protocol::burst::kPayloadBytesMax;
  core::DurationNs ping_interval_ GUARDED_BY(mutex_) = core::kSecond;
  io::Stream* stream_ GUARDED_BY(mutex_) = nullptr;  // the live connection
  core::Error link_error_ GUARDED_BY(mutex_);        // why the reader ended the connection
  bool link_down_ GUARDED_BY(mutex_) = false;
  std::uint64_t epoch_dropped_ GUARDED_BY(mutex_) = 0;  // readings given up in this epoch
  BurstClientStatistics statistics_ GUARDED_BY(mutex_);
};

}  // namespace millwright::connectors

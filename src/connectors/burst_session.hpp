// BurstSession: one connection of a burst server, from accept to close.
//
// Threads: run() is the reader, on its caller's thread; it starts and ends a writer of its own. request_stop() from
// any. BurstHub is what the sessions of one server share; all of it from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "connectors/burst_channels.hpp"
#include "connectors/burst_lane.hpp"
#include "connectors/burst_server.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "io/network.hpp"

namespace millwright::connectors {

struct BurstHub {
  BurstHub(std::string connector_name, const BurstServerOptions& server_options,
           const ConnectorContext& connector_context);

  // The lane of a sender by name; nullptr where there are too many.
  std::shared_ptr<BurstLane> lane_of(const std::string& source) EXCLUDES(mutex);

  const std::string name;
  const BurstServerOptions options;
  const ConnectorContext context;
  const BurstAddresses addresses;
  Intake intake;
  std::shared_ptr<spdlog::logger> log;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> resumed{0};  // hellos of senders that were here before
  std::atomic<std::uint64_t> next_connection{1};
  core::Counter& corrupt_frames;
  core::Counter& repeated_frames;
  core::Counter& sender_dropped;

  core::Mutex mutex;
  std::map<std::string, std::shared_ptr<BurstLane>> lanes GUARDED_BY(mutex);
};

class BurstSession {
 public:
  BurstSession(BurstHub& hub, std::unique_ptr<io::Stream> stream);
  ~BurstSession();

  // Until the connection ends, one way or another.
  void run();

 private:
  using ErrorNumber = protocol::burst::ErrorNumber;

  // Each returns false where the connection is to end.
  bool read_once();
  bool handle(const protocol::burst::Frame& frame);
  bool on_hello(const protocol::burst::Frame& frame);
  bool on_declare(const protocol::burst::Frame& frame);
  bool on_data(const protocol::burst::Frame& frame);
  bool on_ping(const protocol::burst::Frame& frame);
  bool fail(ErrorNumber number, const std::string& text);  // tells the sender; always false

  void tell(const BurstChannels::Refused& refused);
  void note_dropped(std::uint64_t total);
  void mark_sensors_lost();
  void drain();

  template <typename Message>
  void send(const Message& message) EXCLUDES(mutex_);
  void wake() EXCLUDES(mutex_);
  void write_loop() EXCLUDES(mutex_);
  bool collect(std::vector<std::byte>& out, bool& ack) EXCLUDES(mutex_);

  BurstHub& hub_;
  const std::uint64_t id_;
  std::unique_ptr<io::Stream> stream_;
  const std::string peer_;
  std::string source_;  // "" before the hello
  protocol::burst::FrameReader reader_;
  BurstChannels channels_;
  std::unique_ptr<pipeline::Inlet> inlet_;
  std::vector<protocol::burst::DataBlock> blocks_;
  std::vector<protocol::burst::Declaration> declarations_;
  std::uint64_t epoch_ = 0;
  std::uint64_t told_ = 0;  // channels that the sender was told of
  core::TimeNs received_ = 0;
  core::TimeNs last_heard_ = 0;
  std::atomic<bool> replaced_{false};

  std::shared_ptr<BurstLane> lane_;  // set by the reader before welcomed_, as is epoch_

  core::Mutex mutex_;
  core::Condition changed_;
  std::vector<std::byte> outbox_ GUARDED_BY(mutex_);
  bool welcomed_ GUARDED_BY(mutex_) = false;
  bool ack_due_ GUARDED_BY(mutex_) = false;
  bool closing_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> broken_{false};  // the writer could not write
  std::thread writer_;
};

}  // namespace millwright::connectors

#include "connectors/burst_session.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <type_traits>

#include <fmt/format.h>

namespace millwright::connectors {
namespace {

namespace burst = protocol::burst;
using core::kMillisecond;
using core::kSecond;
using core::MutexLock;

constexpr core::DurationNs kReadSlice = 100 * kMillisecond;  // how late a stop may be noticed
constexpr core::DurationNs kWriteTimeout = 10 * kSecond;     // a sender that reads nothing for so long is gone
constexpr core::DurationNs kLastWords = 2 * kSecond;         // for what is written as the connection ends
constexpr auto kAckPause = std::chrono::milliseconds(2);     // between acks: they say it all, so few will do
constexpr auto kKeepAlive = std::chrono::seconds(1);         // an ack at least this often, also when nothing moves
constexpr std::size_t kOutboxBytesMax = 1024 * 1024;
constexpr std::uint64_t kToldMax = 100;  // channels told of one by one; then their number alone is counted

core::Counter& counter(const ConnectorContext& context, const char* name, const char* help,
                       const std::string& connector) {
  return context.metrics.counter(name, help, {{"connector", connector}});
}

burst::ErrorNumber number_for(const core::Error& error) {
  switch (error.code) {
    case core::ErrorCode::kCorrupt:
      return burst::ErrorNumber::kCorrupt;
    case core::ErrorCode::kUnsupported:
      return burst::ErrorNumber::kOtherVersion;
    default:
      return burst::ErrorNumber::kMalformed;
  }
}

}  // namespace

BurstHub::BurstHub(std::string connector_name, const BurstServerOptions& server_options,
                   const ConnectorContext& connector_context)
    : name(std::move(connector_name)),
      options(server_options),
      context(connector_context),
      addresses(context.model, name),
      intake(context, name, options.future_limit),
      log(core::logger("burst-server")),
      corrupt_frames(counter(context, "millwright_burst_corrupt_frames_total",
                             "Frames that failed their checksum or broke the format", name)),
      repeated_frames(counter(context, "millwright_burst_repeated_frames_total",
                              "Data frames that a sender sent again and that were taken before", name)),
      sender_dropped(counter(context, "millwright_burst_sender_dropped_readings_total",
                             "Readings that senders gave up because they ran out of room, by their own word", name)) {}

std::shared_ptr<BurstLane> BurstHub::lane_of(const std::string& source) {
  MutexLock lock(mutex);
  const auto found = lanes.find(source);
  if (found != lanes.end()) return found->second;
  if (lanes.size() >= BurstServer::kSourcesMax) return nullptr;
  const core::SourceId id = context.sources.add(name + "/" + source);
  const auto recovered = context.durable ? context.durable(id) : pipeline::LanePosition{};
  return lanes.emplace(source, std::make_shared<BurstLane>(id, recovered)).first->second;
}

BurstSession::BurstSession(BurstHub& hub, std::unique_ptr<io::Stream> stream)
    : hub_(hub),
      id_(hub.next_connection++),
      stream_(std::move(stream)),
      peer_(stream_->peer()),
      reader_(hub.options.frame_bytes_max),
      channels_(hub.addresses, hub.intake),
      last_heard_(hub.context.clock.monotonic()) {}

BurstSession::~BurstSession() {
  ASSERT(!writer_.joinable(), "a session ends its writer");
}

void BurstSession::run() {
  try {
    writer_ = std::thread([this] { write_loop(); });
  } catch (const std::system_error& error) {
    hub_.log->error("{}: no thread for {}: {}", hub_.name, peer_, error.what());
    stream_->shut_down();
    return;
  }
  while (read_once()) {
  }
  const bool ours = lane_ != nullptr;
  if (ours && !replaced_ && !hub_.stopping) mark_sensors_lost();
  if (ours) lane_->leave(id_);
  {
    MutexLock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  writer_.join();
  drain();
  stream_->shut_down();
}

bool BurstSession::read_once() {
  if (hub_.stopping) return fail(ErrorNumber::kShuttingDown, "the server is shutting down");
  if (replaced_) return fail(ErrorNumber::kReplaced, "a newer connection of this source took over");
  if (broken_) return false;
  const auto space = reader_.space();
  const auto read = stream_->read_some(space, kReadSlice);
  const core::TimeNs now = hub_.context.clock.monotonic();
  if (!read) {
    if (read.error().code != core::ErrorCode::kTimeout) {
      // Who ends a connection is nothing special; who speaks something else, or shows a wrong certificate, is.
      const bool wrong = read.error().code == core::ErrorCode::kInvalid;
      hub_.log->log(wrong ? spdlog::level::warn : spdlog::level::info, "{}: {} ({}): {}", hub_.name, peer_, source_,
                    read.error().message);
      return false;
    }
    if (now - last_heard_ <= hub_.options.idle_timeout) return true;
    return fail(ErrorNumber::kIdle,
                fmt::format("nothing came for {}", core::format_duration(hub_.options.idle_timeout)));
  }
  reader_.filled(*read);
  received_ = hub_.context.clock.now();
  for (;;) {
    const auto frame = reader_.next();
    if (!frame) {
      hub_.corrupt_frames.Increment();
      hub_.intake.refuse(Refusal::kMalformed);
      return fail(number_for(frame.error()), frame.error().message);
    }
    if (!*frame) break;
    if (!handle(**frame)) return false;
  }
  // After the frames were handled: time spent waiting for the pipeline is not the sender's silence.
  last_heard_ = hub_.context.clock.monotonic();
  return true;
}

bool BurstSession::handle(const burst::Frame& frame) {
  if (lane_ == nullptr && frame.type != burst::MessageType::kHello) {
    return fail(ErrorNumber::kUnexpected, "the first message must be a hello");
  }
  switch (frame.type) {
    case burst::MessageType::kHello:
      return on_hello(frame);
    case burst::MessageType::kDeclare:
      return on_declare(frame);
    case burst::MessageType::kData:
      return on_data(frame);
    case burst::MessageType::kPing:
      return on_ping(frame);
    case burst::MessageType::kPong:
      return true;
    case burst::MessageType::kError: {
      const auto error = burst::decode_error(frame);
      hub_.log->warn("{}: {} says: {}", hub_.name, source_, error ? error->text : "an unreadable error");
      return true;
    }
    case burst::MessageType::kWelcome:
    case burst::MessageType::kAck:
      break;
  }
  return fail(ErrorNumber::kUnexpected, "only a receiver sends welcome and ack");
}

bool BurstSession::on_hello(const burst::Frame& frame) {
  const auto hello = burst::decode_hello(frame);
  if (!hello) return fail(ErrorNumber::kMalformed, hello.error().message);
  if (lane_ != nullptr) return fail(ErrorNumber::kUnexpected, "a second hello on one connection");
  source_ = std::string(hello->source);
  const auto lane = hub_.lane_of(source_);
  if (lane == nullptr) {
    return fail(ErrorNumber::kTooMany, fmt::format("more than {} sources", BurstServer::kSourcesMax));
  }
  const bool taken = lane->take(
      id_, hub_.stopping, [this] { replaced_ = true; }, [this] { wake(); });
  if (!taken) {
    return fail(hub_.stopping ? ErrorNumber::kShuttingDown : ErrorNumber::kReplaced,
                "the connection was given up while an older one of this source ended");
  }
  lane_ = lane;
  epoch_ = hello->epoch;
  const auto before = lane_->position();
  burst::Welcome welcome{.epoch = epoch_,
                         .frame_bytes_max = static_cast<std::uint32_t>(hub_.options.frame_bytes_max),
                         .idle_timeout_ms = static_cast<std::uint32_t>(hub_.options.idle_timeout / kMillisecond),
                         .server = "millwright"};
  if (!lane_->begin(hello->epoch, hello->oldest)) {
    welcome.epoch = before.epoch;
    welcome.sequence = before.sequence;
    send(welcome);
    return fail(ErrorNumber::kStaleEpoch,
                fmt::format("epoch {} is used up; come back with one greater than {}", hello->epoch, before.epoch));
  }
  if (before.epoch != 0) ++hub_.resumed;
  note_dropped(hello->dropped_readings);
  welcome.sequence = lane_->position().sequence;
  send(welcome);
  inlet_ = std::make_unique<pipeline::Inlet>(hub_.context.pipeline, lane_->source());
  hub_.log->info("{}: {} from {} ({}), epoch {}, durable up to {}, starts at {}", hub_.name, source_, peer_,
                 hello->client, epoch_, welcome.sequence, hello->oldest);
  return true;
}

bool BurstSession::on_declare(const burst::Frame& frame) {
  if (auto decoded = burst::decode_declare(frame, declarations_); !decoded) {
    hub_.intake.refuse(Refusal::kMalformed);
    return fail(ErrorNumber::kMalformed, decoded.error().message);
  }
  for (const burst::Declaration& declaration : declarations_) {
    if (auto refused = channels_.declare(declaration)) {
      if (told_ < kToldMax) refused->text += hub_.addresses.hint(declaration.name);
      tell(*refused);
    }
  }
  return true;
}

bool BurstSession::on_data(const burst::Frame& frame) {
  switch (lane_->judge(frame.sequence)) {
    case BurstLane::Verdict::kNew:
      break;
    case BurstLane::Verdict::kRepeat:
      // The pipeline has it; it is acknowledged when that is durable, or has been.
      hub_.repeated_frames.Increment();
      wake();
      return true;
    case BurstLane::Verdict::kGap:
      return fail(ErrorNumber::kSequenceGap, fmt::format("frame {} came after {}; resend from the last ack",
                                                         frame.sequence, lane_->last_accepted()));
  }
  if (auto decoded = burst::decode_data(frame, blocks_); !decoded) {
    hub_.corrupt_frames.Increment();
    hub_.intake.refuse(Refusal::kMalformed);
    return fail(ErrorNumber::kMalformed, decoded.error().message);
  }
  for (const burst::DataBlock& block : blocks_) {
    if (auto refused = channels_.add(block, received_, *inlet_)) tell(*refused);
  }
  if (!inlet_->submit(epoch_, frame.sequence, lane_->expect(frame.sequence))) {
    return fail(ErrorNumber::kShuttingDown, "the pipeline has stopped");
  }
  return true;
}

bool BurstSession::on_ping(const burst::Frame& frame) {
  const auto ping = burst::decode_ping(frame);
  if (!ping) return fail(ErrorNumber::kMalformed, ping.error().message);
  note_dropped(ping->dropped_readings);
  send(burst::Pong{ping->token});
  return true;
}

void BurstSession::note_dropped(std::uint64_t total) {
  const std::uint64_t more = lane_->note_dropped(total);
  if (more == 0) return;
  hub_.sender_dropped.Increment(static_cast<double>(more));
  hub_.log->warn("{}: {} ran out of room and gave up {} readings", hub_.name, source_, more);
}

void BurstSession::tell(const BurstChannels::Refused& refused) {
  if (++told_ > kToldMax) return;
  const char* more = told_ == kToldMax ? " (further channels are not told one by one)" : "";
  hub_.log->warn("{}: {}: {}; its readings are skipped{}", hub_.name, source_, refused.text, more);
  send(burst::ErrorMessage{refused.number, refused.channel, refused.text});
}

bool BurstSession::fail(ErrorNumber number, const std::string& text) {
  hub_.log->warn("{}: closing {} ({}): {}", hub_.name, peer_, source_, text);
  send(burst::ErrorMessage{number, burst::kNoChannel, text});
  return false;
}

// What the sensors last said is no longer the present: the live values say so until the sender is back.
void BurstSession::mark_sensors_lost() {
  if (inlet_ == nullptr) return;
  const core::TimeNs now = hub_.context.clock.now();
  for (const BurstAddresses::Target& target : channels_.sensors()) {
    core::BlockBatch& batch = inlet_->batch_for(target.sensor);
    core::Block& block = batch.add(target.sensor, target.type, 1, now, 0, now);
    std::fill_n(block.values, core::width(target.type), std::byte{0});
    core::BlockBatch::set_quality(block, core::kBadNoCommunication);
  }
  inlet_->submit_status();
}

// Closing a socket with unread bytes resets it, and the peer would lose our last words.
void BurstSession::drain() {
  std::array<std::byte, 4096> rest{};
  const core::TimeNs until = kSecond / 2;
  for (core::DurationNs waited = 0; waited < until && !broken_ && !hub_.stopping; waited += kReadSlice / 2) {
    const auto read = stream_->read_some(rest, kReadSlice / 2);
    if (!read && read.error().code != core::ErrorCode::kTimeout) return;
  }
}

template <typename Message>
void BurstSession::send(const Message& message) {
  MutexLock lock(mutex_);
  if (outbox_.size() > kOutboxBytesMax) {
    broken_ = true;  // it asks much and reads nothing
    return;
  }
  burst::encode(message, outbox_);
  // In one step with the welcome, so that no ack comes before it.
  if constexpr (std::is_same_v<Message, burst::Welcome>) welcomed_ = true;
  changed_.notify_all();
}

void BurstSession::wake() {
  MutexLock lock(mutex_);
  if (ack_due_) return;
  ack_due_ = true;
  changed_.notify_all();
}

// Waits until there is something to say; a message at once, an ack after a pause. False: these are the last words.
bool BurstSession::collect(std::vector<std::byte>& out, bool& ack) {
  using std::chrono::steady_clock;
  out.clear();
  const auto pause_end = steady_clock::now() + kAckPause;
  const auto keep_alive = steady_clock::now() + kKeepAlive;
  MutexLock lock(mutex_);
  while (!closing_ && outbox_.empty()) {
    const auto left = (ack_due_ ? pause_end : keep_alive) - steady_clock::now();
    if (left <= steady_clock::duration::zero()) break;
    changed_.wait_for(mutex_, left);
  }
  out.swap(outbox_);
  ack_due_ = false;
  ack = welcomed_;
  return !closing_;
}

void BurstSession::write_loop() {
  std::vector<std::byte> out;
  for (bool more = true; more;) {
    bool ack = false;
    more = collect(out, ack);
    if (ack) {
      const auto position = lane_->position();
      if (position.epoch == epoch_) burst::encode(burst::Ack{position.epoch, position.sequence}, out);
    }
    if (out.empty() || broken_) continue;
    if (!stream_->write_all(out, more ? kWriteTimeout : kLastWords)) broken_ = true;
  }
}

}  // namespace millwright::connectors

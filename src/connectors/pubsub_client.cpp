#include "connectors/pubsub_client.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "connectors/pubsub_chunks.hpp"
#include "connectors/value_lane.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"
#include "core/text.hpp"
#include "io/datagram_socket.hpp"

namespace millwright::connectors {
namespace {

namespace uadp = protocol::uadp;
using core::MutexLock;
using core::TimeNs;

constexpr core::DurationNs kLook = 50 * core::kMillisecond;
constexpr core::DurationNs kRetry = 2 * core::kSecond;
constexpr unsigned kLate = 32;       // datagrams overtake each other by a few
constexpr unsigned kAhead = 16'384;  // a number so far ahead, or behind, is of a publisher that began anew

// A DataSetWriter as it is heard.
struct Writer {
  const PubSubWriter* options = nullptr;
  std::vector<std::vector<const asset::Sensor*>> sensors;  // by the field's index
  std::vector<const asset::Sensor*> all;
  std::unordered_map<std::string, std::vector<const asset::Sensor*>> by_name;  // whose index nobody has told yet
  std::vector<uadp::Type> raw;
  std::optional<std::uint16_t> sequence;
  TimeNs heard = 0;  // monotonic
  bool is_alive = false;
};

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (const char* at = text.data(); at != text.data() + text.size(); at += 2) {
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(at, at + 2, value, 16);
    if (error != std::errc() || end != at + 2) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

core::Counter& refused(const ConnectorContext& context, const std::string& connector, const char* reason) {
  return context.metrics.counter("millwright_pubsub_refused_messages_total", "PubSub messages that could not be read",
                                 {{"connector", connector}, {"reason", reason}});
}

class PubSubClient final : public Connector {
 public:
  PubSubClient(std::string name, PubSubOptions options, const ConnectorContext& context)
      : name_(std::move(name)),
        options_(std::move(options)),
        context_(context),
        log_(core::logger("pubsub")),
        lane_(context, name_, options_.future_limit, "pubsub"),
        lost_(context.metrics.counter("millwright_pubsub_lost_messages_total",
                                      "PubSub messages that were sent and did not come, by their sequence numbers",
                                      {{"connector", name_}})),
        corrupt_(refused(context, name_, "malformed")),
        unsupported_(refused(context, name_, "unsupported")) {
    status_.name = name_;
    status_.kind = "pubsub";
    status_.since = context.clock.now();
    add_sensors();
  }
  ~PubSubClient() override { PubSubClient::stop(); }

  core::Status start() override {
    if (auto had = get_keys(); !had) return core::unexpected(had.error().within("connector " + name_));
    set_state(ConnectorState::kConnecting, "waiting for publishers");
    thread_ = std::thread([this] { run(); });
    return {};
  }
  void stop() override {
    stopping_ = true;
    if (!thread_.joinable()) return;
    thread_.join();
    set_state(ConnectorState::kStopped, "stopped");
  }
  [[nodiscard]] ConnectorStatus status() const override {
    MutexLock lock(mutex_);
    ConnectorStatus status = status_;
    status.readings = lane_.intake().readings();
    status.refused = lane_.intake().refused();
    return status;
  }

 private:
  core::Status get_keys();
  void add_sensors();
  void add_sensor(const asset::Sensor& sensor);
  void place(Writer& writer, std::size_t index, const std::string& field);
  void run();
  void listen(io::DatagramSocket& socket);
  void take(std::span<const std::byte> datagram);
  void take_chunk(const uadp::Message& message, TimeNs received);
  void refuse(const std::string& what, const core::Error& error);
  bool is_ours(const uadp::Message& message) const;
  void take_set(const uadp::Message& message, const uadp::DataSet& set, TimeNs received);
  void take_meta(const uadp::Message::MetaData& meta);
  bool follows(Writer& writer, std::optional<std::uint16_t> sequence);
  void look_for_silence();
  void show();
  void set_state(ConnectorState state, std::string detail) EXCLUDES(mutex_);

  const std::string name_;
  const PubSubOptions options_;
  const ConnectorContext context_;
  std::shared_ptr<spdlog::logger> log_;
  ValueLane lane_;
  core::Counter& lost_;
  core::Counter& corrupt_;
  core::Counter& unsupported_;
  uadp::Keys keys_;
  PubSubChunks chunks_;
  std::map<std::uint16_t, Writer> writers_;  // the thread's
  std::uint64_t lost_count_ = 0;
  std::uint64_t overrun_ = 0;
  std::string trouble_;  // what cannot be read, as it was last said
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable core::Mutex mutex_;
  ConnectorStatus status_ GUARDED_BY(mutex_);
};

core::Status PubSubClient::get_keys() {
  keys_ = uadp::Keys(options_.security);
  for (const PubSubOptions::Key& one : options_.keys) {
    const auto text = one.key.read();
    if (!text) return core::unexpected(text.error());
    const auto bytes = from_hex(core::trim(text->value_or("")));
    if (!bytes) return core::unexpected(core::ErrorCode::kInvalid, fmt::format("{}: no hexadecimal", one.key.file));
    if (auto added = keys_.add(one.token, *bytes); !added) return core::unexpected(added.error().within(one.key.file));
  }
  return {};
}

void PubSubClient::add_sensors() {
  for (const PubSubWriter& one : options_.writers) {
    Writer& writer = writers_[one.id];
    writer.options = &one;
    for (const PubSubField& field : one.fields) {
      if (field.type) writer.raw.push_back(*field.type);
    }
    if (writer.raw.size() != one.fields.size()) writer.raw.clear();  // of no use with a gap
  }
  for (const core::SensorId id : context_.model.sensors_of(name_)) add_sensor(context_.model.sensor(id));
}

void PubSubClient::add_sensor(const asset::Sensor& sensor) {
  const std::string& address = sensor.source.address;
  const std::size_t slash = std::min(address.find('/'), address.size());
  const auto writer = std::find_if(writers_.begin(), writers_.end(), [&](const auto& one) {
    return one.second.options->name == address.substr(0, slash) ||
           std::to_string(one.first) == address.substr(0, slash);
  });
  if (writer == writers_.end() || slash + 1 >= address.size()) {
    log_->warn("{}: {}: address '{}' names no writer of the connector; write writer/field", name_, sensor.path,
               address);
    return;
  }
  Writer& of = writer->second;
  of.all.push_back(&sensor);
  const std::string field = address.substr(slash + 1);
  of.by_name[field].push_back(&sensor);
  const auto& fields = of.options->fields;
  const auto named = std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.name == field; });
  if (named != fields.end()) return place(of, static_cast<std::size_t>(named - fields.begin()), field);
  std::uint16_t index = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), index);
  if (error == std::errc() && end == field.data() + field.size()) place(of, index, field);
}

// The sensors of a field's name are at this index from now on.
void PubSubClient::place(Writer& writer, std::size_t index, const std::string& field) {
  const auto found = writer.by_name.find(field);
  if (found == writer.by_name.end()) return;
  if (writer.sensors.size() <= index) writer.sensors.resize(index + 1);
  auto& at = writer.sensors[index];
  at.insert(at.end(), found->second.begin(), found->second.end());
  writer.by_name.erase(found);
}

void PubSubClient::run() {
  bool told = false;
  while (!stopping_) {
    auto socket = io::DatagramSocket::open({options_.address, options_.port}, options_.interface);
    if (socket) {
      told = false;
      log_->info("{}: listening on {}:{}", name_, options_.address, options_.port);
      show();
      listen(*socket);
      continue;
    }
    if (!std::exchange(told, true)) log_->error("{}: {}", name_, socket.error().message);
    set_state(ConnectorState::kBackingOff, socket.error().message);
    for (core::DurationNs waited = 0; waited < kRetry && !stopping_; waited += kLook) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kLook));
    }
  }
}

void PubSubClient::listen(io::DatagramSocket& socket) {
  std::vector<std::byte> bytes(io::kDatagramBytesMax);
  while (!stopping_) {
    const auto length = socket.receive(bytes, kLook);
    if (length) {
      take(std::span(bytes).first(*length));
      lane_.flush();
    } else if (length.error().code != core::ErrorCode::kTimeout) {
      lane_.tell(options_.address, length.error().message);
      return;
    }
    if (socket.overrun() != overrun_) {
      lane_.tell(options_.address, fmt::format("{} datagrams came faster than they were taken", socket.overrun()));
      overrun_ = socket.overrun();
    }
    look_for_silence();
  }
}

bool PubSubClient::is_ours(const uadp::Message& message) const {
  if (options_.group && message.group && *message.group != *options_.group) return false;
  if (const auto* number = std::get_if<std::uint64_t>(&options_.publisher)) {
    const auto* from = std::get_if<std::uint64_t>(&message.publisher);
    return from != nullptr && *from == *number;
  }
  if (const auto* text = std::get_if<std::string>(&options_.publisher)) {
    const auto* from = std::get_if<std::string_view>(&message.publisher);
    return from != nullptr && *from == *text;
  }
  return true;
}

void PubSubClient::take(std::span<const std::byte> datagram) {
  const TimeNs received = context_.clock.now();
  const auto message = uadp::parse(datagram, &keys_);
  if (!message) return refuse("a message", message.error());
  if (!is_ours(*message)) return;
  if (message->chunk) return take_chunk(*message, received);
  if (message->meta) take_meta(*message->meta);
  for (const uadp::DataSet& set : message->sets) take_set(*message, set, received);
}

void PubSubClient::refuse(const std::string& what, const core::Error& error) {
  (error.code == core::ErrorCode::kCorrupt ? corrupt_ : unsupported_).Increment();
  lane_.refuse(Refusal::kMalformed, what, error.message);
  if (std::exchange(trouble_, error.message) != error.message) show();
}

void PubSubClient::take_chunk(const uadp::Message& message, TimeNs received) {
  const std::uint16_t writer = message.chunk->writer;
  if (!writers_.contains(writer)) return;
  const auto whole = chunks_.take(*message.chunk);
  if (!whole) return refuse(fmt::format("writer {}", writer), whole.error());
  if (!*whole) return;
  const auto set = uadp::parse_set(**whole, writer);
  if (!set) return refuse(fmt::format("writer {}", writer), set.error());
  take_set(message, *set, received);
}

// False: it came before. A gap is counted.
bool PubSubClient::follows(Writer& writer, std::optional<std::uint16_t> sequence) {
  if (!sequence) return true;
  const auto last = std::exchange(writer.sequence, sequence);
  if (!last) return true;
  const auto step = static_cast<std::uint16_t>(*sequence - *last);
  if (step == 0) return false;
  // Overtaken on its way: it counts, and the ones after it are not lost again.
  if (static_cast<std::uint16_t>(-step) <= kLate) writer.sequence = last;
  if (step > 1 && step < kAhead) {
    const unsigned gap = step - 1U;
    lost_.Increment(gap);
    lost_count_ += gap;
    lane_.tell("writer " + writer.options->name, fmt::format("{} messages were lost before {}", gap, *sequence));
    show();
  }
  return true;
}

void PubSubClient::take_set(const uadp::Message& message, const uadp::DataSet& set, TimeNs received) {
  // Without a payload header it is the only one there is.
  const auto found = set.writer ? writers_.find(*set.writer) : writers_.size() == 1 ? writers_.begin() : writers_.end();
  if (found == writers_.end()) return;
  Writer& writer = found->second;
  writer.heard = context_.clock.monotonic();
  if (!std::exchange(writer.is_alive, true)) {
    writer.sequence.reset();
    log_->info("{}: writer {} is there", name_, writer.options->name);
    show();
  }
  // A keep-alive has the number that the next frame will have.
  if (set.type == uadp::FrameType::kKeepAlive || !set.is_valid) return;
  if (!follows(writer, set.sequence)) return;
  const auto fields = uadp::read_fields(set, writer.raw);
  if (!fields) return refuse("writer " + writer.options->name, fields.error());
  const TimeNs time = set.time.value_or(message.time.value_or(received));
  for (const uadp::Field& field : *fields) {
    if (field.index >= writer.sensors.size()) continue;
    for (const asset::Sensor* sensor : writer.sensors[field.index]) {
      LaneReading reading{field.value, set.status.worse(field.quality), field.time.value_or(time), received};
      if (!field.is_single) reading.quality = core::kBadTypeMismatch;
      if (lane_.put(*sensor, reading)) continue;
      lane_.refuse(Refusal::kWrongType, sensor->path,
                   fmt::format("'{}' does not fit into {}", sensor->source.address, core::to_string(sensor->type)));
      lane_.put(*sensor, {std::monostate(), core::kBadTypeMismatch, reading.time, received});
    }
  }
}

// The publisher's own names, for what the file does not name; and the types of raw data where the file has none.
void PubSubClient::take_meta(const uadp::Message::MetaData& meta) {
  const auto found = writers_.find(meta.writer);
  if (found == writers_.end()) return;
  Writer& writer = found->second;
  std::vector<uadp::Type> raw;
  for (std::size_t i = 0; i < meta.fields.size(); ++i) {
    place(writer, i, std::string(meta.fields[i].name));
    const auto names = uadp::type_names();
    const bool is_known = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return static_cast<std::uint8_t>(*uadp::parse_type(name)) == meta.fields[i].type;
    });
    if (is_known && meta.fields[i].is_single) raw.push_back(static_cast<uadp::Type>(meta.fields[i].type));
  }
  if (writer.options->fields.empty() && raw.size() == meta.fields.size()) writer.raw = std::move(raw);
}

void PubSubClient::look_for_silence() {
  const TimeNs now = context_.clock.monotonic();
  for (auto& [id, writer] : writers_) {
    if (!writer.is_alive || now - writer.heard < options_.timeout) continue;
    writer.is_alive = false;
    lane_.say(writer.all, core::kBadNoCommunication);
    log_->warn("{}: writer {} has said nothing for {}", name_, writer.options->name,
               core::format_duration(options_.timeout));
    show();
  }
}

void PubSubClient::show() {
  std::string silent;
  std::size_t alive = 0;
  for (const auto& [id, writer] : writers_) {
    if (writer.is_alive) {
      ++alive;
    } else {
      silent += (silent.empty() ? "" : ", ") + writer.options->name;
    }
  }
  std::string detail = fmt::format("{}:{}, {} of {} writers", options_.address, options_.port, alive, writers_.size());
  if (!silent.empty()) detail += "; nothing from " + silent;
  if (lost_count_ != 0) detail += fmt::format("; {} messages lost", lost_count_);
  if (!trouble_.empty()) detail += "; refused: " + trouble_;
  set_state(alive != 0 ? ConnectorState::kConnected : ConnectorState::kConnecting, std::move(detail));
}

void PubSubClient::set_state(ConnectorState state, std::string detail) {
  MutexLock lock(mutex_);
  if (status_.state != state) status_.since = context_.clock.now();
  if (status_.state == ConnectorState::kConnected && state == ConnectorState::kConnecting) ++status_.reconnects;
  status_.state = state;
  status_.detail = std::move(detail);
}

}  // namespace

std::unique_ptr<Connector> make_pubsub_client(std::string name, const PubSubOptions& options,
                                              const ConnectorContext& context) {
  return std::make_unique<PubSubClient>(std::move(name), options, context);
}

}  // namespace millwright::connectors

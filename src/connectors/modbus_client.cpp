#include "connectors/modbus_client.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "connectors/command_queue.hpp"
#include "connectors/intake.hpp"
#include "connectors/modbus_jobs.hpp"
#include "connectors/modbus_link.hpp"
#include "connectors/reading_bits.hpp"
#include "core/log.hpp"
#include "core/mutex.hpp"

namespace millwright::connectors {
namespace {

using core::DurationNs;
using core::Quality;
using core::TimeNs;
using core::ValueType;
using protocol::modbus::Number;

constexpr Quality kRefusedByDevice = core::kBadNodeIdUnknown;
constexpr Quality kFailedInDevice = core::kBadSensorFailure;
constexpr std::ptrdiff_t kToldEach = 5;     // registers of a device that are logged one by one
constexpr unsigned kSilencesOfADevice = 3;  // in a row: it is not a request's fault

// The bits of a number as the sensor's type.
std::optional<std::uint64_t> to_bits(const Number& number, ValueType type) {
  return std::visit([type](auto from) { return reading_bits(from, type); }, number);
}

Number scaled(const Number& raw, const ModbusRegister& source) {
  if (source.scale == 1 && source.offset == 0) return raw;
  const double value = std::visit([](auto number) { return static_cast<double>(number); }, raw);
  return value * source.scale + source.offset;
}

std::optional<double> number_of(const asset::CommandValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  return std::nullopt;
}

// A device as the bus knows it.
struct Health {
  TimeNs ready = 0;             // not before
  DurationNs pause = 0;         // 0: it answers
  bool behind_gateway = false;  // a gateway said that it does not
  std::uint64_t answers = 0;
  unsigned silences = 0;  // since the last answer
  TimeNs join = 0;        // when its requests are put together again; 0: they are
};

// The device said something of its own.
bool is_answer(const ModbusLink::Answer& answer) {
  return answer.good || answer.failure == ModbusLink::Failure::kRefused ||
         answer.failure == ModbusLink::Failure::kFailed;
}

class ModbusClient final : public Connector {
 public:
  ModbusClient(std::string name, ModbusOptions options, const ConnectorContext& context)
      : name_(std::move(name)),
        options_(std::move(options)),
        context_(context),
        log_(core::logger("modbus")),
        jobs_(options_, context.model, name_),
        intake_(context, name_),
        inlet_(context.pipeline, context.sources.add(name_)),
        epoch_(new_epoch(context, context.sources.add(name_))),
        late_(context.metrics.counter("millwright_modbus_late_total",
                                      "Turns of requests that were left out because the bus was too slow",
                                      {{"connector", name_}})),
        health_(options_.devices.size()) {
    status_.name = name_;
    status_.kind = "modbus";
    status_.since = context.clock.now();
  }
  ~ModbusClient() override { ModbusClient::stop(); }

  core::Status start() override;
  void stop() override;
  [[nodiscard]] ConnectorStatus status() const override;
  core::Result<std::string> execute(const asset::Command& command, std::span<const asset::CommandValue> values,
                                    core::DurationNs timeout) override {
    return commands_.ask(command, values, timeout);
  }

 private:
  void run();
  bool connect();
  void poll_until_lost();
  void read_job(std::size_t job);
  ModbusLink::Answer read_with_retries(const ModbusJob& job);
  void take_answer(const ModbusJob& job);
  void take_refusal(std::size_t job, const ModbusLink::Answer& answer);
  void tell_refusal(ModbusPoint& point, const ModbusLink::Answer& answer);
  void take_silence(std::size_t job, const ModbusLink::Answer& answer);
  void rest(std::uint32_t device, const ModbusLink::Answer& answer);
  void join_later(Health& health);
  void join_what_is_due();
  void take_loss(const std::string& why);
  std::optional<std::uint64_t> value_of(const ModbusPoint& point, const ModbusJob& job) const;
  template <typename Which>
  void say(Quality quality, const Which& which);
  void set_state(ConnectorState state, std::string detail) EXCLUDES(mutex_);
  [[nodiscard]] std::string connected_detail();
  // False: it is time to stop.
  bool wait_until(TimeNs time) EXCLUDES(mutex_);
  // The same, and carries out the commands that come meanwhile.
  bool serve_until(TimeNs time) EXCLUDES(mutex_);
  core::Result<std::string> write(const asset::Command& command, std::span<const asset::CommandValue> values);

  const std::string name_;
  const ModbusOptions options_;
  const ConnectorContext context_;
  std::shared_ptr<spdlog::logger> log_;
  ModbusJobs jobs_;
  Intake intake_;
  pipeline::Inlet inlet_;
  const std::uint64_t epoch_;
  core::Counter& late_;
  std::uint64_t sequence_ = 0;
  std::unique_ptr<ModbusLink> link_;
  std::vector<Health> health_;            // by device
  std::vector<std::uint16_t> registers_;  // of the last answer
  DurationNs pause_ = 0;                  // of the bus
  TimeNs free_at_ = 0;                    // when the bus may be used again
  bool has_connected_ = false;
  bool told_lost_ = false;
  std::vector<bool> mismatch_told_;  // by point

  std::thread thread_;
  mutable core::Mutex mutex_;
  core::Condition changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  ConnectorStatus status_ GUARDED_BY(mutex_);
  CommandQueue commands_{[this] {
    core::MutexLock lock(mutex_);
    changed_.notify_all();
  }};
};

core::Status ModbusClient::start() {
  ASSERT(!thread_.joinable(), "connector started twice");
  mismatch_told_.assign(jobs_.points().size(), false);
  for (const auto& [sensor, why] : jobs_.unknown()) log_->warn("{}: {}: {}", name_, sensor->path, why);
  thread_ = std::thread([this] { run(); });
  return {};
}

void ModbusClient::stop() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  commands_.close("the connector was stopped");
  set_state(ConnectorState::kStopped, "stopped");
}

ConnectorStatus ModbusClient::status() const {
  core::MutexLock lock(mutex_);
  ConnectorStatus status = status_;
  status.readings = intake_.readings();
  status.refused = intake_.refused();
  return status;
}

void ModbusClient::set_state(ConnectorState state, std::string detail) {
  core::MutexLock lock(mutex_);
  if (status_.state != state) status_.since = context_.clock.now();
  status_.state = state;
  status_.detail = std::move(detail);
}

bool ModbusClient::wait_until(TimeNs time) {
  core::MutexLock lock(mutex_);
  while (!stopping_) {
    const DurationNs left = time - context_.clock.monotonic();
    if (left <= 0) return true;
    changed_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  return false;
}

bool ModbusClient::serve_until(TimeNs time) {
  for (;;) {
    {
      core::MutexLock lock(mutex_);
      while (!stopping_ && !commands_.waits()) {
        const DurationNs left = time - context_.clock.monotonic();
        if (left <= 0) return true;
        changed_.wait_for(mutex_, std::chrono::nanoseconds(left));
      }
      if (stopping_) return false;
    }
    if (!wait_until(free_at_)) return false;
    commands_.serve([this](const auto& command, auto values) { return write(command, values); });
    if (!link_) return true;
  }
}

// "<device>/<register>", where the map says that the register may be written.
core::Result<std::string> ModbusClient::write(const asset::Command& command,
                                              std::span<const asset::CommandValue> values) {
  using core::ErrorCode;
  if (!link_) return core::unexpected(ErrorCode::kUnavailable, "the connection is lost");
  if (command.kind != asset::CommandKind::kWrite) {
    return core::unexpected(ErrorCode::kUnsupported, "Modbus has no methods: write a register");
  }
  const std::string& address = command.target.address;
  const std::size_t slash = address.find('/');
  const auto device = std::find_if(options_.devices.begin(), options_.devices.end(),
                                   [&](const ModbusDevice& one) { return one.name == address.substr(0, slash); });
  if (slash == std::string::npos || device == options_.devices.end()) {
    return core::unexpected(ErrorCode::kNotFound, fmt::format("'{}': there is no such device", address));
  }
  const auto& registers = device->map.registers;
  const auto target = std::find_if(registers.begin(), registers.end(),
                                   [&](const ModbusRegister& one) { return one.name == address.substr(slash + 1); });
  if (target == registers.end()) {
    return core::unexpected(ErrorCode::kNotFound, fmt::format("'{}': there is no such register", address));
  }
  if (!target->writable) {
    return core::unexpected(ErrorCode::kConflict,
                            fmt::format("'{}' may not be written: its map does not say 'writable: true'", address));
  }
  const auto value = number_of(values.empty() ? asset::CommandValue(command.value.value_or(0)) : values.front());
  if (!value) return core::unexpected(ErrorCode::kInvalid, "a register takes a number");
  auto words = is_bits(target->item.table)
                   ? std::optional(std::vector<std::uint16_t>{static_cast<std::uint16_t>(*value != 0 ? 1 : 0)})
                   : encode((*value - target->offset) / target->scale, target->layout);
  if (!words) return core::unexpected(ErrorCode::kInvalid, fmt::format("{} does not fit '{}'", *value, address));
  const ModbusLink::Answer answer = link_->write(device->unit, target->item, *words);
  free_at_ = context_.clock.monotonic() + options_.pause;
  if (answer.good) return std::string();
  if (is_answer(answer)) {
    return core::unexpected(ErrorCode::kConflict, fmt::format("the device refused: {}", answer.why));
  }
  return core::unexpected(ErrorCode::kTimeout, fmt::format("{}: it may have been carried out", answer.why));
}

void ModbusClient::run() {
  for (const auto& [sensor, why] : jobs_.unknown()) {
    core::BlockBatch& batch = inlet_.batch_for(sensor->id);
    const TimeNs now = context_.clock.now();
    batch.add(sensor->id, sensor->type, 1, now, 0, now).quality[0].quality = core::kBadNodeIdUnknown;
  }
  inlet_.submit_status();
  while (wait_until(0)) {
    if (connect()) poll_until_lost();
  }
}

// Tries once; after a failure it has waited before it gives up.
bool ModbusClient::connect() {
  const std::string bus = to_string(options_.bus);
  set_state(ConnectorState::kConnecting, "connecting to " + bus);
  auto link = ModbusLink::open(options_.bus, options_.timeout);
  if (!link) {
    take_loss(link.error().message);
    return false;
  }
  link_ = std::move(*link);
  if (has_connected_) {
    core::MutexLock lock(mutex_);
    ++status_.reconnects;
  }
  has_connected_ = true;
  const TimeNs now = context_.clock.monotonic();
  jobs_.begin(now);
  health_.assign(options_.devices.size(), {.ready = now});
  set_state(ConnectorState::kConnected, connected_detail());
  // After a loss, once somebody answers.
  if (!told_lost_) log_->info("{}: {}", name_, connected_detail());
  commands_.open();
  return true;
}

void ModbusClient::poll_until_lost() {
  if (jobs_.empty()) {
    serve_until(INT64_MAX);
    return;
  }
  while (link_) {
    join_what_is_due();
    TimeNs due = 0;
    const std::size_t job = jobs_.first([this](std::uint32_t device) { return health_[device].ready; }, due);
    if (!serve_until(std::max(due, free_at_)) || !link_) return;
    read_job(job);
  }
}

ModbusLink::Answer ModbusClient::read_with_retries(const ModbusJob& job) {
  const int unit = options_.devices[job.device].unit;
  // A device that was silent is only knocked at.
  int left = health_[job.device].pause != 0 || job.suspect ? 0 : options_.retries;
  for (;; --left) {
    const ModbusLink::Answer answer = link_->read(unit, job.request, registers_);
    free_at_ = context_.clock.monotonic() + options_.pause;
    const bool again =
        !answer.good && answer.failure != ModbusLink::Failure::kRefused && answer.failure != ModbusLink::Failure::kLost;
    if (!again || left <= 0 || !wait_until(free_at_)) return answer;
  }
}

void ModbusClient::read_job(std::size_t job) {
  const ModbusLink::Answer answer = read_with_retries(jobs_[job]);
  const bool lives = is_answer(answer);
  if (lives || answer.failure == ModbusLink::Failure::kGateway) {
    pause_ = 0;
    if (std::exchange(told_lost_, false)) log_->info("{}: {}", name_, connected_detail());
  }
  if (lives) {
    Health& health = health_[jobs_[job].device];
    ++health.answers;
    health.silences = 0;
    jobs_[job].silent_since.reset();
    if (std::exchange(health.pause, 0) != 0) {
      log_->info("{}: {} answers again", name_, options_.devices[jobs_[job].device].name);
      set_state(ConnectorState::kConnected, connected_detail());
    }
  }
  if (answer.good) {
    take_answer(jobs_[job]);
    late_.Increment(static_cast<double>(jobs_.done(job, context_.clock.monotonic())));
  } else if (lives) {
    take_refusal(job, answer);
  } else if (answer.failure == ModbusLink::Failure::kLost) {
    take_loss(fmt::format("{}: {}", to_string(options_.bus), answer.why));
  } else {
    take_silence(job, answer);
  }
}

std::optional<std::uint64_t> ModbusClient::value_of(const ModbusPoint& point, const ModbusJob& job) const {
  const ModbusRegister& source = *point.source;
  const std::size_t at = source.item.address - job.request.address;
  if (is_bits(source.item.table)) return to_bits(std::int64_t{registers_[at]}, point.sensor->type);
  const std::span<const std::uint16_t> words(registers_.data() + at, source.item.count);
  return to_bits(scaled(decode(words, source.layout), source), point.sensor->type);
}

void ModbusClient::take_answer(const ModbusJob& job) {
  const TimeNs now = context_.clock.now();
  for (const std::uint32_t index : job.request.items) {
    ModbusPoint& point = jobs_.points()[index];
    const asset::Sensor& sensor = *point.sensor;
    const auto bits = value_of(point, job);
    core::BlockBatch& batch = inlet_.batch_for(sensor.id);
    core::Block& block = batch.add(sensor.id, sensor.type, 1, now, 0, now);
    const std::uint64_t value = bits.value_or(0);
    std::memcpy(block.values, &value, core::width(sensor.type));
    if (!bits) {
      block.quality[0].quality = core::kBadTypeMismatch;
      intake_.refuse(Refusal::kWrongType);
      if (!mismatch_told_[index]) {
        log_->warn("{}: {} is declared {}, and '{}' does not fit without loss: give the sensor another type", name_,
                   sensor.path, core::to_string(sensor.type), sensor.source.address);
      }
      mismatch_told_[index] = true;
    }
    if (!std::exchange(point.problem, {}).empty()) {
      log_->info("{}: {}: '{}' is read again", name_, sensor.path, sensor.source.address);
      set_state(ConnectorState::kConnected, connected_detail());
      join_later(health_[job.device]);
    }
    intake_.inspect(batch, block);
  }
  inlet_.submit(epoch_, ++sequence_);
}

// After a while, so that a device that is busy is not asked the same again at once.
void ModbusClient::join_later(Health& health) {
  if (health.join == 0) health.join = context_.clock.monotonic() + options_.bad_register_retry;
}

void ModbusClient::join_what_is_due() {
  const TimeNs now = context_.clock.monotonic();
  for (std::uint32_t device = 0; device < health_.size(); ++device) {
    Health& health = health_[device];
    if (health.join == 0 || health.join > now || health.pause != 0) continue;
    health.join = 0;
    jobs_.join(device, now);
  }
}

void ModbusClient::take_refusal(std::size_t job, const ModbusLink::Answer& answer) {
  // What may pass is not cut apart for good.
  if (answer.failure != ModbusLink::Failure::kRefused) join_later(health_[jobs_[job].device]);
  if (jobs_.refused(job, context_.clock.monotonic(), options_.bad_register_retry)) return;
  tell_refusal(jobs_.points()[jobs_[job].request.items.front()], answer);
}

// Once, until its reason changes.
void ModbusClient::tell_refusal(ModbusPoint& point, const ModbusLink::Answer& answer) {
  if (point.told && point.problem == answer.why) return;
  if (point.problem != answer.why) {
    const auto others = std::count_if(jobs_.points().begin(), jobs_.points().end(), [&](const ModbusPoint& one) {
      return one.device == point.device && !one.problem.empty();
    });
    // The status counts the rest.
    log_->log(others < kToldEach ? spdlog::level::warn : spdlog::level::debug,
              "{}: {}: '{}' is refused by its device: {}; trying again every {}", name_, point.sensor->path,
              point.sensor->source.address, answer.why, core::format_duration(options_.bad_register_retry));
  }
  point.problem = answer.why;
  say(answer.failure == ModbusLink::Failure::kRefused ? kRefusedByDevice : kFailedInDevice,
      [&](const ModbusPoint& one) { return &one == &point; });
  point.told = true;
  set_state(ConnectorState::kConnected, connected_detail());
}

// Some devices say nothing where they ought to refuse: a request that is not answered, while others of its device are,
// is at fault itself.
void ModbusClient::take_silence(std::size_t job, const ModbusLink::Answer& answer) {
  ModbusJob& one = jobs_[job];
  Health& health = health_[one.device];
  const bool others_are_answered = one.silent_since && *one.silent_since < health.answers;
  if (others_are_answered && ++health.silences < kSilencesOfADevice && health.pause == 0) {
    if (one.request.items.size() == 1) one.silent_since = health.answers;
    ModbusLink::Answer refusal = answer;
    refusal.why = fmt::format("no answer, though others of the device get one ({})", answer.why);
    return take_refusal(job, refusal);
  }
  one.silent_since = health.answers;
  const std::uint32_t device = one.device;
  jobs_.postpone(job, context_.clock.monotonic());
  rest(device, answer);
}

// A device that is silent waits longer and longer. Where none of a connection's answers, not even another request, the
// connection is what is bad, but where a gateway speaks for one.
void ModbusClient::rest(std::uint32_t device, const ModbusLink::Answer& answer) {
  Health& health = health_[device];
  const bool first = health.pause == 0;
  health.pause = first ? options_.retry_min : std::min(health.pause * 2, options_.retry_max);
  health.ready = context_.clock.monotonic() + health.pause;
  health.behind_gateway = answer.failure == ModbusLink::Failure::kGateway;
  const bool all = std::all_of(health_.begin(), health_.end(),
                               [](const Health& one) { return one.pause != 0 && !one.behind_gateway; });
  if (all && !first && std::holds_alternative<ModbusTcp>(options_.bus)) {
    return take_loss(fmt::format("{}: no device answers ({})", to_string(options_.bus), answer.why));
  }
  if (!first) return;
  if (!told_lost_) log_->warn("{}: {} does not answer: {}", name_, options_.devices[device].name, answer.why);
  say(core::kBadNoCommunication, [&](const ModbusPoint& one) { return one.device == device; });
  set_state(ConnectorState::kConnected, connected_detail());
}

void ModbusClient::take_loss(const std::string& why) {
  link_.reset();
  commands_.close(why);
  pause_ = pause_ == 0 ? options_.retry_min : std::min(pause_ * 2, options_.retry_max);
  const std::string detail = fmt::format("{}; trying again in {}", why, core::format_duration(pause_));
  if (!told_lost_) {
    log_->warn("{}: {}", name_, detail);
    say(core::kBadNoCommunication, [](const ModbusPoint&) { return true; });
  }
  told_lost_ = true;
  set_state(ConnectorState::kBackingOff, detail);
  wait_until(context_.clock.monotonic() + pause_);
}

template <typename Which>
void ModbusClient::say(Quality quality, const Which& which) {
  const TimeNs now = context_.clock.now();
  for (ModbusPoint& point : jobs_.points()) {
    if (!which(point)) continue;
    point.told = false;
    const asset::Sensor& sensor = *point.sensor;
    core::BlockBatch& batch = inlet_.batch_for(sensor.id);
    core::Block& block = batch.add(sensor.id, sensor.type, 1, now, 0, now);
    const std::uint64_t last = context_.live.read(sensor.id).bits;
    std::memcpy(block.values, &last, core::width(sensor.type));
    block.quality[0].quality = quality;
  }
  inlet_.submit_status();
}

std::string ModbusClient::connected_detail() {
  const auto points = jobs_.points();
  const auto refused =
      std::count_if(points.begin(), points.end(), [](const auto& one) { return !one.problem.empty(); });
  std::string detail = fmt::format("{}: {} registers of {} devices", to_string(options_.bus),
                                   points.size() - static_cast<std::size_t>(refused), options_.devices.size());
  for (std::size_t i = 0; i < health_.size(); ++i) {
    if (health_[i].pause != 0) detail += fmt::format("; {} does not answer", options_.devices[i].name);
  }
  const auto bad = std::find_if(points.begin(), points.end(), [](const auto& one) { return !one.problem.empty(); });
  if (bad != points.end()) {
    detail += fmt::format("; '{}': {}", bad->sensor->source.address, bad->problem);
    if (refused > 1) detail += fmt::format(", and {} more", refused - 1);
  }
  if (!jobs_.unknown().empty()) detail += "; " + jobs_.unknown().front().why;
  return detail;
}

}  // namespace

std::unique_ptr<Connector> make_modbus_client(std::string name, const ModbusOptions& options,
                                              const ConnectorContext& context) {
  return std::make_unique<ModbusClient>(std::move(name), options, context);
}

}  // namespace millwright::connectors

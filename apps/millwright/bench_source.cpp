#include "bench_source.hpp"

#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "bench_line_source.hpp"
#include "connectors/burst_client.hpp"
#include "connectors/burst_server.hpp"
#include "core/mutex.hpp"
#include "io/file_system.hpp"
#include "io/network.hpp"
#include "io/random.hpp"
#include "io/tls.hpp"
#include "security/authority.hpp"

namespace millwright::app {
namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kSeed = 1;
constexpr float kFault = 40;               // far outside of the learnt limits, inside the sensor's range
constexpr std::uint32_t kUncertain = 5;    // readings of a block
constexpr std::uint64_t kFaultRounds = 2;  // a fault lasts so many rounds, then its sensor is well for the rest of 64

// Straight into the pipeline.
class MemorySource final : public BenchSource {
 public:
  MemorySource(const IngestOptions& options, engine::Engine& engine, io::Clock& clock)
      : BenchSource(options, clock), inlet_(engine.pipeline(), engine.sources().add("bench")) {}
  [[nodiscard]] std::uint64_t durable() const override { return durable_.load(); }

 private:
  // Counts a batch's readings as durable when its commit is done.
  class Settled final : public core::Receipt {
   public:
    Settled(std::atomic<std::uint64_t>& durable, std::uint64_t readings) : durable_(durable), readings_(readings) {}
    void settle() override { durable_ += readings_; }

   private:
    std::atomic<std::uint64_t>& durable_;
    const std::uint64_t readings_;
  };

  void begin_batch() override { received_ = clock_.now(); }
  void add(const Part& part) override {
    core::BlockBatch& batch = inlet_.batch_for(core::SensorId(part.sensor));
    const auto count = static_cast<std::uint32_t>(part.values.size());
    core::Block& block =
        batch.add(core::SensorId(part.sensor), core::ValueType::kFloat32, count, part.start, part.period, received_);
    float* out = block.as<float>().data();
    for (std::uint32_t i = 0; i < count; ++i) out[i] = part.values[i] + part.offset;
    if (!part.times.empty()) {
      auto* times = batch.allocate_array<core::TimeNs>(count);
      std::copy(part.times.begin(), part.times.end(), times);
      block.times = times;
    }
    if (!part.quality.empty()) batch.set_runs(block, part.quality);
  }
  void end_batch() override { inlet_.submit(1, ++sequence_, std::make_shared<Settled>(durable_, inlet_.pending())); }

  std::atomic<std::uint64_t> durable_{0};
  pipeline::Inlet inlet_;
  core::TimeNs received_ = 0;
  std::uint64_t sequence_ = 0;
};

// As a burst stream: the published client, loopback TCP, and the connector that a plant has.
class TcpSource final : public BenchSource {
 public:
  TcpSource(const IngestOptions& options, engine::Engine& engine, io::Clock& clock)
      : BenchSource(options, clock), options_(options), engine_(engine), model_(engine.model()) {}
  ~TcpSource() override {
    if (client_) client_->stop();
    if (server_) server_->stop();
  }

  core::Status start() {
    connectors::BurstServerOptions listener;
    listener.port = 0;
    io::Network* network = &network_;
    if (options_.tls) {
      if (auto made = make_certificates(listener.tls); !made) return made;
      auto trust = io::tls_context(io::TlsTrust{listener.tls.client_ca, listener.tls.certificate, listener.tls.key});
      if (!trust) return core::unexpected(trust.error());
      network = &secured_.emplace(network_, std::move(*trust));
    }
    server_.emplace("bench", listener, bench_context(engine_, network_, clock_));
    if (auto up = server_->start(); !up) return up;
    client_ = std::make_unique<connectors::BurstClient>(
        connectors::BurstClientOptions{.address = {"127.0.0.1", server_->port()}, .source = "bench", .client = "bench"},
        *network, clock_);
    std::vector<connectors::BurstClient::Channel> channels;
    for (const asset::Sensor& sensor : model_.sensors()) {
      channels.push_back({sensor.id.value, sensor.type, sensor.source.address});
    }
    client_->declare(std::move(channels));
    client_->start();
    return {};
  }

  [[nodiscard]] std::uint64_t durable() const override { return client_->statistics().readings_acked; }

 private:
  // An authority that lives as long as the run, and one certificate for both sides.
  core::Status make_certificates(io::TlsFiles& files) {
    const auto authority = security::make_authority("bench", clock_.now());
    if (!authority) return core::unexpected(authority.error());
    const auto pair = security::issue(*authority, {"127.0.0.1"}, clock_.now());
    if (!pair) return core::unexpected(pair.error());
    files = {options_.directory + "/tls.crt", options_.directory + "/tls.key", options_.directory + "/ca.crt"};
    io::RealFileSystem disk;
    core::Status done = io::write_file_atomically(disk, files.certificate, pair->certificate);
    if (done) done = io::write_file_atomically(disk, files.key, pair->key);
    return done ? io::write_file_atomically(disk, files.client_ca, authority->certificate) : done;
  }
  void begin_batch() override {
    blocks_.clear();
    shifted_.clear();
  }
  void add(const Part& part) override {
    const float* values = part.values.data();
    if (part.offset != 0) {
      std::vector<float>& shifted = shifted_.emplace_back(part.values.begin(), part.values.end());
      for (float& value : shifted) value += part.offset;
      values = shifted.data();
    }
    blocks_.push_back({.channel = part.sensor,
                       .type = core::ValueType::kFloat32,
                       .count = static_cast<std::uint32_t>(part.values.size()),
                       .start = part.start,
                       .period = part.period,
                       .times = part.times.empty() ? nullptr : part.times.data(),
                       .values = values,
                       .quality = part.quality});
  }
  void end_batch() override {
    const core::Status sent = client_->send(blocks_);
    ASSERT(sent.has_value(), "the benchmark's own frame was refused");
  }

  const IngestOptions& options_;
  engine::Engine& engine_;
  io::RealNetwork network_;
  std::optional<io::TlsNetwork> secured_;
  const asset::Model& model_;
  std::optional<connectors::BurstServer> server_;
  std::unique_ptr<connectors::BurstClient> client_;
  std::deque<std::vector<float>> shifted_;
  std::vector<protocol::burst::OutBlock> blocks_;
};

}  // namespace

connectors::ConnectorContext bench_context(engine::Engine& engine, io::Network& network, io::Clock& clock) {
  return {.model = engine.model(),
          .pipeline = engine.pipeline(),
          .sources = engine.sources(),
          .live = engine.live(),
          .clock = clock,
          .network = network,
          .metrics = engine.metrics(),
          .texts = engine.history().texts(),
          .durable = [&engine](core::SourceId source) { return engine.history().durable(source); }};
}

BenchSource::BenchSource(const IngestOptions& options, io::Clock& clock)
    : clock_(clock),
      sensors_(options.sensors),
      block_(options.block),
      period_(static_cast<core::DurationNs>(static_cast<double>(core::kSecond) / options.rate_hz)),
      signal_(kSeed),
      irregular_(kSensorsPerBatch / kIrregularEvery + 2),
      first_time_(clock.now() - 24 * core::kHour) {
  io::Random random(kSeed);
  // Up to a fifth of the period late, in whole microseconds.
  const auto late_max = static_cast<std::uint64_t>(std::max<core::DurationNs>(1, period_ / 5 / core::kMicrosecond));
  for (std::uint32_t i = 0; i < BenchSignal::kBlockMax; ++i) {
    jitter_.push_back(static_cast<core::DurationNs>(random.below(late_max)) * core::kMicrosecond);
  }
  const std::uint32_t some = std::min(kUncertain, block_);
  uncertain_ = {{{block_ - some, core::kGood}, {some, core::kUncertainLastUsable}}};
}

void BenchSource::make_irregular(Part& part) {
  auto& times = irregular_[irregular_used_++];
  times.resize(part.values.size());
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = part.time(i) + jitter_[(i + part.sensor) % jitter_.size()];
  part.times = times;
}

// A sensor's readings follow each other without a gap, in source time that runs as fast as the benchmark does.
void BenchSource::play_round(bool faults, const std::function<bool()>& enough) {
  const core::TimeNs start = first_time_ + static_cast<core::TimeNs>(round_ * block_) * period_;
  for (std::uint32_t first = 0; first < sensors_; first += kSensorsPerBatch) {
    if (enough && enough()) return;
    const std::uint32_t last = std::min(first + kSensorsPerBatch, sensors_);
    begin_batch();
    irregular_used_ = 0;
    for (std::uint32_t sensor = first; sensor < last; ++sensor) {
      const bool faulty = faults && sensor % kFaultEvery == round_ / kFaultRounds % kFaultEvery;
      Part part{.sensor = sensor,
                .start = start,
                .period = period_,
                .values = signal_.values(sensor, round_ * block_, block_),
                .offset = faulty ? kFault : 0.0F,
                .times = {},
                .quality = {}};
      if (sensor % kIrregularEvery == kIrregularEvery - 1) make_irregular(part);
      if (sensor % kUncertainEvery == kUncertainEvery - 1) part.quality = uncertain_;
      add(part);
    }
    end_batch();
    handed_over_ += std::uint64_t{last - first} * block_;
    pace(std::uint64_t{last - first} * block_);
  }
  ++round_;
}

void BenchSource::start_pacing(double target_per_s) {
  target_per_s_ = target_per_s;
  paced_ = 0;
  pacing_start_ = steady_clock::now();
}

void BenchSource::pace(std::uint64_t readings) {
  if (target_per_s_ <= 0) return;
  paced_ += readings;
  const auto due = pacing_start_ + std::chrono::duration_cast<steady_clock::duration>(
                                       std::chrono::duration<double>(static_cast<double>(paced_) / target_per_s_));
  std::this_thread::sleep_until(due);
}

void BenchSource::wait_until_durable() const {
  while (durable() < handed_over_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

core::Result<std::unique_ptr<BenchSource>> make_bench_source(const IngestOptions& options, engine::Engine& engine,
                                                             io::Clock& clock) {
  if (options.source == IngestSource::kMemory) {
    return std::unique_ptr<BenchSource>(std::make_unique<MemorySource>(options, engine, clock));
  }
  if (options.source == IngestSource::kLine) return make_line_source(options, engine, clock);
  auto source = std::make_unique<TcpSource>(options, engine, clock);
  if (auto up = source->start(); !up) return core::unexpected(up.error());
  return std::unique_ptr<BenchSource>(std::move(source));
}

}  // namespace millwright::app

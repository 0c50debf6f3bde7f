#include "bench_line_source.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "connectors/influx_server.hpp"
#include "core/mutex.hpp"
#include "io/network.hpp"
#include "rendered_numbers.hpp"

namespace millwright::app {
namespace {

constexpr std::size_t kConnections = 64;
constexpr std::size_t kLinesPerRequest = 10'000;
constexpr core::DurationNs kTimeout = core::kMinute;

std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

connectors::InfluxServerOptions free_port() {
  connectors::InfluxServerOptions options;
  options.port = 0;
  return options;
}

class LineSource final : public BenchSource {
 public:
  LineSource(const IngestOptions& options, engine::Engine& engine, io::Clock& clock)
      : BenchSource(options, clock), server_("bench", free_port(), bench_context(engine, network_, clock)) {
    for (const asset::Sensor& sensor : engine.model().sensors()) prefixes_.push_back(sensor.source.address + "=");
  }
  ~LineSource() override {
    for (Connection& connection : connections_) {
      if (connection.stream) connection.stream->shut_down();
    }
    {
      core::MutexLock lock(mutex_);
      ending_ = true;
      changed_.notify_all();
    }
    if (reader_.joinable()) reader_.join();
    server_.stop();
  }

  core::Status start() {
    if (auto up = server_.start(); !up) return up;
    for (Connection& connection : connections_) {
      auto stream = network_.connect({"127.0.0.1", server_.port()}, kTimeout);
      if (!stream) return core::unexpected(stream.error());
      connection.stream = std::move(*stream);
    }
    reader_ = std::thread([this] { read_answers(); });
    return {};
  }

  [[nodiscard]] std::uint64_t durable() const override { return durable_; }

 private:
  struct Connection {
    std::unique_ptr<io::Stream> stream;
    std::uint64_t asked = 0;  // readings of the request that waits for its answer
  };

  void begin_batch() override { parts_.clear(); }
  void add(const Part& part) override { parts_.push_back(part); }
  void end_batch() override {
    const std::size_t step = std::max<std::size_t>(1, kLinesPerRequest / parts_.front().values.size());
    for (std::size_t from = 0; from < parts_.size(); from += step) {
      send(std::span(parts_).subspan(from, std::min(step, parts_.size() - from)));
    }
  }

  void send(std::span<const Part> parts) {
    render(parts);
    Connection& connection = connections_[next_];
    next_ = (next_ + 1) % kConnections;
    {
      core::MutexLock lock(mutex_);
      while (connection.asked != 0) changed_.wait(mutex_);
      connection.asked = parts.size() * parts.front().values.size();
    }
    const std::string head =
        fmt::format("POST /write?db=bench HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", text_.size());
    const bool sent = connection.stream->write_all(as_bytes(head), kTimeout).has_value() &&
                      connection.stream->write_all(as_bytes(text_), kTimeout).has_value();
    ASSERT(sent, "the benchmark's own request was refused");
    core::MutexLock lock(mutex_);
    changed_.notify_all();
  }

  void render(std::span<const Part> parts) {
    const std::size_t rows = parts.front().values.size();
    std::size_t room = 0;
    for (const Part& part : parts) room += rows * (prefixes_[part.sensor].size() + 32);
    text_.resize(room);
    char* out = text_.data();
    std::string irregular;
    for (std::size_t row = 0; row < rows; ++row) {
      const std::string regular =
          fmt::format(" {}\n", parts.front().start + static_cast<core::TimeNs>(row) * parts.front().period);
      for (const Part& part : parts) {
        const std::string& prefix = prefixes_[part.sensor];
        std::memcpy(out, prefix.data(), prefix.size());
        out = numbers_.put(part.values[row] + part.offset, out + prefix.size());
        const std::string& time = part.times.empty() ? regular : irregular = fmt::format(" {}\n", part.time(row));
        std::memcpy(out, time.data(), time.size());
        out += time.size();
      }
    }
    text_.resize(static_cast<std::size_t>(out - text_.data()));
  }

  // In the order of the requests.
  void read_answers() {
    for (std::size_t at = 0;; at = (at + 1) % kConnections) {
      {
        core::MutexLock lock(mutex_);
        while (connections_[at].asked == 0 && !ending_) changed_.wait(mutex_);
        if (ending_) return;
      }
      std::string answer;
      while (answer.find("\r\n\r\n") == std::string::npos) {
        std::array<std::byte, 4096> bytes;
        const auto got = connections_[at].stream->read_some(bytes, kTimeout);
        ASSERT(got.has_value(), "the benchmark's own connection ended");
        answer.append(reinterpret_cast<const char*>(bytes.data()), *got);
      }
      ASSERT(answer.starts_with("HTTP/1.1 204"), "the benchmark's own lines were refused: " + answer);
      core::MutexLock lock(mutex_);
      durable_ += std::exchange(connections_[at].asked, 0);
      changed_.notify_all();
    }
  }

  const RenderedNumbers numbers_;
  std::vector<std::string> prefixes_;  // by sensor
  io::RealNetwork network_;
  connectors::InfluxServer server_;
  std::vector<Part> parts_;
  std::string text_;
  std::size_t next_ = 0;
  std::atomic<std::uint64_t> durable_{0};
  std::array<Connection, kConnections> connections_;  // `asked` under the mutex
  core::Mutex mutex_;
  core::Condition changed_;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::thread reader_;
};

}  // namespace

core::Result<std::unique_ptr<BenchSource>> make_line_source(const IngestOptions& options, engine::Engine& engine,
                                                            io::Clock& clock) {
  auto source = std::make_unique<LineSource>(options, engine, clock);
  if (auto up = source->start(); !up) return core::unexpected(up.error());
  return std::unique_ptr<BenchSource>(std::move(source));
}

}  // namespace millwright::app

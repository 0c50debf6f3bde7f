#include "bench_parts.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "bench_signal.hpp"
#include "connectors/burst_client.hpp"
#include "io/clock.hpp"
#include "rendered_numbers.hpp"

namespace millwright::app {
namespace {

using core::Status;
using core::unexpected;

constexpr std::uint64_t kSeed = 1;
constexpr std::size_t kBlocksPerFrame = 250;

Status write_file(const std::string& directory, std::uint64_t number, std::string_view bytes) {
  const std::string path = fmt::format("{}/{:06}", directory, number);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file)
    return unexpected(core::ErrorCode::kIo, fmt::format("cannot write {}; is there room, and a folder?", path));
  return {};
}

// Lines in order of time, all machines of a moment after each other.
class LineRenderer {
 public:
  explicit LineRenderer(const BenchPart& part) : part_(part), signal_(kSeed) {
    for (std::uint32_t m = 0; m < part.machines; ++m)
      heads_.push_back("plant_" + part.prefix + ",machine=" + part.machine(m) + " ");
    for (std::uint32_t s = 0; s < part.sensors; ++s) fields_.push_back(fmt::format("{}s{}=", s == 0 ? "" : ",", s));
  }

  std::string_view rows(std::uint64_t from, std::uint64_t to) {
    constexpr std::size_t kField = 8 + RenderedNumbers::kBytesMax;
    text_.resize((to - from) * part_.machines * (64 + heads_.back().size() + part_.sensors * kField));
    char* out = text_.data();
    for (std::uint64_t row = from; row < to; ++row) {
      const std::string time = fmt::format(" {}\n", part_.start() + static_cast<core::TimeNs>(row) * part_.period());
      for (std::uint32_t m = 0; m < part_.machines; ++m) {
        out = append(heads_[m], out);
        for (std::uint32_t s = 0; s < part_.sensors; ++s) {
          out = append(fields_[s], out);
          out = numbers_.put(signal_.values(m * part_.sensors + s, row, 1)[0], out);
        }
        out = append(time, out);
      }
    }
    return std::string_view(text_).substr(0, static_cast<std::size_t>(out - text_.data()));
  }

 private:
  static char* append(const std::string& text, char* out) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
  }

  const BenchPart& part_;
  const BenchSignal signal_;
  const RenderedNumbers numbers_;
  std::vector<std::string> heads_;
  std::vector<std::string> fields_;
  std::string text_;
};

// One block of columns, its rows machine by machine, as the table is ordered.
class NativeRenderer {
 public:
  explicit NativeRenderer(const BenchPart& part) : part_(part), signal_(kSeed) {}

  std::string_view rows(std::uint64_t from, std::uint64_t to) {
    bytes_.clear();
    put_length(3 + part_.sensors);
    put_length((to - from) * part_.machines);
    const auto for_each_row = [&](const auto& put) {
      for (std::uint32_t m = 0; m < part_.machines; ++m) {
        for (std::uint64_t row = from; row < to; ++row) put(m, row);
      }
    };
    const auto ms_of = [&](std::uint64_t row) {
      return (part_.start() + static_cast<core::TimeNs>(row) * part_.period()) / core::kMillisecond;
    };
    begin_column("machine", "String");
    for_each_row([&](std::uint32_t m, std::uint64_t) { put_text(part_.machine(m)); });
    begin_column("time", "DateTime");
    for_each_row([&](std::uint32_t, std::uint64_t row) { put(static_cast<std::uint32_t>(ms_of(row) / 1000)); });
    begin_column("ms", "UInt16");
    for_each_row([&](std::uint32_t, std::uint64_t row) { put(static_cast<std::uint16_t>(ms_of(row) % 1000)); });
    for (std::uint32_t s = 0; s < part_.sensors; ++s) {
      begin_column(fmt::format("s{}", s), "Float32");
      for_each_row([&](std::uint32_t m, std::uint64_t row) { put(signal_.values(m * part_.sensors + s, row, 1)[0]); });
    }
    return bytes_;
  }

 private:
  void put_length(std::uint64_t length) {
    for (; length >= 0x80; length >>= 7) bytes_.push_back(static_cast<char>(length | 0x80));
    bytes_.push_back(static_cast<char>(length));
  }
  void put_text(std::string_view text) {
    put_length(text.size());
    bytes_ += text;
  }
  void begin_column(std::string_view name, std::string_view type) {
    put_text(name);
    put_text(type);
  }
  template <typename T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  const BenchPart& part_;
  const BenchSignal signal_;
  std::string bytes_;
};

template <typename Renderer>
Status render(const BenchPart& part, const std::string& directory, std::uint64_t readings_per_file) {
  Renderer renderer(part);
  const std::uint64_t step = std::max<std::uint64_t>(1, readings_per_file / part.machines / part.sensors);
  std::uint64_t number = 0;
  for (std::uint64_t row = 0; row < part.rows; row += step) {
    if (auto done = write_file(directory, number++, renderer.rows(row, std::min(row + step, part.rows))); !done) {
      return done;
    }
  }
  return {};
}

void declare(const BenchPart& part, connectors::BurstClient& client) {
  std::vector<connectors::BurstClient::Channel> channels;
  for (std::uint32_t m = 0; m < part.machines; ++m) {
    for (std::uint32_t s = 0; s < part.sensors; ++s) {
      channels.push_back({m * part.sensors + s, core::ValueType::kFloat32,
                          fmt::format("plant_{},machine={} s{}", part.prefix, part.machine(m), s)});
    }
  }
  client.declare(std::move(channels));
}

Status send_rows(const BenchPart& part, const BenchSignal& signal, std::uint64_t row, std::uint32_t count,
                 connectors::BurstClient& client) {
  std::vector<protocol::burst::OutBlock> blocks;
  const std::uint32_t channels = part.machines * part.sensors;
  for (std::uint32_t channel = 0; channel < channels; ++channel) {
    blocks.push_back({.channel = channel,
                      .type = core::ValueType::kFloat32,
                      .count = count,
                      .start = part.start() + static_cast<core::TimeNs>(row) * part.period(),
                      .period = part.period(),
                      .values = signal.values(channel, row, count).data(),
                      .quality = {}});
    if (blocks.size() < kBlocksPerFrame && channel + 1 < channels) continue;
    if (auto sent = client.send(blocks); !sent) return sent;
    blocks.clear();
  }
  return {};
}

}  // namespace

core::DurationNs BenchPart::period() const {
  return static_cast<core::DurationNs>(std::llround(static_cast<double>(core::kSecond) / rate_hz));
}

core::TimeNs BenchPart::start() const {
  return end_ns - static_cast<core::TimeNs>(rows) * period();
}

std::string BenchPart::machine(std::uint32_t number) const {
  return fmt::format("{}{:03}", prefix, number);
}

Status render_part(const BenchPart& part, BenchFormat format, const std::string& directory,
                   std::uint64_t readings_per_file) {
  return format == BenchFormat::kLine ? render<LineRenderer>(part, directory, readings_per_file)
                                      : render<NativeRenderer>(part, directory, readings_per_file);
}

core::Result<double> feed_part(const BenchPart& part, const io::Address& address, std::uint32_t block) {
  using std::chrono::steady_clock;
  const BenchSignal signal(kSeed);
  io::RealNetwork network;
  io::RealClock clock;
  connectors::BurstClient client({.address = address, .source = "bench-" + part.prefix}, network, clock);
  declare(part, client);
  client.start();
  const auto start = steady_clock::now();
  for (std::uint64_t row = 0; row < part.rows; row += block) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(block, part.rows - row));
    if (auto sent = send_rows(part, signal, row, count, client); !sent) return unexpected(sent.error());
  }
  const bool all = client.flush(10 * core::kMinute);
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  const auto statistics = client.statistics();
  client.stop();
  if (!all) {
    return unexpected(core::ErrorCode::kTimeout, fmt::format("not all was acknowledged: {}", statistics.last_error));
  }
  if (statistics.channels_refused != 0) {
    return unexpected(
        core::ErrorCode::kInvalid,
        fmt::format("the plant refused {} of the channels, which must be the addresses of its sensors: {}",
                    statistics.channels_refused, statistics.last_error));
  }
  return seconds;
}

}  // namespace millwright::app

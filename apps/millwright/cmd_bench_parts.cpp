// bench signal: the benchmarks' readings as files in another database's batch format.
// bench feed: the same readings as a burst stream to a plant that runs.

#include <charconv>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_parts.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

void add_part(CLI::App& sub, BenchPart& part) {
  sub.add_option("--prefix", part.prefix, "of the machines' names: m gives m000, m001, …")->capture_default_str();
  sub.add_option("--machines", part.machines, "machines")->check(CLI::Range(1, 1000))->capture_default_str();
  sub.add_option("--sensors", part.sensors, "sensors of a machine")->check(CLI::Range(1, 1000))->capture_default_str();
  sub.add_option("--rate", part.rate_hz, "readings/s of a sensor, 0.001 to 1000")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  sub.add_option("--rows", part.rows, "readings of a sensor")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}))
      ->capture_default_str();
  sub.add_option("--end", part.end_ns, "one period after the last reading, in ns since 1970")->required();
}

int signal(const BenchPart& part, BenchFormat format, const std::string& directory, std::uint64_t per_file) {
  if (auto done = render_part(part, format, directory, per_file); !done) return fail(done.error());
  return kDone;
}

int feed(const BenchPart& part, const std::string& address, std::uint32_t block, bool json) {
  const auto colon = address.rfind(':');
  std::uint16_t port = 0;
  const auto* end = address.data() + address.size();
  if (colon == std::string::npos || std::from_chars(address.data() + colon + 1, end, port).ptr != end || port == 0) {
    return fail(
        {core::ErrorCode::kInvalid, fmt::format("--connect {}: write HOST:PORT, such as 127.0.0.1:4850", address)});
  }
  const auto seconds = feed_part(part, {address.substr(0, colon), port}, block);
  if (!seconds) return fail(seconds.error());
  const double rate = static_cast<double>(part.readings()) / *seconds;
  if (json) {
    fmt::print("{}\n",
               nlohmann::json{{"readings", part.readings()}, {"seconds", *seconds}, {"readings_per_s", rate}}.dump());
  } else {
    fmt::print("{} readings in {:.2f} s, acknowledged as on disk: {:.2f} M readings/s\n", part.readings(), *seconds,
               rate / 1e6);
  }
  return kDone;
}

void add_signal(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("signal", "write the benchmarks' readings as files, one request's body each");
  auto part = std::make_shared<BenchPart>();
  auto format = std::make_shared<std::string>("line");
  auto directory = std::make_shared<std::string>();
  auto per_file = std::make_shared<std::uint64_t>(100'000);
  add_part(*sub, *part);
  sub->add_option("--format", *format, "line: InfluxDB's line protocol; native: ClickHouse's Native")
      ->check(CLI::IsMember({"line", "native"}))
      ->capture_default_str();
  sub->add_option("--dir", *directory, "folder for the files")->required()->check(CLI::ExistingDirectory);
  sub->add_option("--per-file", *per_file, "readings a file, about")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  sub->callback([=] {
    const auto kind = *format == "line" ? BenchFormat::kLine : BenchFormat::kNative;
    set([=] { return signal(*part, kind, *directory, *per_file); });
  });
}

void add_feed(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("feed", "send the benchmarks' readings to a plant's burst connector");
  auto part = std::make_shared<BenchPart>();
  auto address = std::make_shared<std::string>("127.0.0.1:4850");
  auto block = std::make_shared<std::uint32_t>(1000);
  auto json = std::make_shared<bool>(false);
  add_part(*sub, *part);
  sub->add_option("--connect", *address, "HOST:PORT of the connector")->capture_default_str();
  sub->add_option("--block", *block, "readings of one sensor that come together")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return feed(*part, *address, *block, *json); }); });
}

}  // namespace

void add_bench_parts(CLI::App& bench, const SetCommand& set) {
  add_signal(bench, set);
  add_feed(bench, set);
}

}  // namespace millwright::app

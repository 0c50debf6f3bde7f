// bench ingest: the whole way, calibrate to fdatasync, from a source that costs next to nothing.
// bench codec: the historian's codec alone, on the columns of a CSV or on the same signal.
// bench spc: control charts. bench pca: T2 and SPE of a machine's rows, in batches. bench vibration: features.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "bench_codec.hpp"
#include "bench_ingest.hpp"
#include "bench_pca.hpp"
#include "bench_query.hpp"
#include "bench_recovery.hpp"
#include "bench_spc.hpp"
#include "bench_support.hpp"
#include "bench_vibration.hpp"
#include "commands.hpp"

namespace millwright::app {
namespace {

struct SourceName {
  std::string_view name;
  std::string_view description;
};
// By IngestSource.
constexpr std::array<SourceName, 3> kSources{
    {{"memory", "from memory"},
     {"tcp", "burst stream over loopback TCP"},
     {"line",
      "line protocol over loopback HTTP, 10,000 lines a request, 64 connections; the sender puts the lines "
      "together from rendered numbers on the same cores"}}};

const SourceName& source_name(const IngestOptions& options) {
  return kSources[static_cast<std::size_t>(options.source)];
}

void print_json(const IngestOptions& options, const IngestResult& result) {
  const nlohmann::json json = {
      {"source", source_name(options).name},
      {"tls", options.tls},
      {"readings_per_s", result.readings_per_s},
      {"bytes_per_reading", result.bytes_per_reading},
      {"alarm_latency_ms", {{"p50", result.alarm_p50_ms}, {"p99", result.alarm_p99_ms}, {"alarms", result.alarms}}},
      {"cores", std::thread::hardware_concurrency()},
      {"cores_used", result.cores_used},
      {"readings", result.readings},
      {"seconds", result.seconds},
      {"sensors", options.sensors},
      {"rate_hz", options.rate_hz},
      {"readings_per_block", options.block},
      {"target_readings_per_s", options.target_per_s},
      {"processor", processor()},
  };
  fmt::print("{}\n", json.dump(2));
}

void print_text(const IngestOptions& options, const IngestResult& result) {
  fmt::print("{}, {} cores\n", processor(), std::thread::hardware_concurrency());
  fmt::print(
      "{} sensors at {} Hz, float32, AR(1) noise of 5 steps of 0.01 on a load cycle, 3 % of them at irregular times, "
      "2.5 % with uncertain readings, {} readings a block, {}\n",
      options.sensors, options.rate_hz, options.block,
      fmt::format("{}{}", source_name(options).description, options.tls ? ", TLS" : ""));
  fmt::print("  {:>12.2f} M readings/s, durable (fdatasync every 100 ms), {:.1f} s\n", result.readings_per_s / 1e6,
             result.seconds);
  fmt::print("  {:>12.2f} bytes a reading on disk\n", result.bytes_per_reading);
  fmt::print("  {:>12.2f} ms alarm latency p50, {:.2f} ms p99, {} alarms\n", result.alarm_p50_ms, result.alarm_p99_ms,
             result.alarms);
  fmt::print("  {:>12.2f} cores used\n", result.cores_used);
}

int bench_ingest(IngestOptions options, bool json) {
  if (options.tls && options.source != IngestSource::kTcp) {
    return fail({core::ErrorCode::kInvalid, "--tls goes with --source tcp"});
  }
  const auto result = run_ingest(options);
  if (!result) return fail(result.error());
  json ? print_json(options, *result) : print_text(options, *result);
  return kDone;
}

void print_json(const QueryOptions& options, const QueryResult& result) {
  nlohmann::json queries = nlohmann::json::array();
  for (const QueryTiming& one : result.timings) {
    queries.push_back({{"name", one.name},
                       {"rows", one.rows},
                       {"p50_ms", one.p50_ms},
                       {"p99_ms", one.p99_ms},
                       {"max_ms", one.max_ms}});
  }
  const nlohmann::json json = {{"queries", queries},
                               {"readings", result.readings},
                               {"bytes_per_reading", result.bytes_per_reading},
                               {"load_seconds", result.load_seconds},
                               {"sensors", options.sensors},
                               {"days", options.days},
                               {"repeat", options.repeat},
                               {"cores", std::thread::hardware_concurrency()},
                               {"processor", processor()}};
  fmt::print("{}\n", json.dump(2));
}

void print_text(const QueryOptions& options, const QueryResult& result) {
  fmt::print("{}, {} cores\n", processor(), std::thread::hardware_concurrency());
  fmt::print(
      "{} sensors, {} days at 1 Hz, the last hour at 100 Hz: {:.1f} M readings, {:.2f} bytes each on disk with "
      "their roll-ups, loaded in {:.1f} s\n",
      options.sensors, options.days, static_cast<double>(result.readings) / 1e6, result.bytes_per_reading,
      result.load_seconds);
  for (const QueryTiming& one : result.timings) {
    fmt::print("  {:>10.2f} ms p50 {:>9.2f} ms p99 {:>9} rows  {}\n", one.p50_ms, one.p99_ms, one.rows, one.name);
  }
}

int bench_query(const QueryOptions& options, bool json) {
  const auto result = run_query_bench(options);
  if (!result) return fail(result.error());
  json ? print_json(options, *result) : print_text(options, *result);
  return kDone;
}

void add_query(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("query", "how fast history answers: a month of it, sealed, and the usual questions");
  auto options = std::make_shared<QueryOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(10, 100'000))->capture_default_str();
  sub->add_option("--days", options->days, "days of history at 1 Hz")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--repeat", options->repeat, "times that each question is asked")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  sub->add_option("--dir", options->directory, "where to write; removed afterwards")->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_query(*options, *json); }); });
}

int bench_recovery(const RecoveryOptions& options, bool json) {
  const auto result = run_recovery_bench(options);
  if (!result) return fail(result.error());
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"journal_bytes", result->journal_bytes},
                                      {"readings", result->readings},
                                      {"sensors", options.sensors},
                                      {"p50_s", result->p50_s},
                                      {"max_s", result->max_s},
                                      {"repeat", options.repeat},
                                      {"processor", processor()}}
                           .dump(2));
  } else {
    fmt::print("{}\n{:.0f} MiB of journal, {:.1f} M readings of {} sensors, opened {} times\n", processor(),
               static_cast<double>(result->journal_bytes) / (1 << 20), static_cast<double>(result->readings) / 1e6,
               options.sensors, options.repeat);
    fmt::print("  {:>10.3f} s p50, {:.3f} s the longest\n", result->p50_s, result->max_s);
  }
  return kDone;
}

void add_recovery(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("recovery", "how long history takes to open after a crash, nothing of it sealed");
  auto options = std::make_shared<RecoveryOptions>();
  auto megabytes = std::make_shared<std::uint64_t>(1024);
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(50, 1'000'000))->capture_default_str();
  sub->add_option("--mib", *megabytes, "MiB of journal")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  sub->add_option("--repeat", options->repeat, "times that it is opened")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--dir", options->directory, "where to write; removed afterwards")->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] {
    options->journal_bytes = *megabytes << 20;
    set([=] { return bench_recovery(*options, *json); });
  });
}

int bench_codec(const CodecOptions& options, bool json) {
  const auto result = run_codec(options);
  if (!result) return fail(result.error());
  const std::string name = options.file.empty() ? "signal ar1" : options.file;
  const auto type = core::to_string(options.type);
  if (json) {
    const nlohmann::json answer = {
        {"file", name},
        {"type", type},
        {"columns", result->columns},
        {"values", result->values},
        {"readings_per_block", options.block},
        {"bits_per_value", result->bits_per_value},
        {"encode_values_per_s", result->encode_values_per_s},
        {"decode_values_per_s", result->decode_values_per_s},
        {"lossless", result->lossless},
        {"processor", processor()},
    };
    fmt::print("{}\n", answer.dump(2));
  } else {
    fmt::print("{}, one core\n{}: {} values in {} columns as {}, {} readings a block\n", processor(), name,
               result->values, result->columns, type, options.block);
    fmt::print("  {:>12.3f} bits a value, {}\n", result->bits_per_value,
               result->lossless ? "lossless to the bit" : "NOT LOSSLESS");
    fmt::print("  {:>12.3f} G values/s encoded\n", result->encode_values_per_s / 1e9);
    fmt::print("  {:>12.3f} G values/s decoded\n", result->decode_values_per_s / 1e9);
  }
  return result->lossless ? kDone : kFailed;
}

void add_codec(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("codec", "bits a value and values/s of the codec, lossless to the bit");
  auto options = std::make_shared<CodecOptions>();
  auto type = std::make_shared<std::string>("f64");
  auto signal = std::make_shared<std::string>("ar1");
  auto json = std::make_shared<bool>(false);
  auto* file = sub->add_option("--file", options->file,
                               "CSV with , or ; between; every column that is all numbers is encoded by itself")
                   ->check(CLI::ExistingFile);
  sub->add_option("--signal", *signal, "without --file: ar1, the two-decimal noise on a load cycle of bench ingest")
      ->check(CLI::IsMember({"ar1"}))
      ->excludes(file)
      ->capture_default_str();
  sub->add_option("--type", *type, "f32 or f64: what the values are stored as")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->capture_default_str();
  sub->add_option("--block", options->block, "readings a block")
      ->check(CLI::Range(1U, core::kMaxBlockReadings))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] {
    options->type = *type == "f32" ? core::ValueType::kFloat32 : core::ValueType::kFloat64;
    set([=] { return bench_codec(*options, *json); });
  });
}

int bench_spc(const SpcBenchOptions& options, bool json) {
  const SpcBenchResult result = run_spc_bench(options);
  if (json) {
    fmt::print("{}\n", nlohmann::json{{"sensors", options.sensors},
                                      {"block", options.block},
                                      {"subgroup_size", options.subgroup_size},
                                      {"readings_per_s", result.readings_per_s},
                                      {"processor", processor()}}
                           .dump(2));
  } else {
    fmt::print("{}, one core\nX-bar and R charts of {} sensors, {} readings a block, subgroups of {}\n", processor(),
               options.sensors, options.block, options.subgroup_size);
    fmt::print("  {:>12.3f} G readings/s\n", result.readings_per_s / 1e9);
  }
  return kDone;
}

void add_spc(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("spc", "readings/s through X-bar and R charts with learnt limits, on one core");
  auto options = std::make_shared<SpcBenchOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors, a chart each")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_option("--block", options->block, "readings a block")->check(CLI::Range(1, 8192))->capture_default_str();
  sub->add_option("--subgroup", options->subgroup_size, "readings a subgroup")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_spc(*options, *json); }); });
}

int bench_pca(const PcaOptions& options, bool json) {
  const auto result = run_pca(options);
  if (!result) return fail(result.error());
  if (json) {
    const nlohmann::json answer = {
        {"sensors", options.sensors},
        {"components", options.components},
        {"rows_per_batch", options.batch},
        {"kernel", result->kernel},
        {"ns_per_inference", result->ns_per_inference},
        {"ns_per_inference_portable", result->ns_portable},
        {"ns_per_inference_row_by_row", result->ns_row_by_row},
        {"largest_difference", result->largest_difference},
        {"processor", processor()},
    };
    fmt::print("{}\n", answer.dump(2));
  } else {
    fmt::print("{}, one core\nT2 and SPE of {} sensors with {} components, {} rows a batch\n", processor(),
               options.sensors, options.components, options.batch);
    fmt::print("  {:>12.2f} ns an inference, float32, kernel {}\n", result->ns_per_inference, result->kernel);
    fmt::print("  {:>12.2f} ns an inference, float32, without it\n", result->ns_portable);
    fmt::print("  {:>12.2f} ns an inference, float64, row by row\n", result->ns_row_by_row);
    fmt::print("  {:>12.2e} of the limit: the greatest difference between the first and the last\n",
               result->largest_difference);
  }
  return kDone;
}

void add_pca(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("pca", "ns an inference of a PCA detector that scores rows in batches");
  auto options = std::make_shared<PcaOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(3, 2000))->capture_default_str();
  sub->add_option("--components", options->components, "components; fewer than sensors")
      ->check(CLI::Range(1, 1999))
      ->capture_default_str();
  sub->add_option("--batch", options->batch, "rows that are scored together")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_pca(*options, *json); }); });
}

int bench_vibration(const VibrationBenchOptions& options, bool json) {
  const auto result = run_vibration_bench(options);
  if (!result) return fail(result.error());
  if (json) {
    const nlohmann::json answer = {{"sensors", options.sensors},
                                   {"rate_hz", options.rate_hz},
                                   {"readings_per_block", options.block},
                                   {"window_ms", options.window_ms},
                                   {"features_per_sensor", result->features},
                                   {"us_per_window", result->us_per_window},
                                   {"core_share_per_100_sensors", result->core_per_100_sensors},
                                   {"processor", processor()}};
    fmt::print("{}\n", answer.dump(2));
  } else {
    fmt::print("{}, one core\n{} features of each of {} sensors at {} Hz, windows of {} ms, {} readings a block\n",
               processor(), result->features, options.sensors, options.rate_hz, options.window_ms, options.block);
    fmt::print("  {:>12.1f} us a window\n", result->us_per_window);
    fmt::print("  {:>12.2f} % of a core for 100 sensors\n", 100 * result->core_per_100_sensors);
  }
  return kDone;
}

void add_vibration(CLI::App& bench, const SetCommand& set) {
  auto* sub = bench.add_subcommand("vibration", "what vibration features cost: time a window, share of a core");
  auto options = std::make_shared<VibrationBenchOptions>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("--sensors", options->sensors, "sensors")->check(CLI::Range(1, 10'000))->capture_default_str();
  sub->add_option("--rate", options->rate_hz, "readings/s of a sensor")
      ->check(CLI::Range(200, 100'000))
      ->capture_default_str();
  sub->add_option("--window", options->window_ms, "of a window, ms")
      ->check(CLI::Range(320, 10'000))
      ->capture_default_str();
  sub->add_option("--block", options->block, "readings of one sensor that come together")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return bench_vibration(*options, *json); }); });
}

}  // namespace

void add_bench(CLI::App& app, const SetCommand& set) {
  auto* bench = app.add_subcommand("bench", "measure this machine with the product's own code");
  bench->require_subcommand(1);
  add_query(*bench, set);
  add_recovery(*bench, set);
  add_codec(*bench, set);
  add_spc(*bench, set);
  add_pca(*bench, set);
  add_bench_plant(*bench, set);
  add_vibration(*bench, set);
  add_bench_parts(*bench, set);
  add_bench_models(*bench, set);
  add_bench_forward(*bench, set);
  add_bench_opcua(*bench, set);
  auto* sub = bench->add_subcommand(
      "ingest", "readings/s through calibration, SPC, live table, roll-up, codec and journal, durable");
  auto options = std::make_shared<IngestOptions>();
  auto source = std::make_shared<std::string>("memory");
  auto json = std::make_shared<bool>(false);
  sub->add_option("--source", *source, "memory; tcp: the burst stream over loopback; or line: line protocol over HTTP")
      ->check(CLI::IsMember({"memory", "tcp", "line"}))
      ->capture_default_str();
  sub->add_flag("--tls", options->tls, "of tcp: the stream goes through TLS, with certificates on both sides");
  sub->add_option("--seconds", options->seconds, "how long to measure")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  sub->add_option("--rate", options->target_per_s, "readings/s to hold to; 0: as fast as it goes")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  sub->add_option("--sensors", options->sensors, "sensors; default: 100,000, or as many as --rate needs at 100 Hz")
      ->check(CLI::Range(50, 1'000'000));
  sub->add_option("--block", options->block, "readings of one sensor that come together")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--shards", options->shards, "threads that judge and encode; default: as a node has them")
      ->check(CLI::Range(1, 256));
  sub->add_option("--dir", options->directory, "where to write; removed afterwards")->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] {
    const auto* named =
        std::find_if(kSources.begin(), kSources.end(), [&](const auto& s) { return s.name == *source; });
    options->source = static_cast<IngestSource>(named - kSources.begin());
    set([=] { return bench_ingest(*options, *json); });
  });
}

}  // namespace millwright::app

// Plays a CSV file through an OPC UA server, each row at its time.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "core/text.hpp"
#include "io/clock.hpp"
#include "simulator/csv_file.hpp"
#include "simulator/opcua_source.hpp"
#include "simulator/simulator.hpp"

namespace millwright::simulator {
namespace {

constexpr core::DurationNs kStable = 500 * core::kMillisecond;  // no item came or went for so long
constexpr core::DurationNs kSessionAlone = 5 * core::kSecond;   // a client that does not subscribe
constexpr core::DurationNs kFarewell = 2 * core::kSecond;       // of --exit
constexpr core::DurationNs kIdle = 50 * core::kMillisecond;
constexpr std::uint64_t kRowsAtOnce = 200;  // between two looks at the network, however late we are
constexpr std::uint64_t kBadRowsTold = 20;

class Player {
 public:
  Player(const ReplayOptions& options, const std::atomic<bool>& stop, std::ostream& out)
      : options_(options), stop_(stop), out_(out), watched_(&out == &std::cout && isatty(STDOUT_FILENO) == 1) {}

  core::Result<ReplaySummary> play();

 private:
  core::Status open();
  core::Status serve();
  void wait_for_subscriber();
  void play_rows();
  void send(const protocol::CsvRow& row);
  bool rewind();
  void serve_for(core::DurationNs duration);
  void stay();
  void tell_bad_row(const std::string& problem);
  void show_progress();
  void end_progress();
  void tell_summary();

  const ReplayOptions& options_;
  const std::atomic<bool>& stop_;
  std::ostream& out_;
  const bool watched_;
  io::RealClock clock_;
  std::unique_ptr<CsvFile> file_;
  std::unique_ptr<OpcUaSource> server_;
  ReplaySummary summary_;
  core::TimeNs first_ = 0;   // time of the first row
  core::TimeNs latest_ = 0;  // of the rows so far; they may go back
  core::DurationNs last_gap_ = core::kSecond;
  core::DurationNs shift_ = 0;  // of the rows' times
  core::TimeNs shown_ = 0;      // when progress was shown last
  bool progress_open_ = false;
  core::DurationNs turns_ = 0;  // length of the loop's turns so far, in the rows' time
};

void Player::tell_bad_row(const std::string& problem) {
  const std::uint64_t so_far = ++summary_.bad_rows;
  end_progress();
  if (so_far <= kBadRowsTold) out_ << "skipped " << problem << "\n";
  if (so_far == kBadRowsTold) out_ << "further bad rows are counted, not shown\n";
  out_.flush();
}

// One line, written over each second, where a person watches.
void Player::show_progress() {
  const core::TimeNs now = clock_.monotonic();
  if (!watched_ || now - shown_ < core::kSecond) return;
  shown_ = now;
  progress_open_ = true;
  out_ << fmt::format("\r\x1b[K  {} rows, at {}", summary_.rows, core::format_time(latest_)) << std::flush;
}

void Player::end_progress() {
  if (progress_open_) out_ << "\r\x1b[K";
  progress_open_ = false;
}

core::Status Player::open() {
  auto file = CsvFile::open(options_.file, [this](const std::string& problem) {
    if (turns_ == 0) tell_bad_row(problem);  // once is enough in a loop
  });
  if (!file) return core::unexpected(file.error());
  file_ = std::move(*file);
  if (file_->peek() == nullptr) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("{}: no row that can be played below the header", options_.file));
  }
  return {};
}

core::Status Player::serve() {
  const std::string folder = std::filesystem::path(options_.file).stem().string();
  std::vector<OpcUaVariable> variables;
  for (const std::string& column : file_->columns()) {
    variables.push_back(
        {fmt::format("nsu={};s={}", kNamespaceUri, column), column, {folder}, core::ValueType::kFloat64});
  }
  auto server = OpcUaSource::start({options_.port, OpcUaSourceOptions::Report::kWrites}, variables);
  if (!server) return core::unexpected(server.error());
  server_ = std::move(*server);
  out_ << fmt::format(
      "Replaying {} at {}\n  Objects/{}: {} variables, ns={};s=<column>\n  speed {}x, first row {}, times {}\n",
      options_.file, server_->endpoint(), folder, variables.size(), kNamespaceUri, options_.speed,
      core::format_time(file_->peek()->time),
      options_.times == ReplayOptions::Times::kKeep ? "as in the file" : "shifted to now");
  out_.flush();
  if (options_.listening) options_.listening(server_->port());
  return {};
}

void Player::wait_for_subscriber() {
  const core::TimeNs begun = clock_.monotonic();
  core::TimeNs changed = begun;
  core::TimeNs alone_since = 0;  // since when a session is open without subscribing; 0: none
  std::uint64_t changes = 0;
  out_ << fmt::format("Waiting up to {} for a subscriber\n", core::format_duration(options_.wait));
  out_.flush();
  while (!stop_) {
    server_->run(kIdle);
    const core::TimeNs now = clock_.monotonic();
    if (server_->monitored_item_changes() != changes) {
      changes = server_->monitored_item_changes();
      changed = now;
    }
    if (server_->monitored_items() > 0) {
      if (now - changed >= kStable) return;
      continue;
    }
    if (server_->sessions() == 0) {
      alone_since = 0;
      if (now - begun >= options_.wait) return;
      continue;
    }
    if (alone_since == 0) alone_since = now;
    if (now - alone_since >= kSessionAlone) return;
  }
}

void Player::send(const protocol::CsvRow& row) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    if (row.cells[i].missing()) continue;
    server_->write(i, &row.cells[i].real, row.time + shift_ + turns_);
    ++summary_.values;
  }
  ++summary_.rows;
}

// Back to the top, as if the file came once more behind itself. False where it does not come again.
bool Player::rewind() {
  if (!options_.loop || stop_) return false;
  const core::DurationNs turn = latest_ - first_ + last_gap_;
  turns_ += std::max<core::DurationNs>(turn, core::kMillisecond);
  if (auto status = open(); !status) {
    out_ << status.error().message << "\n";
    return false;
  }
  latest_ = first_;
  return true;
}

void Player::play_rows() {
  first_ = file_->peek()->time;
  latest_ = first_;
  if (options_.times == ReplayOptions::Times::kNow) shift_ = clock_.now() - first_;
  out_ << fmt::format("Playing, {} monitored items\n", server_->monitored_items());
  out_.flush();
  const core::TimeNs begun = clock_.monotonic();
  while (!stop_) {
    for (std::uint64_t n = 0; n < kRowsAtOnce; ++n) {
      const protocol::CsvRow* row = file_->peek();
      if (row == nullptr) break;
      // Rows that go back in time are due at once, like the one before them.
      const core::TimeNs time = std::max(row->time, latest_);
      const double ahead = static_cast<double>(time - first_ + turns_) / options_.speed;
      const auto late = clock_.monotonic() - begun;
      if (static_cast<double>(late) < ahead) {
        const double wait = std::min(ahead - static_cast<double>(late), static_cast<double>(kIdle));
        server_->run(std::max(static_cast<core::DurationNs>(wait), core::kMillisecond));
        break;
      }
      if (time > latest_) last_gap_ = time - latest_;
      latest_ = time;
      send(file_->take());
    }
    server_->run(0);
    show_progress();
    if (file_->peek() == nullptr && !rewind()) return;
  }
}

void Player::serve_for(core::DurationNs duration) {
  const core::TimeNs end = clock_.monotonic() + duration;
  while (!stop_ && clock_.monotonic() < end) server_->run(kIdle);
}

void Player::tell_summary() {
  end_progress();
  out_ << fmt::format("Played {} rows, {} values; {} bad rows skipped\n", summary_.rows, summary_.values,
                      summary_.bad_rows);
  out_.flush();
}

void Player::stay() {
  if (options_.exit) {
    serve_for(kFarewell);
    return;
  }
  out_ << "The last values stay on the server; stop with Ctrl-C\n";
  out_.flush();
  while (!stop_) server_->run(kIdle);
}

core::Result<ReplaySummary> Player::play() {
  if (!(options_.speed > 0)) {
    return core::unexpected(core::ErrorCode::kInvalid,
                            fmt::format("speed {}: must be a number above 0", options_.speed));
  }
  if (auto status = open(); !status) return core::unexpected(status.error());
  if (auto status = serve(); !status) return core::unexpected(status.error());
  wait_for_subscriber();
  if (!stop_) play_rows();
  const bool all = file_->peek() == nullptr;
  summary_.stopped = !all;
  tell_summary();
  if (all) stay();
  return summary_;
}

}  // namespace

core::Result<ReplaySummary> replay(const ReplayOptions& options, const std::atomic<bool>& stop, std::ostream& out) {
  return Player(options, stop, out).play();
}

}  // namespace millwright::simulator

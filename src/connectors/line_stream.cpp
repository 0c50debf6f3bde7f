#include "connectors/line_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millwright::connectors {
namespace {

constexpr core::DurationNs kReadSlice = 100 * core::kMillisecond;  // how soon a stop is heeded
constexpr core::DurationNs kTellInterval = 10 * core::kSecond;     // a connection's bad lines are logged so often

}  // namespace

// What a connection has sent and is not a line yet. One thread.
class LineStream::Connection {
 public:
  Connection(LineStream& owner, std::unique_ptr<io::Stream> stream)
      : owner_(owner), stream_(std::move(stream)), lane_(owner.lanes_.take()), buffer_(kLineBytesMax) {}
  ~Connection() { owner_.lanes_.give_back(std::move(lane_)); }

  void run() {
    while (!owner_.stopping_ && read_once()) {
    }
    if (filled_ != 0 && !skipping_) {
      // Whether it is whole nobody knows: "value=12" may have been on its way to be "value=125".
      owner_.intake_.refuse(Refusal::kMalformed);
      tell(1, "the connection ended within it, before a newline: it was not taken", next_line_);
    }
    say_untold();
    stream_->shut_down();
  }

 private:
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(buffer_.data()), filled_}; }

  // False where the connection has ended.
  bool read_once() {
    const auto got = stream_->read_some(std::span(buffer_).subspan(filled_), kReadSlice);
    if (!got) return got.error().code == core::ErrorCode::kTimeout;
    filled_ += *got;
    if (skipping_) return skip();
    std::size_t ended = protocol::ended_lines(text());
    // No end in sight: a text without its closing quote, which the lane tells, or a line that is too long.
    if (ended == 0 && filled_ == buffer_.size()) ended = text().rfind('\n') + 1;
    if (ended == 0 && filled_ == buffer_.size()) return refuse_long_line();
    return ended == 0 || take(ended);
  }

  bool take(std::size_t bytes) {
    const auto readings = std::make_shared<std::uint64_t>(0);
    // Receipts outlive the connector, not the metrics.
    const auto receipt = std::make_shared<JointReceipt>([&lost = owner_.lost_, readings](bool durable) {
      if (!durable) lost.Increment(static_cast<double>(*readings));
    });
    const LineLane::Outcome outcome =
        lane_->take(text().substr(0, bytes), owner_.options_.unit, owner_.context_.clock.now(), receipt, next_line_);
    *readings = outcome.readings;
    receipt->settle();
    next_line_ = outcome.next_line;
    drop(bytes);
    if (outcome.lines_dropped != 0)
      tell(outcome.lines_dropped, fmt::format("{}", fmt::join(outcome.problems, "; ")), 0);
    return outcome.open;
  }

  bool refuse_long_line() {
    owner_.intake_.refuse(Refusal::kMalformed);
    tell(1, fmt::format("it has more than {} bytes", kLineBytesMax), next_line_);
    skipping_ = true;
    return skip();
  }

  // To the end of a line that is too long.
  bool skip() {
    const std::size_t end = text().find('\n');
    if (end == std::string_view::npos) {
      filled_ = 0;
      return true;
    }
    skipping_ = false;
    ++next_line_;
    drop(end + 1);
    const std::size_t ended = protocol::ended_lines(text());
    return ended == 0 || take(ended);
  }

  void drop(std::size_t bytes) {
    std::memmove(buffer_.data(), buffer_.data() + bytes, filled_ - bytes);
    filled_ -= bytes;
  }

  // `line` 0: `what` names its lines itself.
  void tell(std::uint64_t lines, const std::string& what, std::uint64_t line) {
    const core::TimeNs now = owner_.context_.clock.monotonic();
    untold_ += lines;
    if (told_ && now - told_at_ < kTellInterval) return;
    told_ = true;
    told_at_ = now;
    owner_.log_->warn("{}: {} {} from {} dropped: {}{}", owner_.options_.server.name, untold_,
                      untold_ == 1 ? "line" : "lines", stream_->peer(), line != 0 ? fmt::format("line {}: ", line) : "",
                      what);
    untold_ = 0;
  }
  void say_untold() {
    if (untold_ == 0) return;
    owner_.log_->warn("{}: {} more lines from {} dropped", owner_.options_.server.name, untold_, stream_->peer());
  }

  LineStream& owner_;
  std::unique_ptr<io::Stream> stream_;
  std::unique_ptr<LineLane> lane_;
  std::vector<std::byte> buffer_;
  std::size_t filled_ = 0;
  bool skipping_ = false;
  std::uint64_t next_line_ = 1;
  std::uint64_t untold_ = 0;
  bool told_ = false;
  core::TimeNs told_at_ = 0;
};

LineStream::LineStream(LineStreamOptions options, const LineTargets& targets, const ConnectorContext& context,
                       Intake& intake, std::shared_ptr<spdlog::logger> log)
    : options_(std::move(options)),
      context_(context),
      intake_(intake),
      log_(std::move(log)),
      lanes_(targets, context, intake, options_.server.name + "/tcp-"),
      lost_(context.metrics.counter("millwright_influx_stream_lost_total",
                                    "Readings of lines over TCP that did not reach the disk",
                                    {{"connector", options_.server.name}})),
      server_(context.network, options_.server,
              {.serve = [this](std::unique_ptr<io::Stream> stream) { serve(std::move(stream)); },
               .changed = [this](std::size_t connections) { connections_ = connections; }},
              log_) {}

LineStream::~LineStream() {
  stop();
}

core::Status LineStream::start() {
  return server_.start();
}

void LineStream::stop() {
  stopping_ = true;
  server_.stop();
}

void LineStream::serve(std::unique_ptr<io::Stream> stream) {
  Connection(*this, std::move(stream)).run();
}

}  // namespace millwright::connectors

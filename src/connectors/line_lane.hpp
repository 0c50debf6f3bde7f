// LineLane: turns the text of a write request into blocks and hands them to the pipeline, as one source.
//
// Lines are gathered by sensor: what a request has of one sensor is one block, however its lines are mixed. What a line
// means is looked up by the bytes of its series, and mostly not even that: the series that followed the last one the
// time before is tried first.
//
// Threads: one at a time. Errors: a line that cannot be used, or a part of it, is dropped, counted and told; the rest
// flows. Limits: the cache of series holds kCacheBytesMax plus a little for each sensor, then begins anew; a batch has
// kBatchReadings at most, a longer request is several.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "connectors/connector.hpp"
#include "connectors/intake.hpp"
#include "connectors/joint_receipt.hpp"
#include "connectors/line_targets.hpp"
#include "protocol/line_protocol.hpp"

namespace millwright::connectors {

class LineLane {
 public:
  static constexpr std::size_t kBatchReadings = 64 * 1024;
  static constexpr std::size_t kCacheBytesMax = 32 * 1024 * 1024;
  static constexpr std::size_t kProblemsTold = 5;

  // `targets` and `intake` outlive it. `source` is the name under which its readings are recorded.
  LineLane(const LineTargets& targets, const ConnectorContext& context, Intake& intake, const std::string& source);
  ~LineLane();

  struct Outcome {
    std::uint64_t readings = 0;         // taken
    std::uint64_t lines_dropped = 0;    // whole or in part
    std::vector<std::string> problems;  // of the first kProblemsTold of them
    bool open = true;                   // false: the pipeline has stopped
    std::uint64_t next_line = 1;        // the number of the line after `text`
  };
  // `unit` is what the lines' times count in; lines without one get `received`. Waits while the pipeline is full.
  // `first_line`: the number of the first line, for problems.
  Outcome take(std::string_view text, core::DurationNs unit, core::TimeNs received,
               const std::shared_ptr<JointReceipt>& receipt, std::uint64_t first_line = 1);

 private:
  struct Field;
  struct Known;  // a series
  struct Entry {
    core::TimeNs time;
    std::uint64_t bits;
    std::uint32_t target;
  };
  // A sensor's readings of the batch in the making. The type is here as well as in the model, for the model's entry is
  // far away.
  struct Column {
    core::ValueType type = core::ValueType::kFloat64;
    std::uint32_t count = 0;
    std::uint32_t filled = 0;
    core::TimeNs* times = nullptr;
    std::byte* values = nullptr;
  };

  void take_line(const protocol::Line& line, core::DurationNs unit, core::TimeNs received, Outcome& outcome);
  bool take_field(const protocol::LineField& value, Field& field, core::TimeNs time, Outcome& outcome,
                  const protocol::Line& line);
  Known& known(const protocol::Line& line);
  Field& field_of(Known& series, std::string_view key);
  Field& add_field(Known& series, std::string_view key);
  void make_room(std::size_t bytes);
  void tell(Outcome& outcome, std::uint64_t line, const std::string& what);

  void submit(core::TimeNs received, const std::shared_ptr<JointReceipt>& receipt, Outcome& outcome);
  void scatter();
  void put_blocks(std::uint32_t target, core::TimeNs received);
  void sort_by_time(Column& column, std::size_t width);

  const LineTargets& targets_;
  core::Texts& texts_;
  Intake& intake_;
  pipeline::Inlet inlet_;
  const std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;

  std::unordered_map<std::string_view, std::unique_ptr<Known>> known_;  // by the text in Known
  std::size_t cache_bytes_ = 0;
  Known* last_ = nullptr;               // of the line before
  std::unique_ptr<Field> spare_field_;  // of a series that has too many

  protocol::Line line_;
  std::vector<Entry> entries_;
  std::vector<Column> columns_;         // by target
  std::vector<std::uint32_t> touched_;  // targets with readings
  std::vector<std::uint32_t> order_;    // scratch
};

}  // namespace millwright::connectors

#include "history/text_export.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

namespace millwright::history {
namespace {

using core::TimeNs;
using historian::Aggregate;
using historian::Reading;

constexpr std::size_t kFlushBytes = 1 << 20;

TimeNs time_of(const Reading& reading) {
  return reading.time;
}
TimeNs time_of(const Aggregate& interval) {
  return interval.start;
}

// How far into the sensor's readings we are; what lasts for ever lasts until today.
double part_done(TimeNs first, TimeNs now, TimeNs to) {
  const TimeNs today =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const TimeNs end = std::min(to, today);
  return end <= first ? 0 : std::clamp(static_cast<double>(now - first) / static_cast<double>(end - first), 0.0, 1.0);
}

core::Status flush(std::string& text, OutputFile& out, std::size_t at) {
  if (text.size() < at) return {};
  auto written = out.write(text);
  text.clear();
  return written;
}

template <typename Row>
core::Status write_sensors(Source& source, const Selection& selection, std::uint64_t limit, RowWriter& writer,
                           OutputFile& out, Progress& progress, Written& written) {
  std::string text;
  writer.begin(text);
  std::vector<Row> page;
  double sensors_done = 0;
  for (const core::SensorId id : selection.sensors) {
    const asset::Sensor& sensor = source.model().sensor(id);
    Pages<Row> pages(source, selection, id);
    std::optional<TimeNs> first;
    while (limit == 0 || written.rows < limit) {
      const auto more = pages.next(page);
      if (!more) return core::unexpected(more.error());
      if (!*more) break;
      if (limit != 0) page.resize(std::min<std::uint64_t>(page.size(), limit - written.rows));
      for (const Row& row : page) {
        writer.row(sensor, row, text);
        if (auto flushed = flush(text, out, kFlushBytes); !flushed) return flushed;
      }
      written.rows += page.size();
      if (!first) first = time_of(page.front());
      progress.update(sensors_done + part_done(*first, time_of(page.back()), selection.range.to),
                      static_cast<double>(selection.sensors.size()), written.rows);
    }
    ++sensors_done;
  }
  writer.end(text);
  return flush(text, out, 0);
}

// The sensors' rows merged by time.
template <typename Row>
class Wide {
 public:
  Wide(Source& source, const Selection& selection) : source_(source), selection_(selection) {
    constexpr std::size_t kRowsHeld = 4 << 20;
    constexpr std::size_t kRowsMin = 256;
    const std::size_t rows =
        std::clamp(kRowsHeld / std::max<std::size_t>(selection.sensors.size(), 1), kRowsMin, Pages<Row>::kRows);
    for (const core::SensorId id : selection.sensors) {
      lanes_.push_back({.sensor = &source.model().sensor(id), .pages = {source, selection, id, rows}});
    }
  }

  core::Status write(OutputFile& out, Progress& progress, Written& written) {
    std::string text = "time";
    for (const Lane& lane : lanes_) name_columns(lane, text);
    text += '\n';
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (auto loaded = load(i); !loaded) return loaded;
    }
    while (!queue_.empty()) {
      if (auto added = add_row(text); !added) return added;
      if (auto flushed = flush(text, out, kFlushBytes); !flushed) return flushed;
      if (++written.rows % 4096 == 0) show(progress, written.rows);
    }
    return flush(text, out, 0);
  }

 private:
  struct Lane {
    const asset::Sensor* sensor;
    Pages<Row> pages;
    std::vector<Row> page = {};
    std::size_t at = 0;
  };
  struct Head {
    TimeNs time;
    std::size_t lane;
    bool operator>(const Head& other) const { return std::tie(time, lane) > std::tie(other.time, other.lane); }
  };

  // Puts the lane's next row into the queue, where it has one.
  core::Status load(std::size_t index) {
    Lane& lane = lanes_[index];
    if (lane.at == lane.page.size()) {
      lane.at = 0;
      const auto more = lane.pages.next(lane.page);
      if (!more) return core::unexpected(more.error());
      if (!*more) return {};
    }
    queue_.push({time_of(lane.page[lane.at]), index});
    return {};
  }

  // One row, with one reading of each lane at most: the queue holds no more; what a sensor has more than once at a time
  // gets rows of its own.
  core::Status add_row(std::string& text) {
    const TimeNs time = queue_.top().time;
    time_.append(time, text);
    std::size_t column = 0;
    row_lanes_.clear();
    while (!queue_.empty() && queue_.top().time == time) {
      const std::size_t index = queue_.top().lane;
      queue_.pop();
      row_lanes_.push_back(index);
      Lane& lane = lanes_[index];
      for (; column < index; ++column) text += kEmpty;
      append_cells(lane, lane.page[lane.at], text);
      ++column;
      ++lane.at;
    }
    for (; column < lanes_.size(); ++column) text += kEmpty;
    text += '\n';
    for (const std::size_t index : row_lanes_) {
      if (auto loaded = load(index); !loaded) return loaded;
    }
    return {};
  }

  void show(Progress& progress, std::uint64_t rows) {
    if (queue_.empty()) return;
    const TimeNs now = queue_.top().time;
    if (!first_) first_ = now;
    progress.update(part_done(*first_, now, selection_.range.to), 1, rows);
  }

  static constexpr bool kIntervals = std::is_same_v<Row, Aggregate>;
  static constexpr const char* kEmpty = kIntervals ? ",,,," : ",";

  static void name_columns(const Lane& lane, std::string& text) {
    if constexpr (kIntervals) {
      for (const char* what : {":min", ":mean", ":max", ":count"}) {
        text += ',';
        core::append_csv_field(lane.sensor->path + what, text);
      }
    } else {
      text += ',';
      core::append_csv_field(lane.sensor->path, text);
    }
  }
  void append_cells(const Lane& lane, const Reading& reading, std::string& text) const {
    text += ',';
    if (reading.quality.is_bad()) return;
    if (lane.sensor->type == core::ValueType::kText) {
      core::append_csv_field(source_.texts().of(reading.bits), text);
    } else {
      core::append_value(lane.sensor->type, reading.bits, text);
    }
  }
  void append_cells(const Lane& lane, const Aggregate& a, std::string& text) const {
    if (a.count == 0 || lane.sensor->type == core::ValueType::kText) {
      text += ",,,," + std::to_string(a.count);
      return;
    }
    text += ',';
    core::append_statistic(lane.sensor->type, a.min, text);
    text += ',';
    core::append_statistic(core::ValueType::kFloat64, a.sum / static_cast<double>(a.count), text);
    text += ',';
    core::append_statistic(lane.sensor->type, a.max, text);
    text += ',' + std::to_string(a.count);
  }

  Source& source_;
  const Selection& selection_;
  std::vector<Lane> lanes_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> queue_;
  std::vector<std::size_t> row_lanes_;
  core::TimeWriter time_;
  std::optional<TimeNs> first_;
};

}  // namespace

core::Result<Written> write_rows(Source& source, const Selection& selection, TextFormat format, std::uint64_t limit,
                                 OutputFile& out, Progress& progress) {
  const auto writer = make_row_writer(format, source, selection);
  Written written;
  const auto write = selection.width == 0 ? write_sensors<Reading> : write_sensors<Aggregate>;
  if (auto done = write(source, selection, limit, *writer, out, progress, written); !done) {
    return core::unexpected(done.error());
  }
  written.left_out = writer->left_out();
  return written;
}

core::Result<Written> write_wide(Source& source, const Selection& selection, OutputFile& out, Progress& progress) {
  Written written;
  const core::Status done = selection.width == 0 ? Wide<Reading>(source, selection).write(out, progress, written)
                                                 : Wide<Aggregate>(source, selection).write(out, progress, written);
  if (!done) return core::unexpected(done.error());
  return written;
}

}  // namespace millwright::history

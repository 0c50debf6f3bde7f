#include "history/row_writer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace millwright::history {
namespace {

using core::ValueType;
using historian::Aggregate;
using historian::Reading;

double mean(const Aggregate& interval) {
  return interval.sum / static_cast<double>(interval.count);
}

// The statistics of an interval in the order in which every format gives them.
template <typename Each>
void for_each_statistic(ValueType type, const Aggregate& a, const Each& each) {
  const auto mean_type = ValueType::kFloat64;  // a mean has digits that the values have not
  each("min", type, a.min);
  each("max", type, a.max);
  each("mean", mean_type, mean(a));
  each("first", type, a.first);
  each("last", type, a.last);
  each("sum", mean_type, a.sum);
}
// Numbers that stand for texts have no statistics.
bool has_statistics(const asset::Sensor& sensor, const Aggregate& a) {
  return a.count != 0 && sensor.type != ValueType::kText;
}
constexpr std::string_view kCsvStatistics = "count,bad_count,min,max,mean,first,last,sum";

class TableWriter final : public RowWriter {
 public:
  TableWriter(const Source& source, const Selection& selection)
      : RowWriter(source.texts()), intervals_(selection.width != 0) {
    for (const core::SensorId id : selection.sensors) width_ = std::max(width_, source.model().sensor(id).path.size());
  }
  void begin(std::string& out) override {
    fmt::format_to(std::back_inserter(out), "{:<30}  {:<{}}", "time", "sensor", width_);
    out += intervals_ ? fmt::format("  {:>9}  {:>14}  {:>14}  {:>14}\n", "count", "min", "mean", "max")
                      : fmt::format("  {:>24}  {}\n", "value", "quality");
  }
  void row(const asset::Sensor& sensor, const Reading& reading, std::string& out) override {
    begin_row(sensor, reading.time, out);
    cell_.clear();
    if (sensor.type == ValueType::kText) {
      cell_ = texts_.of(reading.bits);
    } else {
      core::append_value(sensor.type, reading.bits, cell_);
    }
    if (sensor.type == ValueType::kState) {
      const auto name = sensor.states.find(value_as_int(sensor.type, reading.bits));
      if (name != sensor.states.end()) cell_ += " " + name->second;
    }
    fmt::format_to(std::back_inserter(out), "  {:>24}  {}\n", cell_, core::format_quality(reading.quality));
  }
  void row(const asset::Sensor& sensor, const Aggregate& a, std::string& out) override {
    begin_row(sensor, a.start, out);
    fmt::format_to(std::back_inserter(out), "  {:>9}", a.count);
    if (has_statistics(sensor, a)) {
      const int digits = sensor.type == ValueType::kFloat32 ? 7 : 8;  // of a float32 the eighth is no longer its own
      for (const double number : {a.min, mean(a), a.max}) {
        fmt::format_to(std::back_inserter(out), "  {:>14.{}g}", number, digits);
      }
    }
    if (a.bad_count != 0) fmt::format_to(std::back_inserter(out), "  and {} bad", a.bad_count);
    out += '\n';
  }

 private:
  void begin_row(const asset::Sensor& sensor, core::TimeNs time, std::string& out) {
    cell_.clear();
    time_.append(time, cell_);
    fmt::format_to(std::back_inserter(out), "{:<30}  {:<{}}", cell_, sensor.path, width_);
  }

  const bool intervals_;
  std::size_t width_ = 6;
  std::string cell_;
};

class CsvWriter final : public RowWriter {
 public:
  CsvWriter(const core::Texts& texts, bool intervals) : RowWriter(texts), intervals_(intervals) {}
  void begin(std::string& out) override {
    out += "time,sensor,";
    out += intervals_ ? kCsvStatistics : "value,quality";
    out += '\n';
  }
  void row(const asset::Sensor& sensor, const Reading& reading, std::string& out) override {
    begin_row(sensor, reading.time, out);
    if (sensor.type == ValueType::kText) {
      core::append_csv_field(texts_.of(reading.bits), out);
    } else {
      core::append_value(sensor.type, reading.bits, out);
    }
    out += ',';
    out += reading.quality == core::kGood ? "Good" : core::format_quality(reading.quality);
    out += '\n';
  }
  void row(const asset::Sensor& sensor, const Aggregate& a, std::string& out) override {
    begin_row(sensor, a.start, out);
    fmt::format_to(std::back_inserter(out), "{},{}", a.count, a.bad_count);
    for_each_statistic(sensor.type, a, [&](const char*, ValueType type, double value) {
      out += ',';
      if (has_statistics(sensor, a)) core::append_statistic(type, value, out);
    });
    out += '\n';
  }

 private:
  void begin_row(const asset::Sensor& sensor, core::TimeNs time, std::string& out) {
    time_.append(time, out);
    out += ',';
    core::append_csv_field(sensor.path, out);
    out += ',';
  }
  const bool intervals_;
};

// One array of objects, a line each. Paths are lower-case words, so nothing needs an escape but a state's name.
class JsonWriter final : public RowWriter {
 public:
  using RowWriter::RowWriter;
  void begin(std::string& out) override { out += '['; }
  void row(const asset::Sensor& sensor, const Reading& reading, std::string& out) override {
    begin_row(sensor, reading.time, out);
    out += ",\"value\":";
    if (is_real(sensor.type) && !std::isfinite(as_double(sensor.type, reading.bits))) {
      out += "null";
    } else if (sensor.type == ValueType::kText) {
      core::append_json_text(texts_.of(reading.bits), out);
    } else {
      core::append_value(sensor.type, reading.bits, out);
    }
    fmt::format_to(std::back_inserter(out), ",\"quality\":\"{}\",\"quality_code\":{}}}",
                   core::quality_name(reading.quality), reading.quality.code);
  }
  void row(const asset::Sensor& sensor, const Aggregate& a, std::string& out) override {
    begin_row(sensor, a.start, out);
    fmt::format_to(std::back_inserter(out), ",\"count\":{},\"bad_count\":{}", a.count, a.bad_count);
    for_each_statistic(sensor.type, a, [&](const char* name, ValueType type, double value) {
      fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
      if (!has_statistics(sensor, a) || !std::isfinite(value)) {
        out += "null";
      } else {
        core::append_statistic(type, value, out);
      }
    });
    out += '}';
  }
  void end(std::string& out) override { out += any_ ? "\n]\n" : "]\n"; }

 private:
  void begin_row(const asset::Sensor& sensor, core::TimeNs time, std::string& out) {
    out += any_ ? ",\n{\"time\":\"" : "\n{\"time\":\"";
    any_ = true;
    time_.append(time, out);
    fmt::format_to(std::back_inserter(out), "\",\"sensor\":\"{}\"", sensor.path);
  }
  bool any_ = false;
};

// Whole numbers and states carry the protocol's 'i'. A quality other than good is a field of its own.
class InfluxWriter final : public RowWriter {
 public:
  using RowWriter::RowWriter;
  void row(const asset::Sensor& sensor, const Reading& reading, std::string& out) override {
    if (is_real(sensor.type) && !std::isfinite(as_double(sensor.type, reading.bits))) {
      ++left_out_;
      return;
    }
    out += sensor.path;
    out += " value=";
    if (sensor.type == ValueType::kText) {
      append_text(texts_.of(reading.bits), out);
    } else {
      core::append_value(sensor.type, reading.bits, out);
    }
    if (sensor.type == ValueType::kInt64 || sensor.type == ValueType::kState) out += 'i';
    if (reading.quality != core::kGood) fmt::format_to(std::back_inserter(out), ",quality={}i", reading.quality.code);
    fmt::format_to(std::back_inserter(out), " {}\n", reading.time);
  }
  void row(const asset::Sensor& sensor, const Aggregate& a, std::string& out) override {
    fmt::format_to(std::back_inserter(out), "{} count={}i,bad_count={}i", sensor.path, a.count, a.bad_count);
    for_each_statistic(sensor.type, a, [&](const char* name, ValueType type, double value) {
      if (!has_statistics(sensor, a) || !std::isfinite(value)) return;
      fmt::format_to(std::back_inserter(out), ",{}=", name);
      core::append_statistic(type, value, out);
    });
    fmt::format_to(std::back_inserter(out), " {}\n", a.start);
  }

 private:
  static void append_text(std::string_view text, std::string& out) {
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
};

}  // namespace

std::unique_ptr<RowWriter> make_row_writer(TextFormat format, const Source& source, const Selection& selection) {
  switch (format) {
    case TextFormat::kTable:
      return std::make_unique<TableWriter>(source, selection);
    case TextFormat::kCsv:
      return std::make_unique<CsvWriter>(source.texts(), selection.width != 0);
    case TextFormat::kJson:
      return std::make_unique<JsonWriter>(source.texts());
    case TextFormat::kInflux:
      return std::make_unique<InfluxWriter>(source.texts());
  }
  return nullptr;
}

}  // namespace millwright::history

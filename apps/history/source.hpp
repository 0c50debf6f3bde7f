// Source: where history is read from, whichever process holds it; Selection: which part of it; Pages: a sensor's part
// of that, in pieces, so that memory stays the same whatever its length.
//
// Threads: Source's functions from any thread; Pages has one owner. Errors: the source's; kClosed once asked to stop.
#pragma once

#include <atomic>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"

namespace millwright::history {

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual const asset::Model& model() const = 0;
  [[nodiscard]] virtual const core::Texts& texts() const = 0;
  // As historian::Historian's.
  virtual core::Result<std::vector<historian::Reading>> raw(core::SensorId sensor, historian::Range range,
                                                            std::size_t limit, std::optional<core::TimeNs>* next) = 0;
  virtual core::Result<std::vector<historian::Aggregate>> aggregates(core::SensorId sensor, historian::Range range,
                                                                     core::DurationNs width, std::size_t limit,
                                                                     std::optional<core::TimeNs>* next) = 0;
};

// The data folder of this process.
class HistorianSource final : public Source {
 public:
  HistorianSource(const asset::Model& model, const historian::Historian& historian)
      : model_(model), historian_(historian) {}
  [[nodiscard]] const asset::Model& model() const override { return model_; }
  [[nodiscard]] const core::Texts& texts() const override { return historian_.texts(); }
  core::Result<std::vector<historian::Reading>> raw(core::SensorId sensor, historian::Range range, std::size_t limit,
                                                    std::optional<core::TimeNs>* next) override {
    return historian_.raw(sensor, range, limit, next);
  }
  core::Result<std::vector<historian::Aggregate>> aggregates(core::SensorId sensor, historian::Range range,
                                                             core::DurationNs width, std::size_t limit,
                                                             std::optional<core::TimeNs>* next) override {
    return historian_.aggregates(sensor, range, width, limit, next);
  }

 private:
  const asset::Model& model_;
  const historian::Historian& historian_;
};

// 1678-01-01 and 2261-12-31: all that a time can be, and that core::parse_time reads.
inline constexpr core::TimeNs kEarliest = -9'214'560'000 * core::kSecond;
inline constexpr core::TimeNs kLatest = 9'214'560'000 * core::kSecond;

struct Selection {
  std::vector<core::SensorId> sensors;  // in the model's order
  historian::Range range{kEarliest, kLatest};
  core::DurationNs width = 0;                  // 0: the readings themselves
  const std::atomic<bool>* stopped = nullptr;  // looked at between pages
};

// The sensors that the globs match: a full path, a part of one that it ends with ("pump-1/motor/current"), or a glob
// over either. No glob: all sensors. kNotFound where one matches nothing, with the nearest.
core::Result<std::vector<core::SensorId>> select_sensors(const asset::Model& model, std::span<const std::string> globs);

// The rows of one sensor, page by page. Row is historian::Reading or historian::Aggregate.
template <typename Row>
class Pages {
 public:
  static constexpr std::size_t kRows = std::is_same_v<Row, historian::Reading> ? 65'536 : 16'384;

  Pages(Source& source, const Selection& selection, core::SensorId sensor, std::size_t rows = kRows)
      : source_(source), selection_(selection), sensor_(sensor), page_rows_(rows), position_(selection.range.from) {}

  // False: there is no more.
  core::Result<bool> next(std::vector<Row>& rows) {
    rows.clear();
    while (rows.empty() && !done_) {
      if (selection_.stopped != nullptr && *selection_.stopped) {
        return core::unexpected(core::ErrorCode::kClosed, "interrupted");
      }
      std::optional<core::TimeNs> next;
      auto page = fetch({position_, selection_.range.to}, &next);
      if (!page) return core::unexpected(page.error().within(source_.model().sensor(sensor_).path));
      rows = std::move(*page);
      done_ = !next || *next <= position_ || *next >= selection_.range.to;
      if (next) position_ = *next;
    }
    return !rows.empty();
  }

 private:
  core::Result<std::vector<Row>> fetch(historian::Range range, std::optional<core::TimeNs>* next) {
    if (range.from >= range.to) return std::vector<Row>();
    if constexpr (std::is_same_v<Row, historian::Reading>) {
      return source_.raw(sensor_, range, page_rows_, next);
    } else {
      return source_.aggregates(sensor_, range, selection_.width, page_rows_, next);
    }
  }

  Source& source_;
  const Selection& selection_;
  core::SensorId sensor_;
  std::size_t page_rows_;
  core::TimeNs position_;
  bool done_ = false;
};

}  // namespace millwright::history

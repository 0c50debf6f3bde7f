#include "training/run_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "core/text.hpp"
#include "io/file_system.hpp"
#include "protocol/csv.hpp"

namespace millwright::training {
namespace {

using core::ErrorCode;
using core::Result;
using core::unexpected;
using prognostics::Run;
using prognostics::RunColumns;
using protocol::CsvReader;

// Where in a row things are.
struct Places {
  std::size_t unit = 0;
  std::size_t cycle = 0;
  std::vector<std::size_t> settings;
  std::vector<std::size_t> sensors;
};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Reading {
 public:
  Reading(const std::string& path, const RunChoice& choice) : path_(path), choice_(choice), reader_(path) {
    out_.columns = choice.columns;
    reader_.without_time();
    reader_.ignore(choice.ignore);
    reader_.read_as_text([this](const std::string& column) { return column == out_.columns.unit; });
  }

  Result<RunFile> read(std::string_view text) {
    reader_.feed(text);
    reader_.finish();
    protocol::CsvRow row;
    for (;;) {
      switch (reader_.next(row)) {
        case CsvReader::Next::kRow:
          if (auto taken = take(row); !taken) return unexpected(taken.error());
          break;
        case CsvReader::Next::kMore:
        case CsvReader::Next::kEnd:
          return std::move(out_);
        case CsvReader::Next::kBadRow:
        case CsvReader::Next::kFailed:
          return unexpected(reader_.problem());
      }
    }
  }

 private:
  Result<std::size_t> find(const std::string& name) const {
    const auto& columns = reader_.columns();
    const auto at = std::find(columns.begin(), columns.end(), name);
    if (at != columns.end()) return static_cast<std::size_t>(at - columns.begin());
    const std::vector<std::string_view> known(columns.begin(), columns.end());
    return unexpected(ErrorCode::kNotFound,
                      fmt::format("{}: has no column '{}'{}", path_, name, core::did_you_mean(name, known)));
  }

  core::Status find_places() {
    RunColumns& columns = out_.columns;
    const bool all_sensors = columns.sensors.empty();
    for (const std::string& name : reader_.columns()) {
      const bool named = name == columns.unit || name == columns.cycle || contains(columns.settings, name);
      if (named || contains(choice_.ignore, name)) continue;
      if (choice_.find_settings && name.starts_with("setting")) {
        columns.settings.push_back(name);
      } else if (all_sensors) {
        columns.sensors.push_back(name);
      }
    }
    if (columns.sensors.empty()) return unexpected(ErrorCode::kInvalid, path_ + ": no column is left as a sensor");
    const auto unit = find(columns.unit);
    if (!unit) return unexpected(unit.error());
    const auto cycle = find(columns.cycle);
    if (!cycle) return unexpected(cycle.error());
    places_ = {*unit, *cycle, {}, {}};
    const auto all = [&](const std::vector<std::string>& names, std::vector<std::size_t>& to) -> core::Status {
      for (const std::string& name : names) {
        const auto at = find(name);
        if (!at) return unexpected(at.error());
        to.push_back(*at);
      }
      return {};
    };
    if (auto found = all(columns.settings, places_.settings); !found) return found;
    return all(columns.sensors, places_.sensors);
  }

  core::Unexpected wrong(const protocol::CsvRow& row, const std::string& what) const {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}:{}: {}", path_, row.line, what));
  }

  core::Status take(const protocol::CsvRow& row) {
    if (std::exchange(first_, false)) {
      if (auto found = find_places(); !found) return found;
    }
    const protocol::CsvCell& unit = row.cells[places_.unit];
    const protocol::CsvCell& cycle = row.cells[places_.cycle];
    if (unit.missing()) return wrong(row, "the row names no unit");
    if (cycle.missing() || !std::isfinite(cycle.real)) return wrong(row, "the row has no cycle");
    const auto [known, added] = units_.try_emplace(std::string(core::trim(unit.text)), out_.runs.size());
    if (added) out_.runs.push_back({.unit = known->first, .cycles = {}, .settings = {}, .sensors = {}});
    Run& run = out_.runs[known->second];
    if (!run.cycles.empty() && cycle.real <= run.cycles.back()) {
      return wrong(row, fmt::format("cycle {} of unit '{}' comes after cycle {}; a unit's cycles must rise",
                                    core::format_double(cycle.real), run.unit, core::format_double(run.cycles.back())));
    }
    run.cycles.push_back(cycle.real);
    values_.clear();
    for (std::size_t k = 0; k < places_.settings.size(); ++k) {
      const protocol::CsvCell& cell = row.cells[places_.settings[k]];
      if (cell.missing()) return wrong(row, fmt::format("the setting '{}' is missing", out_.columns.settings[k]));
      values_.push_back(cell.real);
    }
    run.settings.append(values_);
    values_.clear();
    for (const std::size_t at : places_.sensors) {
      const protocol::CsvCell& cell = row.cells[at];
      values_.push_back(cell.missing() ? std::numeric_limits<double>::quiet_NaN() : cell.real);
    }
    run.sensors.append(values_);
    return {};
  }

  const std::string& path_;
  const RunChoice& choice_;
  CsvReader reader_;
  RunFile out_;
  Places places_;
  bool first_ = true;
  std::unordered_map<std::string, std::size_t> units_;
  std::vector<double> values_;
};

}  // namespace

Result<RunFile> read_runs(const std::string& path, const RunChoice& choice) {
  io::RealFileSystem files;
  const auto bytes = io::read_file(files, path);
  if (!bytes) return unexpected(bytes.error());
  auto out = Reading(path, choice).read({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (out && out->runs.empty()) return unexpected(ErrorCode::kInvalid, path + ": has no rows");
  return out;
}

}  // namespace millwright::training

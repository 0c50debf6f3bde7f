#include "engine/limit_store.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "detection/spc_constants.hpp"

namespace millwright::engine {
namespace {

using core::MutexLock;
using detection::ChartKind;
using detection::ChartLimits;
using Json = nlohmann::json;

constexpr int kVersion = 2;
constexpr const char* kRunning = "running";

constexpr std::array<std::pair<const char*, double ChartLimits::*>, 8> kNumbers = {{
    {"centre", &ChartLimits::centre},
    {"low", &ChartLimits::low},
    {"high", &ChartLimits::high},
    {"spread_centre", &ChartLimits::spread_centre},
    {"spread_high", &ChartLimits::spread_high},
    {"sigma", &ChartLimits::sigma},
    {"within", &ChartLimits::within},
    {"overall", &ChartLimits::overall},
}};

std::uint32_t read_subgroup(const Json& row) {
  const auto size = row.at("subgroup_size").get<std::uint32_t>();
  if (size < 1 || size > detection::kSubgroupMax) throw std::runtime_error("a subgroup_size out of bounds");
  return size;
}

// Version 1 had X-bar/R charts of the running machine alone, and did not keep the deviations.
ChartLimits read_version_1(const Json& row, std::uint32_t subgroup_size) {
  ChartLimits limits{.centre = row.at("centre").get<double>(),
                     .low = row.at("low").get<double>(),
                     .high = row.at("high").get<double>(),
                     .spread_centre = row.at("range_centre").get<double>(),
                     .spread_high = row.at("range_high").get<double>()};
  limits.sigma = (limits.high - limits.centre) / 3;
  limits.within = limits.spread_centre / detection::range_constants(std::max(subgroup_size, 2U)).d2;
  return limits;
}

ChartLimits read_limits(const Json& row) {
  ChartLimits limits;
  for (const auto& [name, member] : kNumbers) limits.*member = row.at(name).get<double>();
  return limits;
}

ChartKind read_chart(const Json& row) {
  const auto name = row.at("chart").get<std::string>();
  const auto kind = detection::chart_kind(name);
  if (!kind) throw std::runtime_error("unknown chart '" + name + "'");
  return *kind;
}

}  // namespace

LimitStore::LimitStore(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {
  load();
}

void LimitStore::load() {
  if (!files_.exists(path_)) return;
  const auto bytes = io::read_file(files_, path_);
  if (!bytes) {
    core::logger("detection")->warn("control limits are learnt anew: {}", bytes.error().message);
    return;
  }
  try {
    Entries entries = parse(*bytes);
    MutexLock lock(mutex_);
    entries_ = std::move(entries);
  } catch (const std::exception& error) {
    const auto moved = files_.rename(path_, path_ + ".bad");
    core::logger("detection")
        ->warn("control limits are learnt anew: {} is damaged ({}){}", path_, error.what(),
               moved ? "; kept as " + path_ + ".bad" : "");
  }
}

LimitStore::Entries LimitStore::parse(const std::vector<std::byte>& bytes) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(text, text + bytes.size());
  Entries entries;
  const int version = json.at("version").get<int>();
  if (version == 1) {
    for (const auto& [sensor, row] : json.at("xbar_r").items()) {
      const std::uint32_t size = read_subgroup(row);
      entries[{sensor, ChartKind::kXbarR, kRunning}] = {size, read_version_1(row, size)};
    }
    return entries;
  }
  if (version != kVersion) throw std::runtime_error(fmt::format("version {} is not known", version));
  for (const auto& [sensor, rows] : json.at("charts").items()) {
    for (const Json& row : rows) {
      entries[{sensor, read_chart(row), row.at("state").get<std::string>()}] = {read_subgroup(row), read_limits(row)};
    }
  }
  return entries;
}

std::optional<ChartLimits> LimitStore::find(const LimitKey& key, std::uint32_t subgroup_size) const {
  MutexLock lock(mutex_);
  take_notes();
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.subgroup_size != subgroup_size) return std::nullopt;
  return found->second.limits;
}

void LimitStore::put(const LimitKey& key, std::uint32_t subgroup_size, const ChartLimits& limits) {
  note({key, Entry{subgroup_size, limits}});
}

void LimitStore::erase(const LimitKey& key) {
  note({key, std::nullopt});
}

void LimitStore::note(Change change) {
  MutexLock lock(notes_mutex_);
  notes_.push_back(std::move(change));
}

void LimitStore::take_notes() const {
  std::vector<Change> notes;
  {
    MutexLock lock(notes_mutex_);
    notes.swap(notes_);
  }
  for (auto& [key, entry] : notes) {
    changed_ = (entry || entries_.contains(key)) || changed_;
    if (entry) {
      entries_.insert_or_assign(std::move(key), *entry);
    } else {
      entries_.erase(key);
    }
  }
}

std::string LimitStore::text() const {
  Json charts = Json::object();
  for (const auto& [key, entry] : entries_) {
    Json row = {
        {"chart", detection::to_string(key.chart)}, {"state", key.state}, {"subgroup_size", entry.subgroup_size}};
    for (const auto& [name, member] : kNumbers) row[name] = entry.limits.*member;
    charts[key.sensor].push_back(std::move(row));
  }
  return Json{{"version", kVersion}, {"charts", std::move(charts)}}.dump(1);
}

core::Status LimitStore::save() {
  std::string bytes;
  {
    MutexLock lock(mutex_);
    take_notes();
    if (!changed_) return {};
    changed_ = false;
    bytes = text();
  }
  auto written = io::write_file_atomically(files_, path_, bytes);
  if (!written) {
    MutexLock lock(mutex_);
    changed_ = true;
  }
  return written;
}

}  // namespace millwright::engine

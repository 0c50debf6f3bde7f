#include "engine/limit_store.hpp"

#include <nlohmann/json.hpp>

#include "core/log.hpp"

namespace millwright::engine {

using core::MutexLock;
using detection::XbarRLimits;

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
  MutexLock lock(mutex_);
  try {
    const auto* text = reinterpret_cast<const char*>(bytes->data());
    const auto json = nlohmann::json::parse(text, text + bytes->size());
    for (const auto& [sensor, row] : json.at("xbar_r").items()) {
      entries_[sensor] = {.subgroup_size = row.at("subgroup_size").get<std::uint32_t>(),
                          .limits = {.centre = row.at("centre").get<double>(),
                                     .low = row.at("low").get<double>(),
                                     .high = row.at("high").get<double>(),
                                     .range_centre = row.at("range_centre").get<double>(),
                                     .range_high = row.at("range_high").get<double>()}};
    }
  } catch (const nlohmann::json::exception& error) {
    entries_.clear();
    const auto moved = files_.rename(path_, path_ + ".bad");
    core::logger("detection")
        ->warn("control limits are learnt anew: {} is damaged ({}){}", path_, error.what(),
               moved ? "; kept as " + path_ + ".bad" : "");
  }
}

std::optional<XbarRLimits> LimitStore::find(const std::string& sensor_path,
                                            const detection::XbarROptions& options) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(sensor_path);
  if (found == entries_.end() || found->second.subgroup_size != options.subgroup_size) return std::nullopt;
  return found->second.limits;
}

void LimitStore::put(const std::string& sensor_path, const detection::XbarROptions& options,
                     const XbarRLimits& limits) {
  MutexLock lock(mutex_);
  entries_[sensor_path] = {options.subgroup_size, limits};
  changed_ = true;
}

core::Status LimitStore::save() {
  nlohmann::json rows = nlohmann::json::object();
  {
    MutexLock lock(mutex_);
    if (!changed_) return {};
    changed_ = false;
    for (const auto& [sensor, entry] : entries_) {
      rows[sensor] = {{"subgroup_size", entry.subgroup_size},
                      {"centre", entry.limits.centre},
                      {"low", entry.limits.low},
                      {"high", entry.limits.high},
                      {"range_centre", entry.limits.range_centre},
                      {"range_high", entry.limits.range_high}};
    }
  }
  auto written = io::write_file_atomically(files_, path_, nlohmann::json{{"version", 1}, {"xbar_r", rows}}.dump(1));
  if (!written) {
    MutexLock lock(mutex_);
    changed_ = true;
  }
  return written;
}

}  // namespace millwright::engine

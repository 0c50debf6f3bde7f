#include "history_remote.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "asset/units.hpp"
#include "core/text.hpp"
#include "history/value_text.hpp"
#include "http/url.hpp"
#include "http_get.hpp"
#include "protocol/csv.hpp"

namespace millwright::app {
namespace {

using historian::Aggregate;
using historian::Reading;
using Json = nlohmann::json;

constexpr core::DurationNs kTimeout = core::kMinute;
constexpr std::size_t kRowsMax = 10'000;  // a page, which every plant allows

core::ValueType type_of(const std::string& name) {
  for (std::uint8_t i = 0; i < core::kValueTypeCount; ++i) {
    if (core::to_string(static_cast<core::ValueType>(i)) == name) return static_cast<core::ValueType>(i);
  }
  return core::ValueType::kFloat64;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

class RemoteSource final : public history::Source {
 public:
  RemoteSource(std::string url, asset::Model model) : url_(std::move(url)), model_(std::move(model)) {}
  [[nodiscard]] const asset::Model& model() const override { return model_; }
  [[nodiscard]] const core::Texts& texts() const override { return texts_; }

  core::Result<std::vector<Reading>> raw(core::SensorId id, historian::Range range, std::size_t limit,
                                         std::optional<core::TimeNs>* next) override {
    const asset::Sensor& sensor = model_.sensor(id);
    std::vector<Reading> readings;
    history::TimeReader times;
    if (sensor.type == core::ValueType::kText) {
      if (auto got = read_texts(sensor, range, limit, readings); !got) return core::unexpected(got.error());
      set_next(readings.size() >= std::min(limit, kRowsMax) ? readings.back().time + 1 : range.to, range, next);
      return readings;
    }
    const auto take = [&](const std::vector<std::string_view>& fields) {
      const auto time = times.read(fields.front());
      const auto bits = history::parse_value(sensor, fields.size() < 4 ? "" : fields[1], texts_);
      const auto quality = core::parse_quality(fields.back());  // its code
      if (!time || !bits || !quality) return false;
      readings.push_back({*time, *bits, *quality});
      return true;
    };
    if (auto got = page(sensor, "raw", range, limit, take); !got) return core::unexpected(got.error());
    set_next(readings.size() >= std::min(limit, kRowsMax) ? readings.back().time + 1 : range.to, range, next);
    return readings;
  }

  core::Result<std::vector<Aggregate>> aggregates(core::SensorId id, historian::Range range, core::DurationNs width,
                                                  std::size_t limit, std::optional<core::TimeNs>* next) override {
    const std::string resolution = fmt::format("{}ns", width);
    std::vector<Aggregate> intervals;
    history::TimeReader times;
    const auto take = [&](const std::vector<std::string_view>& f) {
      if (f.size() < 11) return false;
      const auto time = times.read(f[0]);
      const auto number = [&](std::size_t i) { return core::parse_double(f[i]).value_or(0); };
      if (!time) return false;
      intervals.push_back({.start = *time,
                           .count = static_cast<std::uint64_t>(number(1)),
                           .bad_count = static_cast<std::uint64_t>(number(2)),
                           .min = number(3),
                           .max = number(4),
                           .sum = number(8),
                           .first = number(6),
                           .last = number(7)});
      return true;
    };
    if (auto got = page(model_.sensor(id), resolution, range, limit, take); !got) return core::unexpected(got.error());
    const bool more = intervals.size() >= std::min(limit, kRowsMax);
    set_next(more ? intervals.back().start + width : range.to, range, next);
    return intervals;
  }

 private:
  static void set_next(core::TimeNs from, historian::Range range, std::optional<core::TimeNs>* next) {
    if (next != nullptr) *next = from < range.to ? std::optional(from) : std::nullopt;
  }

  [[nodiscard]] std::string url_of(const asset::Sensor& sensor, std::string_view resolution, historian::Range range,
                                   std::size_t limit) const {
    return fmt::format("{}/v1/machines/{}/history?sensor={}&from={}&to={}&resolution={}&limit={}&format=csv", url_,
                       http::percent_encode(model_.machine(sensor.machine).name), http::percent_encode(sensor.path),
                       core::format_time(range.from), core::format_time(range.to), resolution,
                       std::min(limit, kRowsMax));
  }

  // Texts may hold commas and line ends.
  core::Status read_texts(const asset::Sensor& sensor, historian::Range range, std::size_t limit,
                          std::vector<Reading>& readings) {
    const std::string url = url_of(sensor, "raw", range, limit);
    const auto body = get_text(url, kTimeout);
    if (!body) return core::unexpected(body.error());
    protocol::CsvReader reader(url);
    reader.read_as_text([](const std::string&) { return true; });
    reader.feed(*body);
    reader.finish();
    protocol::CsvRow row;
    for (auto got = reader.next(row); got != protocol::CsvReader::Next::kEnd; got = reader.next(row)) {
      if (got != protocol::CsvReader::Next::kRow) return core::unexpected(reader.problem());
      const auto bits = history::parse_value(sensor, row.cells.front().text, texts_);
      const auto quality = core::parse_quality(row.cells.back().text);
      if (!bits || !quality) return core::unexpected(core::ErrorCode::kCorrupt, url + ": a row that is none");
      readings.push_back({row.time, *bits, *quality});
    }
    return {};
  }

  template <typename Take>
  core::Status page(const asset::Sensor& sensor, std::string_view resolution, historian::Range range, std::size_t limit,
                    const Take& take) const {
    const std::string url = url_of(sensor, resolution, range, limit);
    const auto body = get_text(url, kTimeout);
    if (!body) return core::unexpected(body.error());
    std::string_view rest = *body;
    for (bool header = true; !rest.empty(); header = false) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (header || line.empty()) continue;
      if (!take(core::split(line, ','))) {
        return core::unexpected(core::ErrorCode::kCorrupt, fmt::format("{}: a row that is none: '{}'", url, line));
      }
    }
    return {};
  }

  const std::string url_;
  const asset::Model model_;
  core::TextTable texts_;
};

void add_sensors(const Json& list, asset::Machine& machine, std::vector<asset::Sensor>& sensors) {
  for (const Json& one : list) {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.name = text_of(one, "name");
    sensor.path = text_of(one, "path");
    sensor.component = text_of(one, "component");
    sensor.description = text_of(one, "description");
    sensor.type = type_of(text_of(one, "type"));
    sensor.unit = asset::find_unit(text_of(one, "unit"));
    if (const auto range = one.find("range"); range != one.end() && range->is_object()) {
      sensor.range = asset::Range{range->value("low", 0.0), range->value("high", 0.0)};
    }
    sensor.rate_hz = one.value("rate_hz", 1.0);
    machine.sensors.push_back(sensor.id);
    sensors.push_back(std::move(sensor));
  }
}

asset::Machine machine_of(const Json& twin, core::MachineId id) {
  asset::Machine machine;
  machine.id = id;
  machine.name = text_of(twin, "id");
  machine.path = text_of(twin, "path");
  machine.type = text_of(twin, "type");
  machine.description = text_of(twin, "description");
  const Json nameplate = twin.value("nameplate", Json::object());
  machine.manufacturer = text_of(nameplate, "manufacturer");
  machine.model = text_of(nameplate, "model");
  machine.serial_number = text_of(nameplate, "serial_number");
  const Json hierarchy = twin.value("hierarchy", Json::object());
  constexpr std::array<const char*, 5> kLevels{"enterprise", "site", "area", "line", "cell"};
  for (std::size_t i = 0; i < kLevels.size(); ++i) machine.hierarchy[i] = text_of(hierarchy, kLevels[i]);
  return machine;
}

core::Result<std::vector<std::string>> machine_names(const std::string& url) {
  std::vector<std::string> names;
  std::string cursor;
  do {
    const auto page = get_json(url + "/v1/machines" + (cursor.empty() ? "" : "?cursor=" + cursor), kTimeout);
    if (!page) return core::unexpected(page.error());
    for (const Json& machine : page->value("items", Json::array())) names.push_back(text_of(machine, "id"));
    cursor = text_of(*page, "next_cursor");
  } while (!cursor.empty());
  return names;
}

core::Result<asset::Model> read_model(const std::string& url) {
  const auto names = machine_names(url);
  if (!names) return core::unexpected(names.error());
  std::vector<asset::Machine> machines;
  std::vector<asset::Sensor> sensors;
  for (const std::string& name : *names) {
    const auto twin = get_json(fmt::format("{}/v1/machines/{}/twin", url, http::percent_encode(name)), kTimeout);
    if (!twin) return core::unexpected(twin.error());
    asset::Machine machine = machine_of(*twin, core::MachineId(machines.size()));
    add_sensors(twin->value("sensors", Json::array()), machine, sensors);
    for (const Json& component : twin->value("components", Json::array())) {
      add_sensors(component.value("sensors", Json::array()), machine, sensors);
    }
    machines.push_back(std::move(machine));
  }
  return asset::Model(std::move(machines), std::move(sensors));
}

}  // namespace

core::Result<std::unique_ptr<history::Source>> open_remote(const std::string& given) {
  std::string url = given;
  while (url.ends_with('/')) url.pop_back();
  try {
    auto model = read_model(url);
    if (!model) return core::unexpected(model.error());
    return std::unique_ptr<history::Source>(std::make_unique<RemoteSource>(url, std::move(*model)));
  } catch (const Json::exception& error) {
    return core::unexpected(core::ErrorCode::kCorrupt, fmt::format("{}: not a plant's answer: {}", url, error.what()));
  }
}

}  // namespace millwright::app

#include "opcua/history_pages.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/bytes.hpp"
#include "core/crc32c.hpp"

namespace millwright::opcua {
namespace {

using core::TimeNs;
using historian::Historian;
using historian::Reading;

constexpr std::uint32_t kSkipMax = 1'000'000;
constexpr std::uint64_t kFirstWindow = 1'000'000'000;  // ns; of a look backwards

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::size_t count_of_time(const std::vector<Reading>& readings, TimeNs time) {
  return static_cast<std::size_t>(
      std::count_if(readings.begin(), readings.end(), [&](const Reading& r) { return r.time == time; }));
}

// Takes off what was given before, and what is more than a page.
void cut(Page& page, const Place& from, std::size_t limit) {
  auto& readings = page.readings;
  const std::size_t given = std::min<std::size_t>(from.skip, readings.size());
  readings.erase(readings.begin(), readings.begin() + static_cast<std::ptrdiff_t>(given));
  if (readings.size() <= limit) return;
  Place next{.time = readings[limit].time, .begun = true};
  readings.resize(limit);
  next.skip = static_cast<std::uint32_t>(count_of_time(readings, next.time)) + (next.time == from.time ? from.skip : 0);
  page.next = next;
}

}  // namespace

std::string Place::encode(std::string_view request) const {
  std::string bytes;
  const auto put = [&](auto value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(time);
  put(skip);
  put(static_cast<std::uint8_t>(begun ? 1 : 0));
  put(core::crc32c(bytes_of(request), core::crc32c(bytes_of(bytes))));
  return bytes;
}

std::optional<Place> Place::decode(std::string_view bytes, std::string_view request) {
  core::ByteReader reader(bytes_of(bytes));
  Place place;
  place.time = reader.get<std::int64_t>();
  place.skip = reader.get<std::uint32_t>();
  place.begun = reader.get<std::uint8_t>() != 0;
  const auto sum = reader.get<std::uint32_t>();
  if (!reader.ok() || reader.remaining() != 0 || place.skip > kSkipMax) return std::nullopt;
  const std::string_view content = bytes.substr(0, bytes.size() - sizeof sum);
  if (sum != core::crc32c(bytes_of(request), core::crc32c(bytes_of(content)))) return std::nullopt;
  return place;
}

core::Result<Page> read_forwards(const Historian& historian, core::SensorId sensor, const Place& from, TimeNs to,
                                 std::size_t limit) {
  Page page;
  if (from.time >= to) return page;
  if (limit == 0) {
    page.next = from;
    return page;
  }
  std::optional<TimeNs> next;
  auto readings = historian.raw(sensor, {from.time, to}, limit + from.skip, &next);
  if (!readings) return core::unexpected(readings.error());
  page.readings = std::move(*readings);
  if (next) page.next = Place{.time = *next, .begun = true};
  cut(page, from, limit);
  return page;
}

// The historian reads forwards only. So windows that end where the last one began: wider where there was nothing,
// narrower where there was more than is wanted.
core::Result<Page> read_backwards(const Historian& historian, core::SensorId sensor, const Place& from, TimeNs low,
                                  std::size_t limit) {
  Page page;
  if (from.time < low) return page;
  if (limit == 0) {
    page.next = from;
    return page;
  }
  const std::size_t wanted = limit + from.skip + 1;
  TimeNs high = from.time == std::numeric_limits<TimeNs>::max() ? from.time : from.time + 1;
  std::uint64_t window = kFirstWindow;
  while (low < high && page.readings.size() < wanted) {
    const std::uint64_t left = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    window = std::min(window, left);
    const auto begin = static_cast<TimeNs>(static_cast<std::uint64_t>(high) - window);
    std::optional<TimeNs> next;
    const auto readings = historian.raw(sensor, {begin, high}, wanted, &next);
    if (!readings) return core::unexpected(readings.error());
    if (next && window > 1) {
      window = std::max<std::uint64_t>(1, window / 4);
      continue;
    }
    page.readings.insert(page.readings.end(), readings->rbegin(), readings->rend());
    high = begin;
    if (window <= std::numeric_limits<std::uint64_t>::max() / 8) window *= 8;
  }
  cut(page, from, limit);
  return page;
}

core::Result<std::optional<Reading>> at_or_before(const Historian& historian, core::SensorId sensor, TimeNs time) {
  const auto within = historian.raw(sensor, {time, time + kUaStep}, 1000, nullptr);
  if (!within) return core::unexpected(within.error());
  if (!within->empty()) return std::optional(within->back());
  return historian.before(sensor, time);
}

core::Result<std::optional<Reading>> at_or_after(const Historian& historian, core::SensorId sensor, TimeNs time) {
  const auto found = historian.raw(sensor, {time, std::numeric_limits<TimeNs>::max()}, 1, nullptr);
  if (!found) return core::unexpected(found.error());
  return found->empty() ? std::optional<Reading>() : std::optional(found->front());
}

}  // namespace millwright::opcua

// A plant file for a CSV file: one machine, a sensor for each column.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <span>

#include <fmt/format.h>

#include "core/text.hpp"
#include "io/file_system.hpp"
#include "simulator/csv_file.hpp"
#include "simulator/opcua_source.hpp"
#include "simulator/simulator.hpp"

namespace millwright::simulator {
namespace {

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kRowsLookedAt = 200;

// "Volume Flow RateRMS" → "volume-flow-rate-rms"; "" where nothing is left.
std::string asset_name(std::string_view text) {
  std::string name;
  char before = 0;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower_or_digit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool gap = !upper && !lower_or_digit;
    const bool new_word = upper && ((before >= 'a' && before <= 'z') || (before >= '0' && before <= '9'));
    if ((gap || new_word) && !name.empty() && name.back() != '-') name += '-';
    if (!gap) name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    before = c;
  }
  name.resize(std::min(name.size(), kNameMax));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

// The name, or the name and a number where it is taken.
std::string unique_name(std::string name, std::set<std::string>& taken) {
  std::string candidate = name;
  for (int n = 2; !taken.insert(candidate).second; ++n) {
    const std::string suffix = fmt::format("-{}", n);
    candidate = name.substr(0, kNameMax - suffix.size());
    while (!candidate.empty() && candidate.back() == '-') candidate.pop_back();
    candidate += suffix;
  }
  return candidate;
}

std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Readings a second, from the middle one of the first rows' distances.
double rate_of(CsvFile& file) {
  std::vector<core::DurationNs> gaps;
  const protocol::CsvRow* row = file.peek();
  for (core::TimeNs before = row != nullptr ? row->time : 0; row != nullptr && gaps.size() < kRowsLookedAt;) {
    if (row->time > before) gaps.push_back(row->time - before);
    before = row->time;
    file.take();
    row = file.peek();
  }
  if (gaps.empty()) return 1;
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2), gaps.end());
  return std::clamp(1e9 / static_cast<double>(gaps[gaps.size() / 2]), 1e-6, 1e5);
}

std::string plant_text(const std::string& machine, const std::string& csv_file, const std::vector<std::string>& columns,
                       double rate_hz, std::uint16_t port) {
  std::string text = fmt::format(
      "# Reads what `millwright simulate --replay {}` serves.\n"
      "\n"
      "node:\n"
      "  name: {}\n"
      "  data_dir: {}\n"
      "\n"
      "connectors:\n"
      "  - {{name: replay, type: opcua, endpoint: \"opc.tcp://127.0.0.1:{}\"}}\n"
      "\n"
      "assets:\n"
      "  enterprise: replay\n"
      "  streams: {{default: replay}}\n"
      "  sites:\n"
      "    - name: site\n"
      "      areas:\n"
      "        - name: area\n"
      "          lines:\n"
      "            - name: line\n"
      "              cells:\n"
      "                - name: cell\n"
      "                  machines:\n"
      "                    - name: {}\n"
      "                      description: {}\n"
      "                      sensors:\n",
      csv_file, yaml_text(machine), yaml_text("data-" + machine), port, yaml_text(machine),
      yaml_text("The columns of " + std::filesystem::path(csv_file).filename().string()));
  std::set<std::string> taken;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string name = asset_name(columns[i]);
    if (name.empty()) name = fmt::format("column-{}", i + 2);
    text += fmt::format("                        - {{name: {}, rate_hz: {}, description: {}, address: {}}}\n",
                        yaml_text(unique_name(name, taken)), core::format_double(rate_hz), yaml_text(columns[i]),
                        yaml_text(fmt::format("nsu={};s={}", kNamespaceUri, columns[i])));
  }
  return text;
}

}  // namespace

core::Status write_plant(const std::string& csv_file, const std::string& out_file, std::uint16_t port,
                         std::ostream& out) {
  auto file = CsvFile::open(csv_file, [](const std::string&) {});
  if (!file) return core::unexpected(file.error());
  std::string machine = asset_name(std::filesystem::path(csv_file).stem().string());
  if (machine.empty()) machine = "recorded";
  const std::vector<std::string> columns = (*file)->columns();
  const std::string text = plant_text(machine, csv_file, columns, rate_of(**file), port);

  io::RealFileSystem files;
  if (files.exists(out_file)) {
    const auto old = io::read_file(files, out_file);
    if (!old) return core::unexpected(old.error());
    const bool same = std::ranges::equal(*old, std::as_bytes(std::span(text)));
    if (!same) {
      return core::unexpected(core::ErrorCode::kConflict,
                              fmt::format("{}: exists already and says something else; remove it, or choose another "
                                          "name for the plant file",
                                          out_file));
    }
  } else if (auto written = io::write_file_atomically(files, out_file, text); !written) {
    return written;
  }
  out << fmt::format("{}: machine {} with {} sensors; run it with\n  millwright run {}\n", out_file, machine,
                     columns.size(), out_file);
  out.flush();
  return {};
}

}  // namespace millwright::simulator

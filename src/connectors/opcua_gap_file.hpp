// The gaps of one OPC UA connector on disk, so that a restart of the plant does not forget what is still to be filled
// from the server's history: docs/opcua.md#what-was-missed.
//
//   millwright-opcua-gaps 1
//   1795320000000000000 1795320060000000000 acme/lyon/a/l/c/pump-1/current
//   1795320000000000000 - acme/lyon/a/l/c/pump-1/speed
//
// from and to in ns since 1970 (to: '-', not known yet), and the node's first sensor.
// Threads: the caller's. Errors: kIo; kCorrupt with the line for what cannot be read. Limit: 64 MiB.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/file_system.hpp"

namespace millwright::connectors::opcua_detail {

struct KeptGap {
  std::string sensor;
  core::TimeNs from = 0;
  std::optional<core::TimeNs> to;
  bool operator==(const KeptGap&) const = default;
};

// None where there is no file.
core::Result<std::vector<KeptGap>> read_gaps(io::FileSystem& files, const std::string& path);
core::Status write_gaps(io::FileSystem& files, const std::string& path, const std::vector<KeptGap>& gaps);

core::Result<std::vector<KeptGap>> parse_gaps(std::string_view text);
std::string to_text(const std::vector<KeptGap>& gaps);

}  // namespace millwright::connectors::opcua_detail

// What `bench signal` and `bench feed` make: a part of a plant's history, machines whose sensors are all read at the
// same moments, written as a database's fastest batch format, or sent to a running plant as a burst stream.
//
// Machine i is "<prefix><i in three digits>", its sensors "s0", "s1", …; the address of one is "plant,machine=m000 s0",
// which a line of line protocol names as well. Values are those of BenchSignal, times end at `end_ns`.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/network.hpp"

namespace millwright::app {

struct BenchPart {
  std::string prefix = "m";
  std::uint32_t machines = 20;
  std::uint32_t sensors = 50;  // of a machine
  double rate_hz = 100;
  std::uint64_t rows = 1000;  // readings of a sensor
  core::TimeNs end_ns = 0;    // one period after the last reading

  [[nodiscard]] core::DurationNs period() const;
  [[nodiscard]] core::TimeNs start() const;
  [[nodiscard]] std::uint64_t readings() const { return rows * machines * sensors; }
  [[nodiscard]] std::string machine(std::uint32_t number) const;
};

enum class BenchFormat {
  kLine,    // line protocol: a line a machine and moment, with all its sensors as fields; in order of time
  kNative,  // ClickHouse's Native blocks: machine String, time DateTime, ms UInt16, s0 … Float32
};

// One request's body a file, "000000" and so on in `directory`, which must be there; about `readings_per_file` each.
core::Status render_part(const BenchPart& part, BenchFormat format, const std::string& directory,
                         std::uint64_t readings_per_file);

// Sends the part in blocks of `block` readings and waits until all is acknowledged as on disk; gives the seconds from
// the first block to the last acknowledgement. Fails where a channel is refused.
core::Result<double> feed_part(const BenchPart& part, const io::Address& address, std::uint32_t block);

}  // namespace millwright::app

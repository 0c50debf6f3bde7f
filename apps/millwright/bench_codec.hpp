// The codec benchmark: how many bits a value takes and how fast blocks go in and out, on one core, of the columns of a
// CSV or of the signal that `bench ingest` plays.
//
// Units: bits_per_value counts whole encoded blocks, head and (regular) times included. Speeds are values
// per second of processor time of the one thread, the best of several rounds, so that a neighbour's load counts little;
// a round repeats small data, the size never does.
// Errors: a file that cannot be read, or has no numeric column.
#pragma once

#include <cstdint>
#include <string>

#include "core/block.hpp"
#include "core/result.hpp"

namespace millwright::app {

struct CodecOptions {
  std::string file;  // empty: the generated signal
  core::ValueType type = core::ValueType::kFloat64;
  std::uint32_t block = 1024;  // readings
};

struct CodecResult {
  std::size_t columns = 0;
  std::uint64_t values = 0;
  double bits_per_value = 0;
  double encode_values_per_s = 0;
  double decode_values_per_s = 0;
  bool lossless = false;  // every bit of every value was compared
};

core::Result<CodecResult> run_codec(const CodecOptions& options);

}  // namespace millwright::app

// What benchmarks share: the machine that they ran on, and receipts that are only counted.
//
// Threads: a receipt is settled by whichever thread has made its readings durable.
#pragma once

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>

#include "core/block.hpp"

namespace millwright::app {

// As the kernel names it; Linux alone.
inline std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

class CountedReceipt final : public core::Receipt {
 public:
  explicit CountedReceipt(std::atomic<std::uint64_t>& settled) : settled_(settled) {}
  void settle() override { ++settled_; }

 private:
  std::atomic<std::uint64_t>& settled_;
};

}  // namespace millwright::app

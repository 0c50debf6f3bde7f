// JointReceipt: one word for what was handed over in several parts. Its maker holds one part until it has handed over
// all of them.
//
//   auto receipt = std::make_shared<JointReceipt>([](bool durable) { … });
//   receipt->join();  inlet.submit(epoch, sequence, receipt);  …      // for each part
//   receipt->settle();                                              // the maker's own
//
// Threads: join() before its part is handed over; settle() from any. `done` is called once: with true when all parts
// have settled, with false when the receipt goes away before (the pipeline or the history has stopped). It must not
// block.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "core/block.hpp"

namespace millwright::connectors {

class JointReceipt final : public core::Receipt {
 public:
  explicit JointReceipt(std::function<void(bool durable)> done) : done_(std::move(done)) {}
  ~JointReceipt() override {
    if (left_.load(std::memory_order_acquire) != 0) done_(false);
  }
  void join() { left_.fetch_add(1, std::memory_order_relaxed); }
  void settle() override {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_(true);
  }

 private:
  std::function<void(bool)> done_;
  std::atomic<std::uint32_t> left_{1};
};

}  // namespace millwright::connectors

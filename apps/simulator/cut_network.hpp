// CutNetwork: the real network with a cable that can be pulled: connections end, new ones are refused.
//
// Threads: all of it from any thread.
#pragma once

#include <memory>

#include "io/network.hpp"

namespace millwright::simulator {

class CutNetwork final : public io::Network {
 public:
  CutNetwork();
  ~CutNetwork() override;

  core::Result<std::unique_ptr<io::Listener>> listen(const io::Address& address) override;
  core::Result<std::unique_ptr<io::Stream>> connect(const io::Address& address, core::DurationNs timeout) override;

  void cut();
  void mend();

  struct State;  // shared with the streams it made

 private:
  io::RealNetwork real_;
  std::shared_ptr<State> state_;
};

}  // namespace millwright::simulator

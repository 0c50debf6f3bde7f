// SimNetwork: stream sockets inside the process, with cables that can be pulled: connections die, or go silent
// (half-open) and refuse new ones until the cable is back.
//
// Threads: all of it from any thread.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/mutex.hpp"
#include "io/network.hpp"

namespace millwright::io {

class SimNetwork final : public Network {
 public:
  SimNetwork();
  ~SimNetwork() override;

  core::Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  core::Result<std::unique_ptr<Stream>> connect(const Address& address, core::DurationNs timeout) override;

  enum class Cut { kReset, kSilent };  // connections end, or nothing arrives any more and nobody is told
  void pull_cable(Cut cut);
  void plug_cable();

  struct State;  // shared with the listeners and streams it made

 private:
  std::shared_ptr<State> state_;
};

}  // namespace millwright::io

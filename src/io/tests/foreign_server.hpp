// What tests need to run a server that is not ours beside them: a free port, and the server's process, killed at the
// end.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "io/network.hpp"

namespace millwright::io {

// A port of the loopback that nobody has just now.
inline std::uint16_t free_port() {
  RealNetwork network;
  return (*network.listen({"127.0.0.1", 0}))->port();
}

class ForeignServer {
 public:
  ForeignServer() = default;
  ForeignServer(const ForeignServer&) = delete;
  ForeignServer& operator=(const ForeignServer&) = delete;
  ~ForeignServer() { kill(); }

  // The program's whole path and its arguments.
  void start(const std::vector<std::string>& command) {
    kill();
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    process_ = ::fork();
    if (process_ != 0) return;
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }

 private:
  pid_t process_ = -1;
};

}  // namespace millwright::io

// Presence: how others see on a topic whether a client is there: said by the client as it comes and goes, and by the
// broker where it is lost.
#pragma once

#include <string>

namespace millwright::mqtt {

struct Presence {
  std::string topic;                             // "": none
  std::string online = R"({"state":"online"})";  // "": it does not say that it comes
  std::string offline = R"({"state":"offline"})";
  bool retain = true;
};

}  // namespace millwright::mqtt

// Presence: how others see on a topic whether a client is there: retained, said by the client as it comes and goes, and
// by the broker where it is lost.
#pragma once

#include <string>

namespace millwright::mqtt {

struct Presence {
  std::string topic;  // "": none
  std::string online = R"({"state":"online"})";
  std::string offline = R"({"state":"offline"})";
};

}  // namespace millwright::mqtt

// Where a plant's accounts and audit log are, for the commands that work on them beside a running plant or without one;
// and how they take a password.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "access/accounts.hpp"
#include "access/audit.hpp"
#include "core/result.hpp"
#include "io/clock.hpp"

namespace CLI {
class App;
}

namespace millwright::app {

struct AccessPlace {
  std::string plant = "plant.yaml";
  std::string data;  // its data folder, instead of the plant's file
};
void add_place(CLI::App* sub, const std::shared_ptr<AccessPlace>& place);

struct OpenAccess {
  access::Accounts& accounts;
  access::AuditLog& audit;
  std::string audit_file;
  const io::Clock& clock;

  // Makes a change, where it can be written down, and writes down who made it and how it ended; gives the exit code.
  int change(const std::string& what, const std::function<core::Status()>& make) const;
};
int with_access(const AccessPlace& place, const std::function<int(const OpenAccess&)>& use);

// From the file; else typed twice where a person sits there, else a line of standard input. Never from the command
// line, which others see.
core::Result<std::string> new_password(const std::string& file);

}  // namespace millwright::app

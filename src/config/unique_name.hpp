// The `name` of each entry of a list, such as connectors and outputs: an asset name (lower-case letters, digits, single
// hyphens inside), no two alike.
//
//   config::UniqueNames names("connector");
//   for (config::Section& section : root.sections("connectors")) options.name = names.read(section);
//
// Threads: one, as the document. Errors: problems of the document. Limits: kLongest bytes.
#pragma once

#include <map>
#include <string>

#include "config/document.hpp"

namespace millwright::config {

class UniqueNames {
 public:
  static constexpr std::size_t kLongest = 63;

  explicit UniqueNames(std::string what) : what_(std::move(what)) {}
  // "" or a wrong name is given back as well: what else the entry says is worth a look.
  std::string read(Section& section);

 private:
  const std::string what_;                    // that has the names
  std::map<std::string, std::string> first_;  // name, where it was given
};

}  // namespace millwright::config

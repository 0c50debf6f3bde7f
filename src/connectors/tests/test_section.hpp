// For tests of what connectors read of the plant's file.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/document.hpp"

namespace millwright::connectors::test {

// What `read` makes of the YAML, as of a connector's entry; what is wrong with it is added to `problems`.
template <typename Read>
auto read_section(const std::string& yaml, std::vector<std::string>& problems, const Read& read) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document);
  auto root = document->root();
  auto options = read(root);
  root.finish();
  for (const config::Problem& problem : document->problems()) problems.push_back(to_string(problem));
  return options;
}

}  // namespace millwright::connectors::test

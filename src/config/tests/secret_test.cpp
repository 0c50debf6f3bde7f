// Where secrets come from.
#include "config/secret.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace millwright::config {
namespace {

TEST(Secret, ComesFromAFileOrTheEnvironment) {
  const std::string file = ::testing::TempDir() + "millwright-secret-test";
  std::ofstream(file) << "s3cret\n";
  EXPECT_EQ(**(Secret{.file = file, .variable = {}}).read(), "s3cret");
  std::ofstream(file) << "\n";
  EXPECT_FALSE((Secret{.file = file, .variable = {}}).read());
  std::ofstream(file) << std::string(70'000, 'a');
  EXPECT_FALSE((Secret{.file = file, .variable = {}}).read());
  std::filesystem::remove(file);
  EXPECT_FALSE((Secret{.file = file, .variable = {}}).read());
  EXPECT_FALSE(*Secret{}.read());
  ::setenv("MILLWRIGHT_TEST_SECRET", "hush", 1);
  EXPECT_EQ(**(Secret{.file = {}, .variable = "MILLWRIGHT_TEST_SECRET"}).read(), "hush");
  ::unsetenv("MILLWRIGHT_TEST_SECRET");
  EXPECT_FALSE((Secret{.file = {}, .variable = "MILLWRIGHT_TEST_SECRET"}).read());
}

}  // namespace
}  // namespace millwright::config

#include "io/child_process.hpp"

#include <chrono>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

namespace millwright::io {
namespace {

int end_of(ChildProcess& child) {
  for (;;) {
    if (const auto code = child.poll()) return *code;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(ChildProcess, GivesItsExitCode) {
  auto child = ChildProcess::start(find_program("sh"), {"-c", "exit \"$CODE\""}, {{"CODE", "3"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(end_of(*child), 3);
}

TEST(ChildProcess, OneThatCannotBeRunEndsWith127) {
  auto child = ChildProcess::start("/nowhere/to/be/found", {});
  ASSERT_TRUE(child);
  EXPECT_EQ(end_of(*child), 127);
}

TEST(ChildProcess, IsAskedToEndAndThenMadeTo) {
  auto child = ChildProcess::start(find_program("sleep"), {"600"});
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->poll());
  EXPECT_EQ(child->stop(10 * core::kSecond), 128 + SIGTERM);
  auto stubborn = ChildProcess::start(find_program("sh"), {"-c", "trap '' TERM; while :; do sleep 0.05; done"});
  ASSERT_TRUE(stubborn);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(stubborn->stop(100 * core::kMillisecond), 128 + SIGKILL);
}

TEST(ChildProcess, FindsPrograms) {
  EXPECT_TRUE(find_program("sh").ends_with("/sh"));
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program("no-such-program-here"), "");
  EXPECT_EQ(find_program("/nowhere/sh"), "");
}

}  // namespace
}  // namespace millwright::io

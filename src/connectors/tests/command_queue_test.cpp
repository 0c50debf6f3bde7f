#include "connectors/command_queue.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

namespace millwright::connectors {
namespace {

using core::ErrorCode;
using testing::HasSubstr;

TEST(CommandQueue, AsksTheThreadThatServes) {
  std::atomic<int> woken{0};
  CommandQueue queue([&] { ++woken; });
  const asset::Command command;
  const asset::CommandValue value = 1.5;
  const auto ask = [&](core::DurationNs timeout) { return queue.ask(command, std::span(&value, 1), timeout); };
  EXPECT_EQ(ask(core::kSecond).error().code, ErrorCode::kUnavailable) << "before it is open";
  queue.open();
  std::atomic<bool> stop{false};
  std::thread server([&] {
    while (!stop) {
      queue.serve([](const asset::Command&, std::span<const asset::CommandValue> values) {
        return core::Result<std::string>(asset::to_string(values[0]));
      });
    }
  });
  EXPECT_EQ(ask(10 * core::kSecond).value(), "1.5");
  EXPECT_EQ(woken, 1);
  stop = true;
  server.join();
  const auto late = ask(10 * core::kMillisecond);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("was not sent"));
  EXPECT_FALSE(queue.waits()) << "what nobody waits for is not carried out later";
}

TEST(CommandQueue, ALostConnectionEndsWhatWaits) {
  CommandQueue* opened = nullptr;
  CommandQueue queue([&] { opened->close("the connection was closed"); });
  opened = &queue;
  queue.open();
  const auto asked = queue.ask({}, {}, 10 * core::kSecond);
  EXPECT_EQ(asked.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(asked.error().message, HasSubstr("the connection was closed"));
}

}  // namespace
}  // namespace millwright::connectors

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

TEST(CommandQueue, AnAnswerMayComeLater) {
  CommandQueue queue([] {});
  queue.open();
  std::atomic<std::uint64_t> first{0};
  std::atomic<std::uint64_t> last{0};
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    while (!stop) {
      queue.send([&](std::uint64_t ticket, const asset::Command& command, auto) -> core::Status {
        if (command.name == "refused") return core::unexpected(ErrorCode::kInvalid, "no such topic");
        if (first == 0) first = ticket;
        last = ticket;
        return {};
      });
    }
  });
  asset::Command refused;
  refused.name = "refused";
  EXPECT_EQ(queue.ask(refused, {}, 10 * core::kSecond).error().code, ErrorCode::kInvalid);
  std::thread answerer([&] {
    while (first == 0 || !queue.settle(first, std::string("done"))) {
    }
  });
  EXPECT_EQ(queue.ask({}, {}, 10 * core::kSecond).value(), "done");
  answerer.join();
  const auto silent = queue.ask({}, {}, 50 * core::kMillisecond);
  EXPECT_EQ(silent.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(silent.error().message, HasSubstr("may have been carried out"));
  EXPECT_FALSE(queue.settle(last, std::string("too late")));
  EXPECT_FALSE(queue.awaits(last));
  const std::uint64_t before = last;
  std::thread loser([&] {
    while (last == before) {
    }
    queue.close("the connection is lost");
  });
  const auto lost = queue.ask({}, {}, 10 * core::kSecond);
  EXPECT_EQ(lost.error().code, ErrorCode::kTimeout) << "nobody knows what became of it";
  EXPECT_THAT(lost.error().message, HasSubstr("the connection is lost"));
  loser.join();
  stop = true;
  sender.join();
}

}  // namespace
}  // namespace millwright::connectors

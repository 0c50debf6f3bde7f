#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "core/bounded_queue.hpp"
#include "core/snapshot.hpp"

namespace millwright::core {
namespace {

using std::chrono::milliseconds;

TEST(BoundedQueue, PushesBackWhenFull) {
  BoundedQueue<int> queue(2);
  int a = 1;
  EXPECT_TRUE(queue.try_push(a));
  EXPECT_TRUE(queue.try_push(a));
  EXPECT_FALSE(queue.try_push(a));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.try_pop(), 1);
  EXPECT_TRUE(queue.try_push(a));
}

TEST(BoundedQueue, HandsEveryItemToOneConsumer) {
  BoundedQueue<int> queue(8);
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  std::atomic<std::int64_t> sum{0};
  std::atomic<int> taken{0};
  for (int p = 0; p < 3; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kEach; ++i) {
        int item = p * kEach + i;
        ASSERT_TRUE(queue.push(item));
      }
    });
  }
  for (int c = 0; c < 2; ++c) {
    threads.emplace_back([&] {
      while (taken.load() < 3 * kEach) {
        if (auto item = queue.pop(milliseconds(5))) {
          sum += *item;
          ++taken;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::int64_t n = 3 * kEach;
  EXPECT_EQ(sum.load(), n * (n - 1) / 2);
}

TEST(BoundedQueue, DrainsAfterClose) {
  BoundedQueue<std::unique_ptr<int>> queue(4);
  auto item = std::make_unique<int>(7);
  EXPECT_TRUE(queue.push(item));
  queue.close();
  auto refused = std::make_unique<int>(8);
  EXPECT_FALSE(queue.push(refused));
  EXPECT_TRUE(refused);
  EXPECT_EQ(**queue.pop(milliseconds(1)), 7);
  EXPECT_FALSE(queue.pop(milliseconds(1)));
}

TEST(Snapshot, KeepsTheOldValueForItsReaders) {
  Snapshot<int> snapshot(std::make_shared<const int>(1));
  const auto reader = snapshot.get();
  const auto old = snapshot.set(std::make_shared<const int>(2));
  EXPECT_EQ(*reader, 1);
  EXPECT_EQ(old, reader);
  EXPECT_EQ(*snapshot.get(), 2);
}

}  // namespace
}  // namespace millwright::core

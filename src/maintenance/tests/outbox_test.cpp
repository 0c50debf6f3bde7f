// The outbox against an ERP in memory that fails in every way: exactly once, dead letters, back-off, states read back.
#include "maintenance/outbox.hpp"

#include <map>

#include <gmock/gmock.h>

#include "maintenance/tests/fixture.hpp"

namespace millwright::maintenance {
namespace {

using core::ErrorCode;
using testing::an_order;
using ::testing::HasSubstr;
using testing::kStart;

// Keeps every order it was given, also those whose answer it "lost".
class MemoryErp final : public Erp {
 public:
  enum class Fault { kNone, kLostBefore, kLostAfter, kError, kRefusal };

  core::Result<std::optional<ErpOrder>> find(const std::string& reference, const Stopping&) override {
    ++lookups;
    for (const auto& [id, known] : orders) {
      if (known == reference) return std::optional(ErpOrder{.id = id, .word = "NEW"});
    }
    return std::optional<ErpOrder>();
  }
  core::Result<ErpOrder> create(const WorkOrder& order, const std::string& key, const Stopping&) override {
    keys.push_back(key);
    const Fault fault = next_fault();
    if (fault == Fault::kLostBefore) return core::unexpected(ErrorCode::kUnavailable, "no connection");
    if (fault == Fault::kError) return core::unexpected(ErrorCode::kIo, "HTTP 500");
    if (fault == Fault::kRefusal) return core::unexpected(ErrorCode::kInvalid, "HTTP 400: no such asset");
    const std::string id = "WO-" + std::to_string(orders.size() + 1);
    orders.emplace(id, order.reference);
    if (fault == Fault::kLostAfter) return core::unexpected(ErrorCode::kUnavailable, "cut off");
    return ErpOrder{.id = id, .word = "NEW"};
  }
  core::Result<ErpOrder> read(const WorkOrder& order, const Stopping&) override {
    return ErpOrder{.id = order.erp_id, .word = word, .state = parse_order_state(word)};
  }
  core::Status probe(const Stopping&) override { return {}; }

  Fault next_fault() {
    if (faults.empty()) return Fault::kNone;
    const Fault fault = faults.front();
    faults.erase(faults.begin());
    return fault;
  }

  std::map<std::string, std::string> orders;  // id → reference
  std::vector<std::string> keys;
  std::vector<Fault> faults;
  std::string word = "NEW";
  int lookups = 0;
};

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    options.name = "erp";
    auto opened = OrderBook::open(
        *database, clock, [](std::string_view) { return std::string("erp"); }, told.hooks());
    EXPECT_TRUE(opened);
    book = std::move(*opened);
    restart();
  }
  // As after a crash: another outbox over the same tables and the same ERP.
  void restart() {
    auto kept = std::make_unique<MemoryErp>();
    if (erp != nullptr) *kept = *erp;
    outbox.reset();
    erp = kept.get();
    outbox = std::make_unique<Outbox>(options, std::move(kept), *book, clock, metrics);
  }
  std::string approved() {
    const auto made = book->create(an_order());
    EXPECT_TRUE(made);
    EXPECT_TRUE(book->move(made->id, {.to = OrderState::kApproved, .who = "a"}));
    return made->id;
  }
  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      outbox->step();
      clock.advance(options.retry_max);
    }
  }
  OrderState state(const std::string& id) { return book->find(id)->state; }

  testing::Folder folder;
  io::SimClock clock{kStart};
  std::unique_ptr<database::Database> database = testing::open_database(folder.path);
  core::Metrics metrics;
  testing::Told told;
  ErpOptions options;
  std::unique_ptr<OrderBook> book;
  MemoryErp* erp = nullptr;
  std::unique_ptr<Outbox> outbox;
};

TEST_F(OutboxTest, DeliversAnApprovedOrder) {
  const std::string id = approved();
  run(1);
  EXPECT_EQ(state(id), OrderState::kSent);
  EXPECT_EQ(book->find(id)->erp_id, "WO-1");
  EXPECT_EQ(erp->lookups, 0);  // nothing can be there before the first attempt
  EXPECT_EQ(outbox->status().state, "connected");
  EXPECT_EQ(outbox->status().delivered, 1U);
  EXPECT_EQ(book->changes(id)->back().who, "erp");
}

TEST_F(OutboxTest, ALostAnswerIsNoSecondOrder) {
  const std::string id = approved();
  erp->faults = {MemoryErp::Fault::kLostAfter};
  run(2);
  EXPECT_EQ(state(id), OrderState::kSent);
  EXPECT_EQ(erp->orders.size(), 1U);
  EXPECT_EQ(erp->lookups, 1);
  EXPECT_EQ(book->deliveries(id)->front().attempts, 2);
}

TEST_F(OutboxTest, EveryAttemptHasTheSameKey) {
  const std::string id = approved();
  erp->faults = {MemoryErp::Fault::kLostBefore, MemoryErp::Fault::kError};
  run(3);
  EXPECT_EQ(state(id), OrderState::kSent);
  ASSERT_EQ(erp->keys.size(), 3U);
  EXPECT_EQ(erp->keys[0], book->deliveries(id)->front().id);
  EXPECT_EQ(erp->keys[0], erp->keys[2]);
}

TEST_F(OutboxTest, ExactlyOnceThroughLossesAndCrashesFromASeed) {
  io::Random random(20261121);
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) {
    ids.push_back(approved());
    for (int faults = 0; faults < 3; ++faults) {
      erp->faults.push_back(static_cast<MemoryErp::Fault>(random.below(3)));  // none, lost before, lost after
    }
    run(1);
    if (random.below(4) == 0) {
      // The plant dies between its attempt and the ERP's answer: the attempt is on disk, nothing else is.
      const auto due = book->due("erp", 1);
      if (!due->empty()) {
        const auto begun = book->begin_attempt(due->front().id);
        ASSERT_TRUE(*begun);
        if ((*begun)->attempts > 1 && *erp->find(book->find((*begun)->order)->reference, {})) continue;
        static_cast<void>(erp->create(*book->find((*begun)->order), (*begun)->id, {}));
      }
      restart();
    }
  }
  erp->faults.clear();
  run(40);
  EXPECT_EQ(erp->orders.size(), ids.size());
  std::map<std::string, int> times;
  for (const auto& [number, reference] : erp->orders) ++times[reference];
  for (const std::string& id : ids) {
    EXPECT_EQ(state(id), OrderState::kSent);
    EXPECT_EQ(times[book->find(id)->reference], 1);
  }
}

TEST_F(OutboxTest, ARefusalIsADeadLetterThatCanBeSentAgain) {
  const std::string id = approved();
  erp->faults = {MemoryErp::Fault::kRefusal};
  run(3);
  EXPECT_EQ(state(id), OrderState::kApproved);
  const Delivery dead = book->deliveries(id)->front();
  EXPECT_EQ(dead.state, DeliveryState::kDead);
  EXPECT_THAT(dead.last_error, HasSubstr("no such asset"));
  EXPECT_EQ(dead.attempts, 1);
  EXPECT_EQ(outbox->status().dead, 1);
  EXPECT_EQ(told.notes.back().action, "work-order-delivery.dead");
  EXPECT_TRUE(book->list_deliveries(DeliveryState::kWaiting, 10)->empty());
  ASSERT_TRUE(book->retry(dead.id, "anna"));
  EXPECT_FALSE(book->retry(dead.id, "anna"));
  run(1);
  EXPECT_EQ(state(id), OrderState::kSent);
}

TEST_F(OutboxTest, ErrorsEndADeliveryButSilenceDoesNot) {
  options.failures_max = 3;
  restart();
  const std::string id = approved();
  erp->faults.assign(50, MemoryErp::Fault::kLostBefore);
  run(50);
  EXPECT_EQ(book->deliveries(id)->front().state, DeliveryState::kWaiting);
  erp->faults.assign(50, MemoryErp::Fault::kError);
  run(12);
  EXPECT_EQ(book->deliveries(id)->front().state, DeliveryState::kDead);
}

TEST_F(OutboxTest, AnErpThatDoesNotAnswerIsLeftInPeace) {
  for (int i = 0; i < 20; ++i) approved();
  erp->faults.assign(1000, MemoryErp::Fault::kLostBefore);
  outbox->step();
  EXPECT_EQ(erp->keys.size(), static_cast<std::size_t>(CircuitBreaker::kBreakAfter));
  EXPECT_EQ(outbox->status().state, "broken");
  clock.advance(options.break_for / 2);
  outbox->step();
  EXPECT_EQ(erp->keys.size(), static_cast<std::size_t>(CircuitBreaker::kBreakAfter));
  clock.advance(options.break_for);
  outbox->step();
  EXPECT_EQ(erp->keys.size(), static_cast<std::size_t>(CircuitBreaker::kBreakAfter) + 1);  // one to try
  erp->faults.clear();
  run(3);
  EXPECT_EQ(erp->orders.size(), 20U);
}

TEST(Pause, DoublesUpToTheLongestWithSomeChance) {
  ErpOptions options;
  options.retry_min = core::kSecond;
  options.retry_max = 10 * core::kSecond;
  EXPECT_EQ(pause_after(1, options, 0), core::kSecond);
  EXPECT_EQ(pause_after(3, options, 0), 4 * core::kSecond);
  EXPECT_EQ(pause_after(1000, options, 0), 10 * core::kSecond);
  EXPECT_EQ(pause_after(1, options, 0.5), 1250 * core::kMillisecond);
}

TEST_F(OutboxTest, ReadsBackHowFarTheErpIs) {
  const std::string id = approved();
  run(1);
  erp->word = "WAITING";  // unknown: kept, and nothing moves
  run(1);
  EXPECT_EQ(state(id), OrderState::kSent);
  EXPECT_EQ(book->find(id)->erp_state, "WAITING");
  erp->word = "in-progress";
  run(1);
  EXPECT_EQ(state(id), OrderState::kInProgress);
  erp->word = "sent";  // never backwards
  run(1);
  EXPECT_EQ(state(id), OrderState::kInProgress);
  erp->word = "done";
  run(1);
  EXPECT_EQ(state(id), OrderState::kDone);
  ASSERT_EQ(told.events.size(), 1U);
  EXPECT_EQ(told.events[0].technician, "erp");
  EXPECT_TRUE(book->to_poll("erp", clock.now() + core::kHour, 10)->empty());
}

TEST_F(OutboxTest, WorksOnAThreadOfItsOwn) {
  io::RealClock real;
  auto real_book = OrderBook::open(*database, real, [](std::string_view) { return std::string("erp"); });
  ASSERT_TRUE(real_book);
  Outbox own(options, std::make_unique<MemoryErp>(), **real_book, real, metrics);
  own.start();
  const auto made = (*real_book)->create(an_order());
  ASSERT_TRUE((*real_book)->move(made->id, {.to = OrderState::kApproved, .who = "a"}));
  own.wake();
  for (int i = 0; i < 500 && (*real_book)->find(made->id)->state != OrderState::kSent; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  own.stop();
  EXPECT_EQ((*real_book)->find(made->id)->state, OrderState::kSent);
}

}  // namespace
}  // namespace millwright::maintenance

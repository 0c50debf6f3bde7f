// The life of a work order: allowed moves, versions, what is committed together, repeated requests, lists, events.
#include "maintenance/order_book.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "maintenance/tests/fixture.hpp"
#include "maintenance/ulid.hpp"

namespace millwright::maintenance {
namespace {

using testing::an_order;
using ::testing::HasSubstr;
using testing::kStart;
using testing::sees_all;

class BookTest : public ::testing::Test {
 protected:
  BookTest() {
    auto opened = OrderBook::open(
        *database, clock, [this](std::string_view) { return connector; }, told.hooks());
    EXPECT_TRUE(opened) << opened.error().message;
    book = std::move(*opened);
  }
  std::string created(const std::string& machine = "pump-1") {
    WorkOrder order = an_order();
    order.machine = machine;
    order.machine_path = "acme/lyon/" + machine;
    const auto made = book->create(order);
    EXPECT_TRUE(made) << made.error().message;
    return made->id;
  }
  void expect_refused(std::string_view id, const Move& move, core::ErrorCode code, const char* why) {
    const auto moved = book->move(id, move);
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, code);
    EXPECT_THAT(moved.error().message, HasSubstr(why));
  }

  testing::Folder folder;
  io::SimClock clock{kStart};
  std::unique_ptr<database::Database> database = testing::open_database(folder.path);
  testing::Told told;
  std::string connector;
  std::unique_ptr<OrderBook> book;
};

TEST(Ulid, SortsByTimeAndNeverRepeats) {
  io::Random random(7);
  const std::string first = make_ulid(kStart, random);
  const std::string second = make_ulid(kStart + core::kMillisecond, random);
  EXPECT_EQ(first.size(), 26U);
  EXPECT_EQ(first.substr(0, 9), second.substr(0, 9));
  EXPECT_LT(first, second);
  EXPECT_NE(make_ulid(kStart, random), first);
  EXPECT_EQ(make_ulid(1469918176385 * core::kMillisecond, random).substr(0, 10), "01ARYZ6S41");  // the specification's
}

TEST(OrderState, MovesForwardsOnly) {
  EXPECT_TRUE(may_move(OrderState::kProposed, OrderState::kApproved));
  EXPECT_TRUE(may_move(OrderState::kProposed, OrderState::kRejected));
  EXPECT_TRUE(may_move(OrderState::kSent, OrderState::kDone));
  EXPECT_FALSE(may_move(OrderState::kProposed, OrderState::kDone));
  EXPECT_FALSE(may_move(OrderState::kProposed, OrderState::kSent));
  EXPECT_FALSE(may_move(OrderState::kInProgress, OrderState::kApproved));
  for (const OrderState ended : {OrderState::kDone, OrderState::kRejected}) {
    for (std::size_t to = 0; to < std::size(kOrderStates); ++to) {
      EXPECT_FALSE(may_move(ended, static_cast<OrderState>(to)));
    }
  }
  for (const std::string_view name : kOrderStates) EXPECT_EQ(to_string(*parse_order_state(name)), name);
}

TEST_F(BookTest, GoesFromProposedToDoneAndLeavesAnEvent) {
  const std::string id = created();
  clock.advance(core::kHour);
  ASSERT_TRUE(book->move(id, {.to = OrderState::kApproved, .who = "berta", .note = "go"}));
  ASSERT_TRUE(book->move(id, {.to = OrderState::kInProgress, .who = "carl"}));
  const auto done = book->move(id, {.to = OrderState::kDone,
                                    .who = "carl",
                                    .findings = "inner race spalled",
                                    .spare_parts = R"(["6205-2Z"])",
                                    .downtime_min = 45});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->version, 4);
  const auto changes = book->changes(id);
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 4U);
  EXPECT_EQ((*changes)[1].who, "berta");
  EXPECT_EQ((*changes)[1].note, "go");
  EXPECT_EQ((*changes)[1].time, kStart + core::kHour);
  EXPECT_EQ((*changes)[3].to, OrderState::kDone);
  const auto json = to_json(*book->find(id));
  EXPECT_EQ(json["state"], "done");
  EXPECT_EQ(json["spare_parts"][0], "6205-2Z");
  EXPECT_EQ(json["downtime_min"], 45);

  ASSERT_EQ(told.events.size(), 1U);
  EXPECT_EQ(told.events[0].component, "motor");
  EXPECT_EQ(told.events[0].type, "corrective");
  EXPECT_EQ(told.events[0].order, id);
  const auto events = book->events({}, sees_all);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 1U);
  EXPECT_EQ(events->front().notes, "inner race spalled");
  ASSERT_EQ(told.notes.size(), 4U);
  EXPECT_EQ(told.notes[1].action, "work-order.approved");
  EXPECT_EQ(told.notes[1].who, "berta");
}

TEST_F(BookTest, RefusesWhatTheLifeCycleDoesNotHave) {
  const std::string id = created();
  expect_refused(id, {.to = OrderState::kDone, .who = "a"}, core::ErrorCode::kConflict, "cannot become done");
  expect_refused("nobody", {.to = OrderState::kApproved, .who = "a"}, core::ErrorCode::kNotFound, "'nobody'");
  expect_refused(id, {.to = OrderState::kApproved, .who = "a", .expected_version = 7}, core::ErrorCode::kConflict,
                 "is at version 1, not 7");
  ASSERT_TRUE(book->move(id, {.to = OrderState::kRejected, .who = "a", .expected_version = 1}));
  expect_refused(id, {.to = OrderState::kApproved, .who = "a"}, core::ErrorCode::kConflict, "is rejected");
  EXPECT_EQ(book->find(id)->version, 2);
  EXPECT_TRUE(told.events.empty());
}

TEST_F(BookTest, EditsProposedOrdersOnly) {
  const std::string id = created();
  const auto edited = book->edit(
      id, {.who = "a", .expected_version = 1, .recommended_action = "Grease it", .priority = Priority::kUrgent});
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_EQ(edited->version, 2);
  EXPECT_EQ(book->find(id)->recommended_action, "Grease it");
  EXPECT_FALSE(book->edit(id, {.who = "a", .expected_version = 1, .recommended_action = "late"}));
  ASSERT_TRUE(book->move(id, {.to = OrderState::kApproved, .who = "a"}));
  const auto late = book->edit(id, {.who = "a", .recommended_action = "late"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, core::ErrorCode::kConflict);
}

TEST_F(BookTest, ListsWhatTheCallerSeesInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(created(i % 3 == 0 ? "secret-1" : "pump-1"));
    clock.advance(core::kMinute);
  }
  const auto sees = [](std::string_view path) { return path.find("secret") == std::string_view::npos; };
  OrderFilter filter;
  filter.limit = 4;
  const auto page = book->list(filter, sees);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->size(), 4U);
  EXPECT_EQ(page->front().id, ids[8]);
  filter.before = page->back().number;
  const auto rest = book->list(filter, sees);
  ASSERT_EQ(rest->size(), 2U);
  EXPECT_EQ(rest->back().id, ids[1]);
  filter = {};
  filter.machine = "secret-1";
  EXPECT_EQ(book->list(filter, sees_all)->size(), 3U);
  filter.from = kStart + 3 * core::kMinute;
  EXPECT_EQ(book->list(filter, sees_all)->size(), 2U);
  filter.state = OrderState::kDone;
  EXPECT_TRUE(book->list(filter, sees_all)->empty());
}

TEST_F(BookTest, AnApprovedOrderHasItsDelivery) {
  connector = "sap";
  const std::string id = created();
  EXPECT_TRUE(book->deliveries(id)->empty());
  ASSERT_TRUE(book->move(id, {.to = OrderState::kApproved, .who = "a"}));
  const auto deliveries = book->deliveries(id);
  ASSERT_EQ(deliveries->size(), 1U);
  EXPECT_EQ(deliveries->front().state, DeliveryState::kWaiting);
  EXPECT_EQ(book->due("sap", 10)->size(), 1U);
  EXPECT_TRUE(book->due("other", 10)->empty());
  // Nobody knows any more whether it has it: so it cannot be taken back.
  ASSERT_TRUE(*book->begin_attempt(deliveries->front().id));
  expect_refused(id, {.to = OrderState::kRejected, .who = "a"}, core::ErrorCode::kConflict, "on its way to sap");
}

TEST_F(BookTest, AnOrderThatWasNotSentYetCanBeTakenBack) {
  connector = "sap";
  const std::string id = created();
  ASSERT_TRUE(book->move(id, {.to = OrderState::kApproved, .who = "a"}));
  ASSERT_TRUE(book->move(id, {.to = OrderState::kRejected, .who = "a"}));
  const std::string delivery = book->deliveries(id)->front().id;
  EXPECT_EQ(book->find_delivery(delivery)->state, DeliveryState::kCancelled);
  EXPECT_FALSE(*book->begin_attempt(delivery));
  EXPECT_TRUE(book->due("sap", 10)->empty());
}

TEST_F(BookTest, KeepsEventsOfPeople) {
  MaintenanceEvent event;
  event.machine = "pump-1";
  event.machine_path = "acme/lyon/pump-1";
  event.type = "inspection";
  event.occurred = kStart - core::kHour;
  ASSERT_TRUE(book->add_event(event, "anna"));
  EXPECT_EQ(told.events.size(), 1U);
  EXPECT_EQ(told.notes.back().action, "maintenance-event.add");
  EventFilter filter;
  filter.to = kStart - 2 * core::kHour;
  EXPECT_TRUE(book->events(filter, sees_all)->empty());
  EXPECT_TRUE(book->events({}, [](std::string_view) { return false; })->empty());
  EXPECT_EQ(to_json(book->events({}, sees_all)->front())["maintenance_type"], "inspection");
}

TEST_F(BookTest, OutlivesARestart) {
  connector = "sap";
  const std::string id = created();
  ASSERT_TRUE(book->move(id, {.to = OrderState::kApproved, .who = "a"}));
  book.reset();
  database.reset();
  database = testing::open_database(folder.path);
  book = std::move(*OrderBook::open(*database, clock, [](std::string_view) { return std::string("sap"); }));
  EXPECT_EQ(book->find(id)->state, OrderState::kApproved);
  EXPECT_EQ(book->due("sap", 10)->size(), 1U);
}

}  // namespace
}  // namespace millwright::maintenance

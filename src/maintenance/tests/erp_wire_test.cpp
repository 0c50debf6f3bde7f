// The kinds of ERP over real sockets, against tests/e2e/erp_server.py: a process that dies of SIGKILL after each
// first commit, before it answers, and that hides errors inside of answers.
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/network.hpp"
#include "maintenance/desk.hpp"
#include "maintenance/tests/fixture.hpp"

namespace millwright::maintenance {
namespace {

using testing::an_order;
using ::testing::HasSubstr;
using testing::sees_all;

constexpr int kOrders = 5;  // each of which kills the ERP once
constexpr const char* kSecret = "s3cret-of-the-erp";

// What a plant's file says of each kind, and what follows a hyphen of its object; {0} is the port.
const std::map<std::string, std::string> kSections = {
    {"rest", R"(
      oauth2: {{token_url: "http://127.0.0.1:{0}/oauth/token", client_id: plant, client_secret_env: TEST_ERP_SECRET}}
      create:
        url: "http://127.0.0.1:{0}/api/orders"
        body: '{{"ref": "{{{{reference}}}}", "title": "{{{{title}}}}", "equipment": "{{{{equipment}}}}", "evidence": {{{{json:evidence}}}}}}'
        id: /order/id
      lookup: {{url: "http://127.0.0.1:{0}/api/orders?ref={{{{reference}}}}", id: /items/0/id}}
      status: {{url: "http://127.0.0.1:{0}/api/orders/{{{{erp_id}}}}", state: /state}}
      error: /error/message
      states: {{open: sent, closed: done}})"},
    {"sap", R"(
      url: "http://127.0.0.1:{0}"
      client: "100"
      user: PLANT
      password_env: TEST_ERP_SECRET)"},
    {"sap-order", R"(
      url: "http://127.0.0.1:{0}"
      object: order
      reference_field: YY1_Millwright
      client: "100"
      user: PLANT
      password_env: TEST_ERP_SECRET)"},
    {"maximo", R"(
      url: "http://127.0.0.1:{0}/maximo"
      site: LYON
      api_key_env: TEST_ERP_SECRET)"},
    {"odoo", R"(
      url: "http://127.0.0.1:{0}"
      database: plant
      user: millwright
      password_env: TEST_ERP_SECRET)"},
};

class WireTest : public ::testing::TestWithParam<std::string> {
 protected:
  WireTest() {
    ::setenv("TEST_ERP_SECRET", kSecret, 1);
    auto free = io::RealNetwork().listen({"127.0.0.1", 0});
    EXPECT_TRUE(free);
    port = (*free)->port();
  }
  ~WireTest() override { end_erp(); }

  void start_erp(bool kill) {
    const std::string program = MILLWRIGHT_SOURCE_DIR "/tests/e2e/erp_server.py";
    child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::string port_text = std::to_string(port);
      ::execlp("python3", "python3", program.c_str(), GetParam().c_str(), port_text.c_str(), database_file().c_str(),
               kill ? "--kill" : nullptr, nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 600; ++i) {
      if (io::RealNetwork().connect({"127.0.0.1", port}, core::kSecond)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    FAIL() << "the ERP does not start: is python3 installed?";
  }
  void end_erp() {
    if (child <= 0) return;
    ::kill(child, SIGTERM);
    ::waitpid(child, nullptr, 0);
    child = -1;
  }
  [[nodiscard]] std::string database_file() const { return folder.path + "/erp.db"; }
  void fault(const std::string& what) { std::ofstream(database_file() + ".fault") << what; }

  void open() {
    const std::string yaml = fmt::format(
        "maintenance:\n  erps:\n    - name: erp\n      kind: {}\n      allow: [127.0.0.1]\n      retry_min: 20ms\n     "
        " "
        "retry_max: 300ms\n      break_for: 200ms\n      poll: 100ms\n      failures_max: 2{}\n",
        GetParam().substr(0, GetParam().find('-')), fmt::format(fmt::runtime(kSections.at(GetParam())), port));
    auto document = config::Document::parse(yaml, "plant.yaml");
    ASSERT_TRUE(document) << document.error().message;
    const Options options = read_options(*document, document->root().section("maintenance"));
    ASSERT_TRUE(document->check()) << document->check().error().message;
    database = testing::open_database(folder.path);
    auto opened = Desk::open(options, {.database = *database, .clock = clock, .metrics = metrics});
    ASSERT_TRUE(opened) << opened.error().message;
    desk = std::move(*opened);
    erp = options.erps.front();
    desk->start();
  }
  std::string approved() {
    const auto made = desk->book().create(an_order());
    EXPECT_TRUE(made);
    EXPECT_TRUE(desk->move(made->id, {.to = OrderState::kApproved, .who = "a"}));
    return made->id;
  }
  template <typename Holds>
  bool wait_for(const Holds& holds) {
    for (int i = 0; i < 2400; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  std::size_t count(OrderState state) {
    OrderFilter filter;
    filter.state = state;
    return desk->book().list(filter, sees_all)->size();
  }

  testing::Folder folder;
  io::RealClock clock;
  core::Metrics metrics;
  std::unique_ptr<database::Database> database;
  std::unique_ptr<Desk> desk;
  ErpOptions erp;
  std::uint16_t port = 0;
  pid_t child = -1;
};

TEST_P(WireTest, ExactlyOnceThoughTheErpDiesAfterEachCommit) {
  start_erp(true);
  open();
  for (int i = 0; i < kOrders; ++i) approved();
  EXPECT_TRUE(wait_for([&] { return count(OrderState::kSent) == kOrders; })) << desk->erps().front().last_error;
  desk->stop();
  std::set<std::string> numbers;
  const auto all = desk->book().list({}, sees_all);
  ASSERT_TRUE(all);
  for (const WorkOrder& order : *all) {
    EXPECT_GE(desk->book().deliveries(order.id)->front().attempts, 2);  // the first answer was lost
    numbers.insert(order.erp_id);
  }
  EXPECT_EQ(numbers.size(), static_cast<std::size_t>(kOrders));
  // What the ERP holds, in its own file.
  auto kept = database::Database::open({.file = database_file(), .postgresql = {}, .password = {}});
  ASSERT_TRUE(kept);
  const auto rows = (*kept)->query("SELECT COUNT(*), COUNT(DISTINCT reference) FROM orders");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->front().integer(0), kOrders);
  EXPECT_EQ(rows->front().integer(1), kOrders);
}

TEST_P(WireTest, ErrorsInsideOfAnswersAndPagesAreFailures) {
  start_erp(false);
  open();
  fault("inside");
  const std::string id = approved();
  const auto delivery = [&] { return desk->book().deliveries(id)->front(); };
  EXPECT_TRUE(wait_for([&] { return delivery().state == DeliveryState::kDead; }));
  EXPECT_EQ(delivery().failures, 2);
  EXPECT_THAT(delivery().last_error, ::testing::AnyOf(HasSubstr("period is closed"), HasSubstr("locked by user MILLER"),
                                                      HasSubstr("BMXAA4211E"), HasSubstr("concurrent update")));
  fault("refuse");
  ASSERT_TRUE(desk->retry(delivery().id, "a"));
  EXPECT_TRUE(wait_for([&] { return delivery().state == DeliveryState::kDead; }));
  EXPECT_EQ(delivery().failures, 1);
  fault("html");
  ASSERT_TRUE(desk->retry(delivery().id, "a"));
  EXPECT_TRUE(wait_for([&] { return delivery().last_error.find("page of HTML") != std::string::npos; }));
  EXPECT_EQ(delivery().state, DeliveryState::kWaiting);
  EXPECT_FALSE(make_erp(erp, clock)->probe({}));
  fault("");
  EXPECT_TRUE(make_erp(erp, clock)->probe({}));
  EXPECT_TRUE(wait_for([&] { return count(OrderState::kSent) == 1; }));
}

TEST_P(WireTest, ReadsTheStateBack) {
  // As each ERP says it.
  const std::map<std::string, std::string> done = {
      {"rest", "closed"}, {"sap", "4"}, {"sap-order", "TECO MANC NMAT PRC"}, {"maximo", "COMP"}, {"odoo", "3"}};
  start_erp(false);
  open();
  approved();
  ASSERT_TRUE(wait_for([&] { return count(OrderState::kSent) == 1; })) << desk->erps().front().last_error;
  auto kept = database::Database::open({.file = database_file(), .postgresql = {}, .password = {}});
  ASSERT_TRUE(kept);
  const auto set = [&](const std::string& state) {
    const auto changed = (*kept)->execute("UPDATE orders SET state = :a", {state});
    return changed && *changed == 1;
  };
  ASSERT_TRUE(wait_for([&] { return set(done.at(GetParam())); }));
  EXPECT_TRUE(wait_for([&] { return count(OrderState::kDone) == 1; })) << desk->erps().front().last_error;
}

TEST_P(WireTest, TellsNoSecret) {
  ::setenv("TEST_ERP_SECRET", "another-secret", 1);
  start_erp(false);
  open();
  approved();
  EXPECT_TRUE(wait_for([&] { return !desk->erps().front().last_error.empty(); }));
  const auto status = desk->erps().front();
  EXPECT_THAT(status.last_error, ::testing::Not(HasSubstr("another-secret")));
  EXPECT_EQ(status.waiting, 1);  // a log-in can be put right
}

INSTANTIATE_TEST_SUITE_P(EachKind, WireTest, ::testing::Values("rest", "sap", "sap-order", "maximo", "odoo"),
                         [](const auto& given) {
                           std::string name = given.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace millwright::maintenance

// What was missed comes from the server's history: behind what comes anew, whole, and once.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "connectors/opcua_gap_file.hpp"
#include "connectors/tests/opcua_client_rig.hpp"
#include "connectors/tests/opcua_test_server.hpp"

namespace millwright::connectors {
namespace {

// A server's history, with the limits and moods that servers have. Called with the server's lock held.
class History {
 public:
  std::atomic<bool> is_away{false};        // every call is refused
  std::atomic<std::size_t> nodes_max{0};   // of a call; 0: any
  std::atomic<std::size_t> values_max{0};  // of an answer
  std::atomic<std::size_t> points_max{1000};
  std::atomic<std::size_t> calls{0};
  std::string spoiler;  // a call with this node fails as a whole

  void put_into(UA_ServerConfig& config) {
    config.historyDatabase.context = this;
    config.historyDatabase.setValue = [](UA_Server*, void* self, const UA_NodeId*, void*, const UA_NodeId* id,
                                         UA_Boolean is_historizing, const UA_DataValue* value) {
      if (is_historizing) static_cast<History*>(self)->keep(*id, *value);
    };
    config.historyDatabase.readRaw = [](UA_Server*, void* self, const UA_NodeId*, void*, const UA_RequestHeader*,
                                        const UA_ReadRawModifiedDetails* details, UA_TimestampsToReturn,
                                        UA_Boolean is_release, std::size_t n, const UA_HistoryReadValueId* nodes,
                                        UA_HistoryReadResponse* response, UA_HistoryData* const* const data) {
      static_cast<History*>(self)->read(*details, is_release, std::span(nodes, n), *response, data);
    };
  }

 private:
  struct Value {
    UA_DateTime time;
    double value;
  };
  static std::string name_of(const UA_NodeId& id) { return std::string(opcua_detail::view(id.identifier.string)); }

  void keep(const UA_NodeId& id, const UA_DataValue& value) {
    values_[name_of(id)].push_back({value.sourceTimestamp, *static_cast<const double*>(value.value.data)});
  }
  void read(const UA_ReadRawModifiedDetails& details, bool is_release, std::span<const UA_HistoryReadValueId> nodes,
            UA_HistoryReadResponse& response, UA_HistoryData* const* const data) {
    if (is_release) {
      points_ -= nodes.size();
      return;
    }
    ++calls;
    response.responseHeader.serviceResult = fault(details, nodes);
    if (response.responseHeader.serviceResult != UA_STATUSCODE_GOOD) return;
    for (std::size_t i = 0; i < nodes.size(); ++i) page(details, nodes[i], response.results[i], *data[i]);
  }
  UA_StatusCode fault(const UA_ReadRawModifiedDetails& details, std::span<const UA_HistoryReadValueId> nodes) const {
    if (is_away) return UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED;
    if (nodes_max != 0 && nodes.size() > nodes_max) return UA_STATUSCODE_BADTOOMANYOPERATIONS;
    const bool spoils =
        std::any_of(nodes.begin(), nodes.end(), [&](const auto& n) { return name_of(n.nodeId) == spoiler; });
    if (spoils) return UA_STATUSCODE_BADINTERNALERROR;
    if (values_max != 0 && details.numValuesPerNode * nodes.size() > values_max)
      return UA_STATUSCODE_BADRESPONSETOOLARGE;
    return UA_STATUSCODE_GOOD;
  }
  void page(const UA_ReadRawModifiedDetails& details, const UA_HistoryReadValueId& node, UA_HistoryReadResult& result,
            UA_HistoryData& data) {
    const std::vector<Value>& all = values_[name_of(node.nodeId)];
    std::size_t at = 0;
    if (node.continuationPoint.length != 0) {
      at = std::stoul(std::string(opcua_detail::view(node.continuationPoint)));
      --points_;
    }
    std::vector<Value> found;
    for (; at < all.size() && found.size() < details.numValuesPerNode; ++at) {
      if (all[at].time >= details.startTime && all[at].time < details.endTime) found.push_back(all[at]);
    }
    if (at < all.size() && points_ >= points_max) {
      result.statusCode = UA_STATUSCODE_BADNOCONTINUATIONPOINTS;
      return;
    }
    if (at < all.size()) {
      ++points_;
      result.continuationPoint = opcua_detail::copy(std::to_string(at));
    }
    data.dataValues = static_cast<UA_DataValue*>(UA_Array_new(found.size(), &UA_TYPES[UA_TYPES_DATAVALUE]));
    data.dataValuesSize = found.size();
    for (std::size_t i = 0; i < found.size(); ++i) {
      UA_DataValue& value = data.dataValues[i];
      UA_Variant_setScalarCopy(&value.value, &found[i].value, &UA_TYPES[UA_TYPES_DOUBLE]);
      value.hasValue = value.hasSourceTimestamp = true;
      value.sourceTimestamp = found[i].time;
    }
  }

  std::map<std::string, std::vector<Value>> values_;
  std::size_t points_ = 0;
};

constexpr std::size_t kNodes = 30;
constexpr int kMissed = 600;

// Thirty nodes, of which a plant has heard one value each and then 600 not.
class OpcUaBackfill : public testing::Test {
 protected:
  OpcUaBackfill() : server_(free_port(), 0, [this](UA_ServerConfig& config) { history_.put_into(config); }) {}

  void begin() {
    for (std::size_t i = 0; i < kNodes; ++i) {
      server_.add_with_history(name(i));
      specs_.push_back({name(i), nsu(name(i))});
      server_.write_double(name(i), 0, now_);
    }
    server_.start();
    rig_ = std::make_unique<Rig>(specs_);
    rig_->options.gaps_file = gaps_file_;
    rig_->connect(server_.endpoint());
    for (std::size_t i = 0; i < kNodes; ++i) ASSERT_TRUE(rig_->arrived(i, 1));
    rig_->connector->stop();
    for (int k = 1; k <= kMissed; ++k) write(k);
    rig_->connect(server_.endpoint());
    ASSERT_TRUE(rig_->connected());
  }
  static std::string name(std::size_t i) { return "n" + std::to_string(i); }
  void write(int k) {
    for (std::size_t i = 0; i < kNodes; ++i) server_.write_double(name(i), k, now_ + k * core::kMillisecond);
  }
  [[nodiscard]] double open_gaps() { return rig_->gauge("millwright_opcua_client_open_gaps"); }
  // All values up to `last`, each once: those of the past in order, and what came anew behind them.
  void expect_whole(std::size_t i, int last) {
    const auto all = static_cast<std::size_t>(last) + 1;
    ASSERT_TRUE(rig_->eventually([&] { return rig_->past(i).size() + rig_->taken(i).size() >= all; })) << name(i);
    std::vector<TimeNs> times;
    for (const Taken& each : rig_->past(i)) times.push_back(each.time);
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    for (const Taken& each : rig_->taken(i)) times.push_back(each.time);
    std::sort(times.begin(), times.end());
    ASSERT_EQ(times.size(), all) << name(i);
    for (int k = 0; k <= last; ++k) {
      ASSERT_EQ(times[static_cast<std::size_t>(k)], now_ + k * core::kMillisecond) << name(i);
    }
  }

  std::string gaps_file_;
  History history_;
  TestServer server_;
  std::vector<SensorSpec> specs_;
  std::unique_ptr<Rig> rig_;
  // As history has it, in steps of 100 ns; an hour back at most.
  const TimeNs now_ = core::floor_to(io::RealClock().now(), core::kMillisecond) - 10 * core::kMinute;
};

TEST_F(OpcUaBackfill, LiveValuesDoNotWaitAndTheGapStaysOpenUntilItIsFilled) {
  history_.is_away = true;
  begin();
  write(kMissed + 1);
  for (std::size_t i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(
        rig_->eventually([&] { return rig_->taken(i).back().time == now_ + (kMissed + 1) * core::kMillisecond; }));
  }
  ASSERT_TRUE(rig_->eventually([&] { return history_.calls > kNodes; }));  // one by one as well
  EXPECT_EQ(open_gaps(), kNodes);
  history_.is_away = false;
  ASSERT_TRUE(rig_->eventually([&] { return open_gaps() == 0; }));
  for (std::size_t i = 0; i < kNodes; ++i) expect_whole(i, kMissed + 1);
}

TEST_F(OpcUaBackfill, CallsShrinkToWhatTheServerTakesAndOneNodeSpoilsNoOther) {
  history_.nodes_max = 7;
  history_.values_max = 45;
  history_.spoiler = name(4);
  begin();
  ASSERT_TRUE(rig_->eventually([&] { return open_gaps() == 1; })) << open_gaps();
  for (std::size_t i = 0; i < kNodes; ++i) {
    if (i != 4) expect_whole(i, kMissed);
  }
  EXPECT_TRUE(rig_->past(4).empty());
}

TEST_F(OpcUaBackfill, WhatIsOpenIsRememberedOverARestart) {
  gaps_file_ = testing::TempDir() + "gaps-" + std::to_string(::getpid()) + "/plc.gaps";
  history_.is_away = true;
  begin();
  // New values are taken, so that what was missed lies before the last that is known.
  for (std::size_t i = 0; i < kNodes; ++i) ASSERT_TRUE(rig_->arrived(i, 2));
  rig_->connector->stop();
  history_.is_away = false;
  rig_->connect(server_.endpoint());
  ASSERT_TRUE(rig_->connected());
  ASSERT_TRUE(rig_->eventually([&] { return open_gaps() == 0; })) << open_gaps();
  for (std::size_t i = 0; i < kNodes; ++i) expect_whole(i, kMissed);
  std::filesystem::remove_all(std::filesystem::path(gaps_file_).parent_path());
}

TEST(OpcUaGapFile, IsReadAsItWasWritten) {
  using opcua_detail::KeptGap;
  const std::vector<KeptGap> gaps{{"acme/a b/speed", 5, 7}, {"acme/current", -5, std::nullopt}};
  const auto read = opcua_detail::parse_gaps(opcua_detail::to_text(gaps));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, gaps);
  for (const std::string wrong :
       {"", "x\n", "1 2 a\n", "millwright-opcua-gaps 1\n1 a\n", "millwright-opcua-gaps 1\n1 x a\n",
        "millwright-opcua-gaps 1\nx - a\n", "millwright-opcua-gaps 1\n1 - \n"}) {
    EXPECT_EQ(opcua_detail::parse_gaps(wrong).error().code, core::ErrorCode::kCorrupt) << wrong;
  }
}

TEST_F(OpcUaBackfill, FewContinuationPointsAreEnough) {
  history_.points_max = 3;
  begin();
  ASSERT_TRUE(rig_->eventually([&] { return open_gaps() == 0; })) << open_gaps();
  for (std::size_t i = 0; i < kNodes; ++i) expect_whole(i, kMissed);
}

}  // namespace
}  // namespace millwright::connectors

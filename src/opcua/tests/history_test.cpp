// HistoryRead through the server, by open62541's client, against what the historian says itself.
#include "opcua/history.hpp"

#include <open62541/nodeids.h>

#include "historian/tests/historian_fixture.hpp"
#include "opcua/history_pages.hpp"
#include "opcua/server.hpp"
#include "opcua/tests/test_client.hpp"

namespace millwright::opcua {
namespace {

using core::TimeNs;
using historian::kStart;
using historian::Reading;

constexpr TimeNs kT0 = kStart - kStart % core::kMinute;

// An answer to HistoryRead of one node, and the point to go on from.
struct Part {
  UA_StatusCode service = 0;
  UA_StatusCode status = 0;
  std::vector<std::shared_ptr<UA_DataValue>> values;
  std::string point;

  [[nodiscard]] double number(std::size_t i) const {
    const UA_Variant& v = values.at(i)->value;
    if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_FLOAT]))
      return static_cast<double>(*static_cast<float*>(v.data));
    if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_DOUBLE])) return *static_cast<double*>(v.data);
    if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_UINT32])) return *static_cast<UA_UInt32*>(v.data);
    if (UA_Variant_hasScalarType(&v, &UA_TYPES[UA_TYPES_INT32])) return *static_cast<UA_Int32*>(v.data);
    return -1e9;
  }
  [[nodiscard]] TimeNs time(std::size_t i) const {
    return (values.at(i)->sourceTimestamp - UA_DATETIME_UNIX_EPOCH) * kUaStep;
  }
};

template <typename Details>
Part read_history(TestClient& client, Details& details, std::size_t type, const UA_NodeId& node,
                  const std::string& point = {}, UA_TimestampsToReturn timestamps = UA_TIMESTAMPSTORETURN_SOURCE) {
  UA_HistoryReadValueId what;
  UA_HistoryReadValueId_init(&what);
  what.nodeId = node;
  what.continuationPoint = borrow(point);
  UA_HistoryReadRequest request;
  UA_HistoryReadRequest_init(&request);
  request.historyReadDetails.encoding = UA_EXTENSIONOBJECT_DECODED_NODELETE;
  request.historyReadDetails.content.decoded = {&UA_TYPES[type], &details};
  request.timestampsToReturn = timestamps;
  request.nodesToRead = &what;
  request.nodesToReadSize = 1;
  UA_HistoryReadResponse response;
  __UA_Client_Service(client.get(), &request, &UA_TYPES[UA_TYPES_HISTORYREADREQUEST], &response,
                      &UA_TYPES[UA_TYPES_HISTORYREADRESPONSE]);
  Part part;
  part.service = response.responseHeader.serviceResult;
  if (response.resultsSize == 1) {
    const UA_HistoryReadResult& result = response.results[0];
    part.status = result.statusCode;
    part.point = view(result.continuationPoint);
    if (result.historyData.encoding == UA_EXTENSIONOBJECT_DECODED) {
      const auto& data = *static_cast<UA_HistoryData*>(result.historyData.content.decoded.data);
      for (std::size_t i = 0; i < data.dataValuesSize; ++i) {
        auto value = std::shared_ptr<UA_DataValue>(UA_DataValue_new(), [](UA_DataValue* v) { UA_DataValue_delete(v); });
        UA_DataValue_copy(&data.dataValues[i], value.get());
        part.values.push_back(std::move(value));
      }
    }
  }
  UA_HistoryReadResponse_clear(&response);
  return part;
}

class HistoryTest : public historian::HistorianTest {
 protected:
  void SetUp() override { open(); }
  void TearDown() override {
    client_.reset();
    server_.reset();
    HistorianTest::TearDown();
  }
  void serve(std::uint32_t values = 10'000) {
    tick_and_commit();
    const ServerHistory history{*history_, clock_};
    const ServerOptions options{.port = 0, .max_history_values = values};
    server_ = std::make_unique<Server>(options, model_, *live_, texts_, *metrics_, ServerParts{.history = &history});
    const core::Status started = server_->start();
    ASSERT_TRUE(started) << started.error().message;
    client_ = std::make_unique<TestClient>(server_->endpoint());
  }
  UA_NodeId node() { return client_->plant("pump-0/temperature"); }
  UA_NodeId state() { return client_->plant("pump-0/state"); }

  static UA_ReadRawModifiedDetails raw_details(TimeNs from, TimeNs to, std::uint32_t number = 0, bool bounds = false) {
    UA_ReadRawModifiedDetails details;
    UA_ReadRawModifiedDetails_init(&details);
    if (from != 0) details.startTime = to_ua_time(from);
    if (to != 0) details.endTime = to_ua_time(to);
    details.numValuesPerNode = number;
    details.returnBounds = bounds;
    return details;
  }
  Part read_raw(UA_ReadRawModifiedDetails details, const std::string& point = {}) {
    return read_history(*client_, details, UA_TYPES_READRAWMODIFIEDDETAILS, node(), point);
  }
  // All pages as one.
  Part read_all(const UA_ReadRawModifiedDetails& details, std::size_t* pages) {
    Part all = read_raw(details);
    for (*pages = 1; !all.point.empty() && *pages < 1000; ++*pages) {
      Part part = read_raw(details, all.point);
      EXPECT_EQ(part.status, UA_STATUSCODE_GOOD);
      all.values.insert(all.values.end(), part.values.begin(), part.values.end());
      all.point = part.point;
    }
    return all;
  }
  static std::vector<TimeNs> times_of(const Part& part) {
    std::vector<TimeNs> times;
    for (std::size_t i = 0; i < part.values.size(); ++i) times.push_back(part.time(i));
    return times;
  }
  Part read_processed(std::uint32_t aggregate, TimeNs from, TimeNs to, double ms, const UA_NodeId& of,
                      const std::string& point = {}) {
    UA_ReadProcessedDetails details;
    UA_ReadProcessedDetails_init(&details);
    UA_NodeId function = ns0(aggregate);
    details.startTime = to_ua_time(from);
    details.endTime = to_ua_time(to);
    details.processingInterval = ms;
    details.aggregateType = &function;
    details.aggregateTypeSize = 1;
    details.aggregateConfiguration.useServerCapabilitiesDefaults = true;
    return read_history(*client_, details, UA_TYPES_READPROCESSEDDETAILS, of, point);
  }

  core::TextTable texts_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(HistoryTest, RawComesInPagesAndIsWhatTheHistorianHas) {
  record(1, 2500, kT0);
  serve(1000);
  std::size_t pages = 0;
  const Part all = read_all(raw_details(kT0 + core::kMillisecond, kT0 + core::kMinute), &pages);
  EXPECT_EQ(pages, 3U);
  const auto wanted = raw(historian::temperature(0), {kT0 + core::kMillisecond, kT0 + core::kMinute});
  ASSERT_EQ(all.values.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(all.time(i), wanted[i].time);
    EXPECT_EQ(all.number(i), core::as_double(core::ValueType::kFloat32, wanted[i].bits));
  }
}

TEST_F(HistoryTest, BackwardsIsForwardsReversed) {
  record(1, 2500, kT0);
  record(2, 700, kT0 + core::kHour);
  serve(1000);
  std::size_t pages = 0;
  auto forwards = times_of(read_all(raw_details(kT0, kT0 + 2 * core::kHour), &pages));
  std::reverse(forwards.begin(), forwards.end());
  // The later end is within, the earlier is not.
  forwards.pop_back();
  EXPECT_EQ(times_of(read_all(raw_details(kT0 + 2 * core::kHour, kT0), &pages)), forwards);
  EXPECT_EQ(pages, 4U);
  const Part last = read_raw(raw_details(0, kT0 + 2 * core::kHour, 3));
  EXPECT_EQ(times_of(last), std::vector(forwards.begin(), forwards.begin() + 3));
  EXPECT_TRUE(last.point.empty()) << "who asks for three has got them";
}

TEST_F(HistoryTest, ReadingsOfOneTimeAreEachGivenOnce) {
  core::BlockBatch one = batch(1);
  for (int i = 0; i < 25; ++i) {
    core::Block& block = one.add(historian::temperature(0), core::ValueType::kFloat32, 1, kT0 + core::kSecond, 0, kT0);
    block.as<float>()[0] = static_cast<float>(i);
  }
  add_block(one, historian::temperature(0), 3, kT0 + 2 * core::kSecond, core::kSecond);
  send(0, std::move(one));
  serve(10);
  const std::size_t kept = raw(historian::temperature(0)).size();
  std::size_t pages = 0;
  EXPECT_EQ(read_all(raw_details(kT0, kT0 + core::kMinute), &pages).values.size(), kept);
  EXPECT_EQ(read_all(raw_details(kT0 + core::kMinute, kT0), &pages).values.size(), kept);
  EXPECT_GT(pages, 1U);
}

TEST_F(HistoryTest, BoundsAreTheNearestOrSaidToBeMissing) {
  record(1, 4, kT0 + 10 * core::kSecond, 10 * core::kSecond);  // at 10, 20, 30, 40 s
  serve();
  const auto at = [](int second) { return kT0 + second * core::kSecond; };
  EXPECT_EQ(times_of(read_raw(raw_details(at(15), at(35), 0, true))), (std::vector{at(10), at(20), at(30), at(40)}));
  EXPECT_EQ(times_of(read_raw(raw_details(at(35), at(15), 0, true))), (std::vector{at(40), at(30), at(20), at(10)}));
  EXPECT_EQ(times_of(read_raw(raw_details(at(20), at(40), 0, true))), (std::vector{at(20), at(30), at(40)}));
  const Part outside = read_raw(raw_details(at(5), at(50), 0, true));
  EXPECT_EQ(times_of(outside), (std::vector{at(5), at(10), at(20), at(30), at(40), at(50)}));
  EXPECT_EQ(outside.values.front()->status, UA_STATUSCODE_BADBOUNDNOTFOUND);
  EXPECT_EQ(outside.values.back()->status, UA_STATUSCODE_BADBOUNDNOTFOUND);
  // Also where the page ends just before the bound.
  const auto details = raw_details(at(15), at(35), 3, true);
  std::size_t pages = 0;
  EXPECT_EQ(times_of(read_all(details, &pages)), (std::vector{at(10), at(20), at(30), at(40)}));
  EXPECT_EQ(pages, 2U);
}

TEST_F(HistoryTest, WhatIsAskedWronglyIsRefused) {
  record(1, 2500, kT0);
  serve(1000);
  const auto details = raw_details(kT0, kT0 + core::kMinute);
  const Part first = read_raw(details);
  EXPECT_EQ(read_raw(details, "nonsense").status, UA_STATUSCODE_BADCONTINUATIONPOINTINVALID);
  EXPECT_EQ(read_raw(raw_details(kT0, kT0 + core::kHour), first.point).status,
            UA_STATUSCODE_BADCONTINUATIONPOINTINVALID);
  EXPECT_EQ(read_raw(raw_details(kT0, 0)).status, UA_STATUSCODE_BADHISTORYOPERATIONINVALID);
  auto again = details;
  EXPECT_EQ(read_history(*client_, again, UA_TYPES_READRAWMODIFIEDDETAILS, client_->plant("pump-0/nothing")).status,
            UA_STATUSCODE_BADNODEIDUNKNOWN);
  EXPECT_EQ(read_history(*client_, again, UA_TYPES_READRAWMODIFIEDDETAILS, ns0(UA_NS0ID_SERVER)).status,
            UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED);
  EXPECT_EQ(
      read_history(*client_, again, UA_TYPES_READRAWMODIFIEDDETAILS, node(), "", UA_TIMESTAMPSTORETURN_NEITHER).service,
      UA_STATUSCODE_BADTIMESTAMPSTORETURNINVALID);
  EXPECT_EQ(read_processed(UA_NS0ID_AGGREGATEFUNCTION_WORSTQUALITY, kT0, kT0 + core::kMinute, 1000, node()).status,
            UA_STATUSCODE_BADAGGREGATENOTSUPPORTED);
}

TEST_F(HistoryTest, ProcessedIsWhatTheHistorianCalculates) {
  record(1, 5000, kT0);
  clock_.advance(core::kHour);
  serve(4);
  const std::pair<std::uint32_t, historian::Function> functions[] = {
      {UA_NS0ID_AGGREGATEFUNCTION_AVERAGE, historian::Function::kAverage},
      {UA_NS0ID_AGGREGATEFUNCTION_TIMEAVERAGE, historian::Function::kTimeAverage},
      {UA_NS0ID_AGGREGATEFUNCTION_MAXIMUM, historian::Function::kMaximum},
      {UA_NS0ID_AGGREGATEFUNCTION_COUNT, historian::Function::kCount}};
  for (const auto& [node_id, function] : functions) {
    historian::ProcessedRequest request{.sensor = historian::temperature(0),
                                        .range = {kT0, kT0 + 6 * core::kSecond},
                                        .width = core::kSecond,
                                        .calculation = {function},
                                        .now = clock_.now()};
    std::optional<TimeNs> next;
    const auto wanted = processed(*history_, model_, request, &next);
    ASSERT_TRUE(wanted);
    Part got = read_processed(node_id, kT0, kT0 + 6 * core::kSecond, 1000, node());
    ASSERT_EQ(got.values.size(), 4U);
    const Part rest = read_processed(node_id, kT0, kT0 + 6 * core::kSecond, 1000, node(), got.point);
    EXPECT_TRUE(rest.point.empty());
    got.values.insert(got.values.end(), rest.values.begin(), rest.values.end());
    ASSERT_EQ(got.values.size(), wanted->size());
    for (std::size_t i = 0; i < wanted->size(); ++i) {
      const auto& row = wanted->at(i);
      EXPECT_EQ(got.time(i), row.start);
      EXPECT_EQ(got.values[i]->status & 0xFFFF0000U, row.quality.code);
      if (row.quality.is_bad()) continue;
      EXPECT_FLOAT_EQ(static_cast<float>(got.number(i)), static_cast<float>(row.value));
    }
  }
}

TEST_F(HistoryTest, ValuesAtTimesLieBetweenReadings) {
  core::BlockBatch one = batch(1);
  core::Block& real = one.add(historian::temperature(0), core::ValueType::kFloat32, 2, kT0, 10 * core::kSecond, kT0);
  real.as<float>()[0] = 10;
  real.as<float>()[1] = 20;
  core::Block& whole = one.add(core::SensorId(2U), core::ValueType::kState, 2, kT0, 10 * core::kSecond, kT0);
  whole.as<std::int32_t>()[0] = 3;
  whole.as<std::int32_t>()[1] = 5;
  send(0, std::move(one));
  clock_.advance(core::kHour);
  serve(2);
  UA_ReadAtTimeDetails details;
  UA_ReadAtTimeDetails_init(&details);
  UA_DateTime times[] = {to_ua_time(kT0 - core::kSecond), to_ua_time(kT0), to_ua_time(kT0 + 4 * core::kSecond)};
  details.reqTimes = times;
  details.reqTimesSize = 3;
  Part got = read_history(*client_, details, UA_TYPES_READATTIMEDETAILS, node());
  ASSERT_EQ(got.values.size(), 2U);
  EXPECT_EQ(got.values[0]->status, core::kBadNoData.code);
  EXPECT_EQ(got.number(1), 10);
  EXPECT_EQ(got.values[1]->status, UA_STATUSCODE_GOOD);
  got = read_history(*client_, details, UA_TYPES_READATTIMEDETAILS, node(), got.point);
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(got.number(0), 14);
  EXPECT_EQ(got.values[0]->status, 0x0402U);
  details.reqTimes = times + 2;
  details.reqTimesSize = 1;
  got = read_history(*client_, details, UA_TYPES_READATTIMEDETAILS, state());
  ASSERT_EQ(got.values.size(), 1U);
  EXPECT_EQ(got.number(0), 3) << "a state holds until the next";
  EXPECT_EQ(got.time(0), kT0 + 4 * core::kSecond);
}

TEST_F(HistoryTest, NodesSayThatTheyHaveHistory) {
  serve();
  const auto historizing = client_->read(node(), UA_ATTRIBUTEID_HISTORIZING);
  EXPECT_EQ(client_->scalar<UA_Boolean>(*historizing, UA_TYPES_BOOLEAN), true);
  const auto access = client_->read(node(), UA_ATTRIBUTEID_ACCESSLEVEL);
  EXPECT_EQ(client_->scalar<UA_Byte>(*access, UA_TYPES_BYTE), UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_HISTORYREAD);
  std::vector<std::string> names;
  for (const auto& child : client_->browse(ns0(UA_NS0ID_HISTORYSERVERCAPABILITIES_AGGREGATEFUNCTIONS)))
    names.push_back(child.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"Average", "Interpolative", "Count"}));
}

}  // namespace
}  // namespace millwright::opcua

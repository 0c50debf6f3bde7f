// The `oee` of a machine type and of a machine that changes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "asset/load.hpp"

namespace millwright::asset {
namespace {

using testing::HasSubstr;

constexpr const char* kMachine = R"(
assets:
  enterprise: acme
  streams: {default: plc}
  sites:
    - name: lyon
      areas:
        - name: body
          lines:
            - name: stamping
              cells:
                - name: presses
                  machines:
                    - name: press-1
                      components: [{name: feed, sensors: [{name: pieces, type: int64}]}]
                      sensors:
                        - {name: state, type: state, states: {0: idle, 1: running, 2: blocked}}
                        - {name: scrap, type: int64}
                        - {name: speed}
                        - {name: product, type: text}
                      oee: )";

struct Loaded {
  Model model{{}, {}};
  std::string problems;
};

Loaded load_with(const std::string& oee) {
  auto document = config::Document::parse(kMachine + oee + "\n", "plant.yaml");
  config::Section root = document->root();
  Loaded loaded;
  loaded.model = load(*document, root.section("assets"), {"plc"}, {});
  root.finish();
  const auto status = document->check();
  if (!status) loaded.problems = status.error().message;
  return loaded;
}

TEST(Oee, OfAMachine) {
  const Loaded loaded = load_with(
      "{states: {blocked: idle}, total: feed/pieces, reject: scrap, product: product, ideal_cycle_time: 2.5s, "
      "products: {flange: 4s}, small_stop: 0s}");
  ASSERT_EQ(loaded.problems, "");
  const auto oee = loaded.model.machines()[0].oee;
  ASSERT_NE(oee, nullptr);
  EXPECT_EQ(loaded.model.sensor(oee->total).name, "pieces");
  EXPECT_EQ(loaded.model.sensor(oee->reject).name, "scrap");
  EXPECT_FALSE(oee->good.valid());
  EXPECT_EQ(oee->activities.at(1), Activity::kRunning);
  EXPECT_EQ(oee->activities.at(2), Activity::kIdle);
  EXPECT_EQ(oee->cycle_of("flange"), 4 * core::kSecond);
  EXPECT_EQ(oee->cycle_of("other"), 2'500 * core::kMillisecond);
  EXPECT_EQ(oee->small_stop, 0);
}

TEST(Oee, SaysWhatIsWrongAndWhere) {
  const auto told = [](const std::string& oee) { return load_with(oee).problems; };
  EXPECT_THAT(told("{}"),
              HasSubstr("plant.yaml:21:28: assets.sites[0].areas[0].lines[0].cells[0].machines[0].oee.states: "
                        "what does 'blocked' mean?"));
  EXPECT_THAT(told("{states: {blocked: idle}, good: feed/pieces}"), HasSubstr("one counter is not enough"));
  EXPECT_THAT(told("{states: {blocked: idle}, good: pieces, reject: scrap}"),
              HasSubstr("oee.ideal_cycle_time: is missing"));
  EXPECT_THAT(told("{states: {blocked: idle}, good: speeed, reject: scrap}"), HasSubstr("no sensor 'speeed'"));
  EXPECT_THAT(told("{states: {blocked: idle}, good: product, reject: scrap}"),
              HasSubstr("a counter is int64 or float64"));
  EXPECT_THAT(told("{states: {blocked: idel}}"), HasSubstr("did you mean 'idle'?"));
  EXPECT_THAT(told("{states: {blokced: idle}}"), HasSubstr("'blokced' is no state of state"));
  EXPECT_THAT(told("{stat: state}"), HasSubstr("did you mean 'state'?"));
}

}  // namespace
}  // namespace millwright::asset

#include "connectors/modbus_jobs.hpp"

#include <gmock/gmock.h>

#include "connectors/tests/test_plant.hpp"

namespace millwright::connectors {
namespace {

using protocol::modbus::Table;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

// A device with five registers in a row, all wanted.
struct Row {
  Row() {
    std::vector<test::SensorSpec> specs;
    options.devices.emplace_back().name = "meter";
    for (std::uint16_t i = 0; i < 5; ++i) {
      ModbusRegister one;
      one.name = "r" + std::to_string(i);
      one.item = {Table::kHoldingRegisters, i, 1};
      options.devices[0].map.registers.push_back(one);
      specs.push_back({"meter/" + one.name, core::ValueType::kInt64});
    }
    model.emplace(test::make_model(specs));
    jobs.emplace(options, *model, "line");
    jobs->begin(100);
  }
  [[nodiscard]] std::vector<std::pair<int, int>> requests() {
    std::vector<std::pair<int, int>> out;
    for (std::size_t i = 0; i < jobs->size(); ++i)
      out.emplace_back((*jobs)[i].request.address, (*jobs)[i].request.count);
    return out;
  }
  // The job that reads this register alone.
  std::size_t alone(std::uint16_t address) {
    for (std::size_t i = 0; i < jobs->size(); ++i) {
      if ((*jobs)[i].request.address == address && (*jobs)[i].request.items.size() == 1) return i;
    }
    ADD_FAILURE() << address << " is not alone";
    return 0;
  }
  ModbusOptions options;
  std::optional<asset::Model> model;
  std::optional<ModbusJobs> jobs;
};

constexpr auto kReady = [](std::uint32_t) { return core::TimeNs{0}; };

TEST(ModbusJobs, WhatIsRefusedIsHalvedAndJoinedAgainAroundWhatStaysRefused) {
  Row row;
  EXPECT_THAT(row.requests(), ElementsAre(Pair(0, 5)));
  EXPECT_TRUE(row.jobs->refused(0, 110, 1000));
  EXPECT_THAT(row.requests(), UnorderedElementsAre(Pair(0, 2), Pair(2, 3)));
  EXPECT_TRUE(row.jobs->refused(1, 120, 1000));
  EXPECT_FALSE(row.jobs->refused(row.alone(2), 130, 1000));
  row.jobs->points()[2].problem = "Illegal data address";
  row.jobs->join(0, 200);
  EXPECT_THAT(row.requests(), UnorderedElementsAre(Pair(0, 2), Pair(2, 1), Pair(3, 2)));
  EXPECT_EQ((*row.jobs)[row.alone(2)].due, 1130) << "no sooner than it was to be";
  row.jobs->points()[2].problem.clear();
  row.jobs->join(0, 300);
  EXPECT_THAT(row.requests(), ElementsAre(Pair(0, 5)));
}

TEST(ModbusJobs, WhatGotNoAnswerGivesWay) {
  Row row;
  EXPECT_TRUE(row.jobs->refused(0, 100, 1000));
  core::TimeNs due = 0;
  const auto later = [](std::uint32_t) { return core::TimeNs{500}; };
  const std::size_t first = row.jobs->first(later, due);
  EXPECT_EQ(due, 500);
  row.jobs->postpone(first, 400);
  EXPECT_NE(row.jobs->first(later, due), first) << "though both may be asked from 500 on";
  EXPECT_NE(row.jobs->first(kReady, due), first);
  EXPECT_EQ(due, 100);
}

}  // namespace
}  // namespace millwright::connectors

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "historian/processed.hpp"
#include "history/import_text.hpp"
#include "history/input_file.hpp"
#include "history/output_file.hpp"
#include "history/source.hpp"

namespace millwright::history {
namespace {

namespace fs = std::filesystem;

asset::Sensor sensor_of(std::size_t id, const std::string& path, core::ValueType type, const std::string& address) {
  asset::Sensor sensor;
  sensor.id = core::SensorId(id);
  sensor.machine = core::MachineId(0);
  sensor.path = path;
  sensor.name = path.substr(path.rfind('/') + 1);
  sensor.type = type;
  sensor.source.address = address;
  return sensor;
}

asset::Model model_of() {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "m";
  machine.path = "e/m";
  return asset::Model({machine}, {sensor_of(0, "e/m/a/x", core::ValueType::kFloat64, "Plc X"),
                                  sensor_of(1, "e/m/b/x", core::ValueType::kInt64, "B"),
                                  sensor_of(2, "e/m/run", core::ValueType::kBool, "R")});
}

class Gathered final : public ReadingSink {
 public:
  bool add(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits,
           std::optional<core::Quality> quality) override {
    said.push_back(sensor.path + " " + std::to_string(time / core::kSecond) + " " +
                   std::to_string(as_double(sensor.type, bits)) +
                   (quality ? " " + core::format_quality(*quality) : ""));
    return true;
  }
  std::vector<std::string> said;
};

class Import : public testing::Test {
 protected:
  Import() : folder_(fs::temp_directory_path() / ("history-test-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Import() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  core::Status import(const std::string& path) {
    return import_csv(path, {}, {names_, sink_, report_, texts_, [](double) {}});
  }

  const fs::path folder_;
  const asset::Model model_ = model_of();
  SensorNames names_{model_};
  Gathered sink_;
  ImportReport report_;
  core::TextTable texts_;
};

TEST(Lines, ARecordTakesInWhatItsQuotesHold) {
  const fs::path path = fs::temp_directory_path() / ("lines-test-" + std::to_string(::getpid()));
  std::ofstream(path) << "a,\"b\nc\",d\r\ne\n\"f\" \"g\nh\n";
  auto file = InputFile::open(path.string());
  ASSERT_TRUE(file);
  Lines lines(*file, "");
  std::string_view record;
  std::vector<std::string> got;
  std::vector<std::uint64_t> numbers;
  while (*lines.next_record(record)) {
    got.emplace_back(record);
    numbers.push_back(lines.number());
  }
  // The last quote is never closed, so its line stands alone.
  EXPECT_THAT(got, testing::ElementsAre("a,\"b\nc\",d", "e", "\"f\" \"g", "h"));
  EXPECT_THAT(numbers, testing::ElementsAre(2, 3, 4, 5));
  fs::remove(path);
}

TEST_F(Import, NamesAreAPathItsEndOrAnAddress) {
  EXPECT_EQ((*names_.find("e/m/a/x"))->id.value, 0U);
  EXPECT_EQ((*names_.find("b/x"))->id.value, 1U);
  EXPECT_EQ((*names_.find("run"))->id.value, 2U);
  EXPECT_EQ((*names_.find("Plc X"))->id.value, 0U);
  EXPECT_NE(names_.find("x").error().message.find("several"), std::string::npos);
  EXPECT_FALSE(names_.find("y"));
}

TEST_F(Import, AMappingGoesFirst) {
  ASSERT_TRUE(names_.read_mapping(file("map", "# tags\n\nT,1, b/x\nrun,a/x\n")));
  EXPECT_EQ((*names_.find("T,1"))->id.value, 1U);
  EXPECT_EQ((*names_.find("run"))->id.value, 0U);
  const auto bad = names_.read_mapping(file("map2", "Z,a/x\nY,nobody\n"));
  EXPECT_NE(bad.error().message.find("map2:2: no sensor is called 'nobody'"), std::string::npos);
}

TEST_F(Import, LongRowsGoTheirWayAndBadOnesAreNamed) {
  ASSERT_TRUE(
      import(file("long.csv",
                  "\r\n\ntime,sensor,value,quality\r\n10,a/x,1.5,Good\r\n11,b/x,2.5,\n\n12,b/x,3,Bad\n13,a/x,,\n"
                  "14,run,true,")));
  EXPECT_EQ(sink_.said,
            (std::vector<std::string>{"e/m/a/x 10 1.500000 Good", "e/m/b/x 12 3.000000 Bad", "e/m/run 14 1.000000"}));
  ASSERT_EQ(report_.refused(), 1U);
  EXPECT_NE(report_.messages()[0].find("long.csv:5: '2.5' is no int64 of e/m/b/x"), std::string::npos);
}

TEST_F(Import, WideRowsHaveAColumnASensor) {
  ASSERT_TRUE(import(file("wide.csv", "t;a/x;nobody;run\n10;1,5;7;true\n11;;8;2\n")));
  EXPECT_EQ(sink_.said, (std::vector<std::string>{"e/m/a/x 10 1.500000", "e/m/run 10 1.000000"}));
  EXPECT_EQ(report_.refused(), 2U);  // the column that nobody has, and the bool that is none
}

TEST_F(Import, WhatIsNoTableFailsAsAWhole) {
  EXPECT_EQ(import((folder_ / "none.csv").string()).error().code, core::ErrorCode::kNotFound);
  EXPECT_FALSE(import(file("empty.csv", " \n\n")));
  EXPECT_FALSE(import(file("one.csv", "time\n1\n")));
}

TEST_F(Import, LinesComeWholeAcrossPieces) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "line " + std::to_string(i) + (i % 2 == 0 ? "\n" : "\r\n");
  auto input = InputFile::open(file("lines", text + "last"));
  ASSERT_TRUE(input);
  Lines lines(*input, "");
  std::string_view line;
  for (int i = 0; i < 300'000; ++i) {
    ASSERT_TRUE(*lines.next(line));
    ASSERT_EQ(line, "line " + std::to_string(i));
  }
  ASSERT_TRUE(*lines.next(line));
  EXPECT_EQ(line, "last");
  EXPECT_EQ(lines.number(), 300'001U);
  EXPECT_FALSE(*lines.next(line));
}

TEST_F(Import, AnOutputFileIsThereWholeOrNotAtAll) {
  const std::string path = (folder_ / "out.csv").string();
  {
    auto out = OutputFile::open(path);
    ASSERT_TRUE(out->write("half"));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(folder_));
  auto out = OutputFile::open(path);
  ASSERT_TRUE(out->write("whole"));
  ASSERT_TRUE(out->commit());
  EXPECT_EQ(fs::file_size(path), 5U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(Import, SensorsAreChosenByGlob) {
  const auto ids = [&](std::vector<std::string> globs) {
    std::vector<std::uint32_t> found;
    const auto chosen = select_sensors(model_, globs);
    if (!chosen) return found;
    for (const core::SensorId id : *chosen) found.push_back(id.value);
    return found;
  };
  using Ids = std::vector<std::uint32_t>;
  EXPECT_EQ(ids({}), (Ids{0, 1, 2}));
  EXPECT_EQ(ids({"*/x"}), (Ids{0, 1}));
  EXPECT_EQ(ids({"e/m/run", "a/x"}), (Ids{0, 2}));
  EXPECT_EQ(ids({"**"}), (Ids{0, 1, 2}));
  EXPECT_EQ(ids({"nobody"}), Ids{});
  EXPECT_EQ(*historian::parse_resolution("raw"), 0);
  EXPECT_EQ(*historian::parse_resolution("1m"), core::kMinute);
  EXPECT_EQ(*historian::parse_resolution("15min"), 15 * core::kMinute);
  EXPECT_FALSE(historian::parse_resolution("-1s"));
}

}  // namespace
}  // namespace millwright::history

#include "asset/units.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "asset/model.hpp"

namespace millwright::asset {
namespace {

TEST(Units, HaveTheNumbersOfTheOpcFoundation) {
  // From its table UNECE_to_OPCUA.
  EXPECT_EQ(find_unit("°C")->unece_id(), 4408652);
  EXPECT_EQ(find_unit("%")->unece_id(), 20529);
  EXPECT_EQ(find_unit("A")->unece_id(), 4279632);
  EXPECT_EQ(find_unit("m³/h")->unece_id(), 5067080);
  EXPECT_EQ(find_unit("m/s²")->unece_id(), 5067595);
  EXPECT_EQ(find_unit("mm/s")->unece_id(), 4403510);
  EXPECT_EQ(find_unit("rpm")->unece_id(), 5394509);
  EXPECT_EQ(find_unit("N·m")->unece_id(), 20053);
  EXPECT_EQ(find_unit("ppm")->unece_id(), 13625);
}

TEST(Units, AreFoundByCodeAndByOtherSpellings) {
  EXPECT_EQ(find_unit("CEL"), find_unit("°C"));
  EXPECT_EQ(find_unit("degC"), find_unit("°C"));
  EXPECT_EQ(find_unit("m3/h"), find_unit("m³/h"));
  EXPECT_EQ(find_unit("l/min"), find_unit("L/min"));
  EXPECT_EQ(find_unit("r/min"), find_unit("rpm"));
  EXPECT_EQ(find_unit("bra"), nullptr);
  EXPECT_EQ(find_unit(""), nullptr);
}

TEST(Units, AreUniqueAndFoundByEachOfTheirNames) {
  std::set<std::string_view> codes;
  for (const Unit& unit : units()) {
    EXPECT_TRUE(codes.insert(unit.code).second) << unit.code;
    EXPECT_EQ(find_unit(unit.symbol), &unit) << unit.symbol;
    EXPECT_EQ(find_unit(unit.code), &unit) << unit.code << " is also the symbol of another unit";
  }
  EXPECT_GE(codes.size(), 60U);
}

TEST(Units, AreAllInTheDocumentation) {
  std::ifstream file(MILLWRIGHT_SOURCE_DIR "/docs/configuration.md");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (const Unit& unit : units()) {
    const std::string cell = "`" + std::string(unit.symbol) + "` (" + std::string(unit.code) + ")";
    EXPECT_NE(text.find(cell), std::string::npos) << cell;
  }
}

TEST(Calibration, IsAPolynomial) {
  EXPECT_EQ(Calibration{}.apply(5), 5);
  EXPECT_EQ((Calibration{{1, 2}}).apply(5), 11);
  EXPECT_EQ((Calibration{{1, 2, 3}}).apply(2), 17);
}

}  // namespace
}  // namespace millwright::asset

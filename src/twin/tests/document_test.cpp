#include "twin/document.hpp"

#include <gmock/gmock.h>

namespace millwright::twin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

asset::Model pump() {
  asset::Machine machine;
  machine.id = core::MachineId(0);
  machine.name = "pump-1";
  machine.path = "acme/lyon/hall/line/cell/pump-1";
  machine.components.resize(2);
  machine.components[0].name = "motor";
  machine.components[1].name = "pump";
  std::vector<asset::Sensor> sensors;
  const auto add = [&](std::string name, std::string component, core::ValueType type) -> asset::Sensor& {
    asset::Sensor sensor;
    sensor.id = core::SensorId(sensors.size());
    sensor.machine = machine.id;
    sensor.path = machine.path + "/" + (component.empty() ? name : component + "/" + name);
    sensor.name = std::move(name);
    sensor.component = std::move(component);
    sensor.type = type;
    machine.sensors.push_back(sensor.id);
    sensors.push_back(sensor);
    return sensors.back();
  };
  asset::Sensor& speed = add("speed", "motor", core::ValueType::kFloat64);
  speed.unit = asset::find_unit("Hz");
  speed.range = asset::Range{0, 60};
  add("mode", "", core::ValueType::kState).states = {{0, "idle"}, {1, "running"}};
  add("strokes", "pump", core::ValueType::kInt64);
  add("primed", "pump", core::ValueType::kBool);
  return {{machine}, sensors};
}

class DocumentTest : public ::testing::Test {
 protected:
  core::Result<Document> patch(std::string_view text) {
    auto after = apply_patch(model_, model_.machines().front(), document_, text);
    if (after) document_ = *after;
    return after;
  }
  std::string refusal(std::string_view text) {
    const std::string before = document_.text;
    const auto after = patch(text);
    EXPECT_FALSE(after) << text;
    EXPECT_EQ(document_.text, before);
    return after ? "" : after.error().message;
  }

  const asset::Model model_ = pump();
  Document document_;
};

TEST_F(DocumentTest, MergesPatches) {
  ASSERT_TRUE(patch(R"({"nameplate": {"manufacturer": "Acme", "components": {"motor": {"model": "M5"}}},
                        "desired": {"motor/speed": {"value": 25, "unit": "Hz", "tolerance": 0.5}}})"));
  ASSERT_TRUE(patch(R"({"nameplate": {"manufacturer": null}, "desired": {"motor/speed": {"value": 30},
                        "mode": {"value": "running"}, "pump/strokes": {"value": 7}, "pump/primed": {"value": true}}})"));
  EXPECT_EQ(document_.text,
            R"({"nameplate":{"components":{"motor":{"model":"M5"}}},"desired":{"motor/speed":{"value":30,"unit":"Hz",)"
            R"("tolerance":0.5},"mode":{"value":"running"},"pump/strokes":{"value":7},"pump/primed":{"value":true}}})");
  EXPECT_EQ(document_.desired.at("motor/speed").value, DesiredValue(30.0));
  EXPECT_EQ(document_.desired.at("motor/speed").tolerance, 0.5);
  EXPECT_EQ(document_.desired.at("mode").value, DesiredValue(std::int64_t{1}));
  ASSERT_TRUE(patch(R"({"desired": null})"));
  EXPECT_TRUE(document_.desired.empty());
}

TEST_F(DocumentTest, ATolerancesDefaultIsAShareOfTheRange) {
  ASSERT_TRUE(patch(R"({"desired": {"motor/speed": {"value": 25}, "pump/strokes": {"value": 700}}})"));
  EXPECT_DOUBLE_EQ(document_.desired.at("motor/speed").tolerance, 0.6);
  EXPECT_DOUBLE_EQ(document_.desired.at("pump/strokes").tolerance, 7);
}

TEST_F(DocumentTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal("{"), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("object"));
  EXPECT_THAT(refusal(R"({"desird": {}})"), HasSubstr("did you mean 'desired'?"));
  EXPECT_THAT(refusal(R"({"reported": {"motor/speed": 1}})"), HasSubstr("only nameplate and desired"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/sped": {"value": 1}}})"),
              AllOf(HasSubstr("no sensor 'motor/sped'"), HasSubstr("did you mean 'motor/speed'?")));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": 25}})"), HasSubstr(R"({"value": …})"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"unit": "Hz"}}})"), HasSubstr("'value' is missing"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"value": "fast"}}})"), HasSubstr("takes a number"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"value": 61}}})"), HasSubstr("0 to 60"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"value": 1, "unit": "bar"}}})"),
              HasSubstr("which is 'Hz'; values are not converted"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"value": 1, "tolerance": -1}}})"), HasSubstr("0 or more"));
  EXPECT_THAT(refusal(R"({"desired": {"motor/speed": {"value": 1, "tolrance": 1}}})"), HasSubstr("'tolerance'"));
  EXPECT_THAT(refusal(R"({"desired": {"mode": {"value": "runing"}}})"), HasSubstr("did you mean 'running'?"));
  EXPECT_THAT(refusal(R"({"desired": {"mode": {"value": 2}}})"), HasSubstr("idle, running"));
  EXPECT_THAT(refusal(R"({"desired": {"pump/strokes": {"value": 1.5}}})"), HasSubstr("whole number"));
  EXPECT_THAT(refusal(R"({"desired": {"pump/primed": {"value": 1}}})"), HasSubstr("true or false"));
  EXPECT_THAT(refusal(R"({"nameplate": {"color": "red"}})"), HasSubstr("'color' is not known here"));
  EXPECT_THAT(refusal(R"({"nameplate": {"model": 5}})"), HasSubstr("nameplate.model: is to be a text"));
  EXPECT_THAT(refusal(R"({"nameplate": {"installed_at": "soon"}})"), HasSubstr("nameplate.installed_at"));
  EXPECT_THAT(refusal(R"({"nameplate": {"components": {"motr": {}}}})"), HasSubstr("did you mean 'motor'?"));
  EXPECT_THAT(refusal(R"({"nameplate": {"notes": ")" + std::string(1001, 'x') + R"("}})"), HasSubstr("at most 1000"));
  EXPECT_THAT(refusal(std::string(70'000, ' ')), HasSubstr("too many"));
  EXPECT_THAT(refusal(R"({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}})"), HasSubstr("levels deep"));
}

}  // namespace
}  // namespace millwright::twin

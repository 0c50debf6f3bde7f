#include "asset/load.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millwright::asset {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kShipped = MILLWRIGHT_SOURCE_DIR "/share/machine-types";

struct Loaded {
  std::vector<std::string> problems;
  Model model{{}, {}};
};

Loaded load_text(const std::string& yaml, const std::vector<std::string>& connectors = {"plc", "vib"},
                 const std::vector<std::string>& folders = {kShipped}) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  Loaded loaded;
  loaded.model = load(*document, root.section("assets"), connectors, folders);
  for (const config::Problem& problem : document->problems()) loaded.problems.push_back(to_string(problem));
  return loaded;
}

// A plant of one cell with these machines, each line of `machines` a YAML flow mapping.
std::string plant(const std::vector<std::string>& machines, const std::string& more = "") {
  std::string yaml =
      "assets:\n  enterprise: acme\n  streams: {default: plc, high-rate: vib}\n" + more +
      "  sites:\n  - name: lyon\n    areas:\n    - name: utilities\n      lines:\n      - name: cooling\n"
      "        cells:\n        - name: pumps\n          machines:\n";
  for (const std::string& machine : machines) yaml += "          - " + machine + "\n";
  return yaml;
}

class Types : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "millwright-asset-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name + ".yaml") << "name: " << name << "\n" << text;
  }
  Loaded load_plant(const std::vector<std::string>& machines) const {
    return load_text(plant(machines), {"plc", "vib"}, {folder_});
  }
  std::vector<std::string> problems_of(const std::string& type) const {
    write("thing", type);
    auto problems = load_plant({"{name: m1, type: thing}"}).problems;
    const std::string file = folder_ + "/thing.yaml:";
    for (std::string& problem : problems) {
      if (problem.starts_with(file)) problem = problem.substr(file.size());
    }
    return problems;
  }

  std::string folder_;
};

TEST(Load, AMachineOfAType) {
  const Loaded loaded =
      load_text(plant({"{name: pump-1, type: centrifugal-pump, manufacturer: KX, serial_number: 12}"}));
  EXPECT_THAT(loaded.problems, ElementsAre());
  const Machine* pump = loaded.model.find_machine("pump-1");
  ASSERT_NE(pump, nullptr);
  EXPECT_EQ(pump->path, "acme/lyon/utilities/cooling/pumps/pump-1");
  EXPECT_EQ(loaded.model.find_machine(pump->path), pump);
  EXPECT_EQ(loaded.model.find_machine("acme/other/pump-1"), nullptr);
  EXPECT_THAT(pump->hierarchy, ElementsAre("acme", "lyon", "utilities", "cooling", "pumps"));
  EXPECT_EQ(pump->manufacturer, "KX");
  EXPECT_EQ(pump->serial_number, "12");
  EXPECT_EQ(pump->description, "Centrifugal pump with induction motor");
  EXPECT_EQ(pump->sensors.size(), 14U + 2 * 12);
  EXPECT_EQ(pump->components.size(), 5U);
  EXPECT_EQ(pump->components[3].part_of, "pump");

  const Sensor* vibration = loaded.model.find_sensor(*pump, "vibration-de");
  ASSERT_NE(vibration, nullptr);
  EXPECT_EQ(vibration->path, "acme/lyon/utilities/cooling/pumps/pump-1/pump/vibration-de");
  EXPECT_EQ(loaded.model.find_sensor(vibration->path), vibration);
  EXPECT_EQ(loaded.model.find_sensor(*pump, "pump/vibration-de"), vibration);
  EXPECT_EQ(loaded.model.find_sensor(*pump, "motor/vibration-de"), nullptr);
  EXPECT_EQ(vibration->type, core::ValueType::kFloat32);
  EXPECT_EQ(vibration->rate_hz, 1000);
  EXPECT_EQ(vibration->unit->code, "MSK");
  EXPECT_EQ(vibration->range->low, -200);
  EXPECT_EQ(vibration->source.connector, "vib");
  EXPECT_EQ(vibration->source.address, "pump-1.pump.vibration-de");
  EXPECT_TRUE(vibration->monitored);

  const Sensor* state = loaded.model.find_sensor(*pump, "state");
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->component, "");
  EXPECT_EQ(state->path, pump->path + "/state");
  EXPECT_EQ(state->source.address, "pump-1.state");
  EXPECT_EQ(state->states.at(3), "warming-up");
  EXPECT_FALSE(state->monitored);
  EXPECT_EQ(loaded.model.sensors_of("vib").size(), 2U);
  EXPECT_EQ(loaded.model.sensors_of("plc").size(), 12U);
}

TEST(Load, AllShippedTypesAreSound) {
  int types = 0;
  for (const auto& file : std::filesystem::directory_iterator(kShipped)) {
    const std::string type = file.path().stem().string();
    SCOPED_TRACE(type);
    const Loaded loaded = load_text(plant({"{name: m1, type: " + type + "}"}));
    EXPECT_THAT(loaded.problems, ElementsAre());
    ASSERT_EQ(loaded.model.machines().size(), 1U);
    std::set<std::string> names;  // of what machines send
    for (const Sensor& sensor : loaded.model.sensors()) {
      EXPECT_FALSE(sensor.description.empty()) << sensor.name;
      if (sensor.feature) continue;
      EXPECT_TRUE(names.insert(sensor.name).second) << sensor.name << " is in two components";
    }
    EXPECT_GE(names.size(), 8U);
    EXPECT_LE(names.size(), 14U);
    EXPECT_EQ(names.count("state"), 1U);
    EXPECT_EQ(names.count("vibration-de"), 1U);
    ++types;
  }
  EXPECT_EQ(types, 5);
}

TEST(Load, TheExamplesAreSound) {
  const auto example = [](const std::string& name, const std::vector<std::string>& connectors) {
    auto document = config::Document::load(MILLWRIGHT_SOURCE_DIR "/examples/" + name + "/plant.yaml");
    EXPECT_TRUE(document) << document.error().message;
    Model model = load(*document, document->root().section("assets"), connectors, {kShipped});
    EXPECT_TRUE(document->check()) << document->check().error().message;
    return model;
  };
  const Model minimal = example("minimal", {"plc"});
  ASSERT_EQ(minimal.machines().size(), 1U);
  EXPECT_EQ(minimal.find_sensor(minimal.machines()[0], "motor/current")->source.address, "ns=2;s=Pump1.Motor.Current");

  const Model demo = example("demo", {"plc", "vibration"});
  ASSERT_EQ(demo.machines().size(), 20U);
  std::map<std::string, int> of_type;
  for (const Machine& machine : demo.machines()) ++of_type[machine.type];
  EXPECT_EQ(of_type.size(), 5U);
  for (const auto& [type, count] : of_type) EXPECT_EQ(count, 4) << type;
  const Machine& pump = *demo.find_machine("pump-1");
  EXPECT_EQ(pump.time_zone, "Europe/Paris");
  EXPECT_EQ(demo.find_sensor(pump, "current")->source.address, "nsu=urn:millwright:simulator;s=pump-1.motor.current");
  EXPECT_EQ(demo.find_sensor(pump, "vibration-de")->source.address, "pump-1.pump.vibration-de");
}

TEST(Load, StreamsAreInheritedAndTheNearestWins) {
  const Loaded loaded = load_text(R"(
assets:
  enterprise: acme
  streams: {default: a, slow: {connector: b, address_prefix: "top/"}}
  sites:
  - name: s
    areas:
    - name: a
      streams: {default: {connector: b, address_prefix: "area/"}}
      lines:
      - name: l
        cells:
        - name: c
          machines:
          - {name: m1, sensors: [{name: x}, {name: y, stream: slow}]}
          - {name: m2, streams: {default: a}, sensors: [{name: x}, {name: y, stream: slow}]}
)",
                                  {"a", "b"});
  EXPECT_THAT(loaded.problems, ElementsAre());
  std::vector<std::string> sources;
  for (const Sensor& sensor : loaded.model.sensors()) {
    sources.push_back(sensor.source.connector + " " + sensor.source.address);
  }
  EXPECT_THAT(sources, ElementsAre("b area/m1.x", "b top/m1.y", "a m2.x", "b top/m2.y"));
}

TEST(Load, AMachineChangesItsType) {
  const Loaded loaded =
      load_text(plant({R"({name: pump-1, type: centrifugal-pump, without: [vibration-nde, motor/power],
             components: [{name: shaft-seal, sensors: [{name: leakage, unit: L/h}]}, {name: filter, part_of: pump}],
             sensors: [{name: current, range: [0, 60], address: "ns=2;s=I{1}"},
                       {name: flow, component: pump, rate_hz: 2, calibration: [1, 0.5]},
                       {name: flow, component: motor, unit: L/min, monitored: false},
                       {name: run-hours, type: int64, unit: h}]})",
                       "{name: pump-2, type: centrifugal-pump}"}));
  EXPECT_THAT(loaded.problems, ElementsAre());
  const Machine& pump = *loaded.model.find_machine("pump-1");
  EXPECT_EQ(pump.sensors.size(), 14U - 2 + 3 + 12);
  EXPECT_EQ(loaded.model.find_sensor(pump, "vibration-nde"), nullptr);
  EXPECT_EQ(loaded.model.find_sensor(pump, "power"), nullptr);
  const Sensor& current = *loaded.model.find_sensor(pump, "motor/current");
  EXPECT_EQ(current.range->high, 60);
  EXPECT_EQ(current.unit->symbol, "A");  // kept
  EXPECT_EQ(current.rate_hz, 10);
  EXPECT_EQ(current.source.address, "ns=2;s=I{1}");  // as it stands
  const Sensor& flow = *loaded.model.find_sensor(pump, "pump/flow");
  EXPECT_EQ(flow.rate_hz, 2);
  EXPECT_EQ(flow.calibration.apply(10), 6);
  EXPECT_FALSE(loaded.model.find_sensor(pump, "motor/flow")->monitored);
  EXPECT_EQ(loaded.model.find_sensor(pump, "flow"), nullptr);  // two have the name
  EXPECT_FALSE(loaded.model.find_sensor(pump, "run-hours")->monitored);
  EXPECT_EQ(loaded.model.find_sensor(pump, "leakage")->component, "shaft-seal");
  EXPECT_EQ(pump.components.back().part_of, "pump");
  // The type itself is as it was.
  EXPECT_EQ(loaded.model.find_machine("pump-2")->sensors.size(), 14U + 2 * 12);
  EXPECT_EQ(loaded.model.find_sensor(*loaded.model.find_machine("pump-2"), "current")->range->high, 120);
}

TEST_F(Types, ExtendsAnother) {
  write("base",
        "description: Base\ncomponents: [{name: motor, description: M, sensors: [{name: current, unit: A}]}]\n");
  write("big",
        "extends: base\ncomponents: [{name: motor, sensors: [{name: current, range: [0, 9]}, {name: speed}]}]\n");
  const Loaded loaded = load_plant({"{name: m1, type: big}", "{name: m2, type: base}"});
  EXPECT_THAT(loaded.problems, ElementsAre());
  const Machine& big = *loaded.model.find_machine("m1");
  EXPECT_EQ(big.description, "Base");
  EXPECT_EQ(big.components[0].description, "M");
  EXPECT_EQ(big.sensors.size(), 2U);
  const Sensor& current = *loaded.model.find_sensor(big, "current");
  EXPECT_EQ(current.unit->symbol, "A");
  EXPECT_EQ(current.range->high, 9);
  EXPECT_EQ(loaded.model.find_machine("m2")->sensors.size(), 1U);
}

TEST_F(Types, ARingOfExtendsIsPrinted) {
  write("a", "extends: b\n");
  write("b", "extends: c\n");
  write("c", "extends: a\n");
  EXPECT_THAT(load_plant({"{name: m1, type: a}"}).problems,
              ElementsAre(folder_ + "/c.yaml:2:10: extends: a ring of types: a extends b extends c extends a"));
}

TEST_F(Types, UnknownTypesListWhatThereIs) {
  write("big-pump", "sensors: [{name: x}]\n");
  write("fan", "sensors: [{name: x}]\n");
  EXPECT_THAT(
      load_plant({"{name: m1, type: big-pmp}", "{name: m2, type: big-pmp}"}).problems,
      ElementsAre("plant.yaml:13:30: assets.sites[0].areas[0].lines[0].cells[0].machines[0].type: unknown machine "
                  "type 'big-pmp' (did you mean 'big-pump'?); there are: big-pump, fan; searched: " +
                  folder_));
  EXPECT_THAT(load_plant({"{name: m1, type: ../../etc/x}"}).problems, ElementsAre(HasSubstr("unknown machine type")));
}

TEST_F(Types, FoldersOfThePlantGoFirst) {
  std::filesystem::create_directory(folder_ + "/types");
  std::ofstream(folder_ + "/types/conveyor.yaml") << "name: conveyor\nsensors: [{name: own}]\n";
  std::ofstream(folder_ + "/plant.yaml") << plant({"{name: m1, type: conveyor}"}, "  machine_types: [types, gone]\n");
  auto document = config::Document::load(folder_ + "/plant.yaml");
  ASSERT_TRUE(document);
  const Model model = load(*document, document->root().section("assets"), {"plc", "vib"}, {kShipped});
  EXPECT_EQ(model.sensors().size(), 1U);
  ASSERT_EQ(document->problems().size(), 1U);
  EXPECT_THAT(document->problems()[0].message, "there is no folder " + folder_ + "/gone");
}

TEST_F(Types, AddressTemplates) {
  write("thing",
        "sensors: [{name: x}, {name: y, address: '{site}/{machine}/{component}/{sensor}'}, {name: z, address: "
        "'{{{machine}}}'}]\ncomponents: [{name: c, sensors: [{name: y, address: '{line}:{component}-{sensor}'}]}]\n");
  std::vector<std::string> addresses;
  const Loaded loaded = load_plant({"{name: m1, type: thing}"});
  for (const Sensor& sensor : loaded.model.sensors()) addresses.push_back(sensor.source.address);
  EXPECT_THAT(addresses, ElementsAre("m1.x", "lyon/m1/y", "{m1}", "cooling:c-y"));
  EXPECT_THAT(problems_of("sensors: [{name: x, address: '{machin}'}]\n"),
              ElementsAre("2:30: sensors[0].address: '{machin}' stands for nothing (did you mean 'machine'?)"));
  EXPECT_THAT(problems_of("sensors: [{name: x, address: '{machine'}]\n"),
              ElementsAre("2:30: sensors[0].address: a '{' without its '}'; write {{ for the brace"));
  EXPECT_THAT(problems_of("sensors: [{name: x, address: 'a}b'}]\n"),
              ElementsAre("2:30: sensors[0].address: a '}' without its '{'; write }} for the brace"));
}

TEST_F(Types, SensorsAreChecked) {
  EXPECT_THAT(problems_of("sensors: [{name: Speed 1}]\n"),
              ElementsAre(HasSubstr("2:18: sensors[0].name: 'Speed 1' is no name"), HasSubstr("has no sensors")));
  EXPECT_THAT(problems_of("sensors: [{name: x, unit: barr}]\n"),
              ElementsAre(HasSubstr("2:27: sensors[0].unit: unknown unit 'barr' (did you mean 'bar'?)")));
  EXPECT_THAT(problems_of("sensors: [{name: x, range: [5, 5]}]\n"),
              ElementsAre("2:28: sensors[0].range: the low end 5 is not below the high end 5"));
  EXPECT_THAT(problems_of("sensors: [{name: x, range: [5]}]\n"), ElementsAre(HasSubstr("give two numbers")));
  EXPECT_THAT(problems_of("sensors: [{name: x, rate_hz: 0}]\n"), ElementsAre(HasSubstr("must be above 0")));
  EXPECT_THAT(problems_of("sensors: [{name: x, rate_hz: 100001}]\n"),
              ElementsAre(HasSubstr("100001 is out of range; give a number from 0 to 100000")));
  EXPECT_THAT(problems_of("sensors: [{name: x, states: {0: idle}}]\n"),
              ElementsAre(HasSubstr("only a sensor of type state has states; this one is float64")));
  EXPECT_THAT(problems_of("sensors: [{name: x, type: state, states: {3000000000: idle}}]\n"),
              ElementsAre(HasSubstr("3000000000 does not fit 32 bits")));
  EXPECT_THAT(problems_of("sensors: [{name: x, type: int64, calibration: [0, 2]}]\n"),
              ElementsAre(HasSubstr("only float64 and float32 are calibrated; this sensor is int64")));
  EXPECT_THAT(problems_of("sensors: [{name: x, calibration: [5]}]\n"),
              ElementsAre(HasSubstr("makes every reading the same")));
  EXPECT_THAT(
      problems_of("sensors: [{name: x, type: bool, unit: A, range: [0, 1], monitored: true}]\n"),
      ElementsAre(HasSubstr("a sensor of type bool has no range"), HasSubstr("a sensor of type bool has no unit"),
                  HasSubstr("only float64 and float32 are monitored")));
  EXPECT_THAT(problems_of("sensors: [{name: x, type: float}]\n"),
              ElementsAre(HasSubstr("found 'float' (did you mean")));
  EXPECT_THAT(problems_of("sensors: [{name: x, unti: A}]\n"),
              ElementsAre("2:21: sensors[0].unti: unknown key (did you mean 'unit'?)"));
  EXPECT_THAT(problems_of("sensors: [{name: x}, {name: x}]\n"),
              ElementsAre("2:29: sensors[1].name: sensor 'x' is given twice, first at " + folder_ +
                          "/thing.yaml:2:11; remove or rename one"));
  EXPECT_THAT(problems_of("sensors: [{name: x, stream: fast}]\n"),
              ElementsAre(HasSubstr("its sensor x is on the stream 'fast', which has no connector here")));
  EXPECT_THAT(problems_of("sensors: [{name: x}]\nextra: 1\n"), ElementsAre(HasSubstr("3:1: extra: unknown key")));
  EXPECT_THAT(problems_of("without: [y]\nsensors: [{name: x}]\n"),
              ElementsAre(HasSubstr("there is no sensor 'y' to leave out")));
}

TEST_F(Types, ComponentsAreChecked) {
  EXPECT_THAT(problems_of("sensors: [{name: x}]\ncomponents: [{name: pump}, {name: seal, part_of: pmup}]\n"),
              ElementsAre(HasSubstr("components[1].part_of: there is no component 'pmup' (did you mean 'pump'?); there "
                                    "are: pump, seal")));
  EXPECT_THAT(
      problems_of("sensors: [{name: x}]\ncomponents: [{name: a, part_of: b}, {name: b, part_of: c}, {name: c, "
                  "part_of: a}, {name: d, part_of: a}]\n"),
      ElementsAre(HasSubstr("components[0].part_of: a ring of parts: a is part of b is part of c is part of a")));
  EXPECT_THAT(problems_of("sensors: [{name: x}]\ncomponents: [{name: a, part_of: a}]\n"),
              ElementsAre(HasSubstr("a ring of parts: a is part of a")));
  EXPECT_THAT(problems_of("sensors: [{name: x}]\ncomponents: [{name: a}, {name: a}]\n"),
              ElementsAre(HasSubstr("component 'a' is given twice, first at")));
  EXPECT_THAT(problems_of("sensors: [{name: x, component: a}]\n"),
              ElementsAre(HasSubstr("there is no component 'a'; there are none"), HasSubstr("has no sensors")));
  // Its own machine-level sensor may have a component's name; what is inherited must be told apart.
  write("base",
        "components: [{name: a, sensors: [{name: x}]}, {name: b, sensors: [{name: x}]}]\nsensors: [{name: y}]\n");
  EXPECT_THAT(problems_of("components: [{name: a, sensors: [{name: x}]}]\nsensors: [{name: x, unit: A}]\n"),
              ElementsAre());
  EXPECT_THAT(problems_of("extends: base\nsensors: [{name: x, unit: A}]\n"),
              ElementsAre(HasSubstr("'x' is a sensor of a and of b; say which with 'component'")));
  write("thing", "sensors: [{name: x}]\n");
  EXPECT_THAT(problems_of("name: other\nsensors: [{name: x}]\n"), ElementsAre(HasSubstr("given twice")));
}

TEST_F(Types, TheNameIsTheFiles) {
  std::ofstream(folder_ + "/thing.yaml") << "name: other\nsensors: [{name: x}]\n";
  EXPECT_THAT(load_plant({"{name: m1, type: thing}"}).problems,
              ElementsAre(folder_ + "/thing.yaml:1:7: name: 'other' does not fit the file's name; write thing"));
}

TEST(Load, MachinesAreChecked) {
  const std::string at = "assets.sites[0].areas[0].lines[0].cells[0].machines";
  EXPECT_THAT(
      load_text(plant({"{name: m1, sensors: [{name: x}]}", "{name: m1, sensors: [{name: x}]}"})).problems,
      ElementsAre(
          "plant.yaml:14:20: " + at +
          "[1].name: acme/lyon/utilities/cooling/pumps/m1 cannot have the name of "
          "acme/lyon/utilities/cooling/pumps/m1 at plant.yaml:13:20; machine names are unique in the whole plant"));
  EXPECT_THAT(load_text(plant({"{name: Pump 1, sensors: [{name: x}]}"})).problems,
              ElementsAre(HasSubstr("'Pump 1' is no name")));
  // The first is not in the model, yet its name is taken.
  EXPECT_THAT(load_text(plant({"{name: m1}", "{name: m1, sensors: [{name: x}]}"})).problems,
              ElementsAre(HasSubstr("has no sensors"), HasSubstr("cannot have the name of")));
  EXPECT_THAT(load_text(plant({"{name: m1}"})).problems, ElementsAre(HasSubstr(at + "[0]: has no sensors")));
  EXPECT_THAT(load_text(plant({"{name: m1, type: conveyor, sensros: []}"})).problems,
              ElementsAre(HasSubstr("sensros: unknown key (did you mean 'sensors'?)")));
  EXPECT_THAT(
      load_text(plant({"{name: m1, sensors: [{name: x, address: A}]}", "{name: m2, sensors: [{name: y, address: A}]}"}))
          .problems,
      ElementsAre("plant.yaml:14:34: " + at +
                  "[1]: acme/lyon/utilities/cooling/pumps/m2/y reads 'A' of connector 'plc', which "
                  "acme/lyon/utilities/cooling/pumps/m1/x at plant.yaml:13:34 reads already"));
  EXPECT_THAT(load_text(plant({"{name: m1, sensors: [{name: x}], streams: {default: pcl}}"})).problems,
              ElementsAre(HasSubstr(
                  "streams.default: there is no connector 'pcl' (did you mean 'plc'?); there are: plc, vib")));
  EXPECT_THAT(load_text(plant({"{name: m1, sensors: [{name: x}], streams: {default: {conector: plc}}}"})).problems,
              ElementsAre(HasSubstr("streams.default.connector: is missing"),
                          HasSubstr("conector: unknown key (did you mean 'connector'?)")));
}

TEST(Load, TheHierarchyIsChecked) {
  EXPECT_THAT(load_text("other: 1\n").problems,
              ElementsAre("plant.yaml:1:1: assets.enterprise: is missing; give a text"));
  EXPECT_THAT(load_text("assets: {enterprise: acme}\n").problems,
              ElementsAre(HasSubstr("assets.sites: there are no machines")));
  EXPECT_THAT(load_text("assets: {enterprise: acme, sites: [{name: s, machines: []}]}\n").problems,
              Contains(HasSubstr("assets.sites[0].machines: unknown key")));
  EXPECT_THAT(
      load_text("assets: {enterprise: acme, sites: [{name: s, time_zone: Europe/Pariss}, {name: s}]}\n").problems,
      ElementsAre(HasSubstr("'Europe/Pariss' is no time zone"),
                  HasSubstr("site 's' is given twice, first at plant.yaml:1:")));
}

// A plant of 10,000 machines of 14 sensors and 24 features each: types are read once, whatever the number of machines.
TEST(Load, ALargePlant) {
  constexpr int kMachines = 10'000;
  std::vector<std::string> machines;
  machines.reserve(kMachines);
  for (int i = 0; i < kMachines; ++i) {
    machines.push_back("{name: pump-" + std::to_string(i) + ", type: centrifugal-pump, description: Pump}");
  }
  const auto started = std::chrono::steady_clock::now();
  const Loaded loaded = load_text(plant(machines));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  RecordProperty("seconds", std::to_string(took.count()));
  EXPECT_THAT(loaded.problems, ElementsAre());
  EXPECT_EQ(loaded.model.sensors().size(), 38U * kMachines);
  EXPECT_EQ(loaded.model.find_sensor(*loaded.model.find_machine("pump-9999"), "flow")->source.address,
            "pump-9999.pump.flow");
}

TEST(Load, TheNumberOfSensorsIsLimited) {
  const std::vector<std::string> machines{"{name: m1, type: conveyor}", "{name: m2, type: conveyor}",
                                          "{name: m3, type: conveyor}", "{name: m4, type: conveyor}"};
  const auto problems = [&](std::size_t sensors_max) {
    auto document = config::Document::parse(plant(machines), "plant.yaml");
    load(*document, document->root().section("assets"), {"plc", "vib"}, {kShipped}, sensors_max);
    std::vector<std::string> told;
    for (const config::Problem& problem : document->problems()) told.push_back(to_string(problem));
    return told;
  };
  EXPECT_THAT(problems(4 * 18), ElementsAre());
  EXPECT_THAT(problems(3 * 18 - 1),
              ElementsAre(HasSubstr("machines[2]: with this machine there are more than 53 sensors")));
}

TEST(Load, AddressesAreCheckedWhereTheyAreGiven) {
  auto document = config::Document::parse(
      plant({"{name: pump-1, sensors: [{name: flow, address: good}, {name: level, address: bad}],\n"
             "   commands: [{name: go, write: bad, value: 1}]}"}),
      "plant.yaml");
  ASSERT_TRUE(document) << document.error().message;
  const auto check = [](const std::string& connector, const std::string& address) {
    EXPECT_EQ(connector, "plc");
    return address == "bad" ? core::Status(core::unexpected(core::ErrorCode::kInvalid, "that is no node"))
                            : core::Status();
  };
  const auto model = load(*document, document->root().section("assets"), {"plc", "vib"}, {}, kSensorsMax, check);
  std::vector<std::string> problems;
  for (const config::Problem& problem : document->problems()) problems.push_back(to_string(problem));
  EXPECT_THAT(problems,
              ElementsAre(HasSubstr("pump-1/level: that is no node"), HasSubstr("pump-1/go: that is no node")));
}

TEST(Load, NameplatesOfMachinesAndComponents) {
  const Loaded loaded = load_text(
      plant({"{name: pump-1, type: centrifugal-pump, product_instance_uri: \"urn:kx:12\", year_of_construction: 2019, "
             "location: hall 3, software_revision: 1.2, components: [{name: motor, manufacturer: Siemens, model: 1LE1, "
             "serial_number: M-4}]}"}));
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems[0];
  const Machine& pump = *loaded.model.find_machine("pump-1");
  EXPECT_EQ(pump.product_instance_uri, "urn:kx:12");
  EXPECT_EQ(pump.year_of_construction, 2019);
  EXPECT_EQ(pump.location, "hall 3");
  EXPECT_EQ(pump.software_revision, "1.2");
  EXPECT_EQ(pump.components[0].manufacturer, "Siemens");
  EXPECT_EQ(pump.components[0].serial_number, "M-4");
}

TEST_F(Types, CommandsOfATypeAndOfAMachine) {
  write("pump",
        "sensors: [{name: flow}]\ncommands:\n"
        "- {name: set-speed, right: maintain, write: 's={machine}.{sensor}', arguments: [{name: speed, unit: rpm, "
        "range: [0, 1800]}]}\n- {name: stop, write: 's={machine}.run', value: 0}\n");
  const Loaded loaded = load_plant(
      {"{name: pump-1, type: pump, commands: [{name: stop, call: s=Stop, object: s=Pump, stream: high-rate}]}"});
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems[0];
  const std::vector<Command>& commands = loaded.model.machines()[0].commands;
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0].target.connector, "plc");
  EXPECT_EQ(commands[0].target.address, "s=pump-1.set-speed");
  EXPECT_EQ(commands[0].right, CommandRight::kMaintain);
  ASSERT_EQ(commands[0].arguments.size(), 1U);
  EXPECT_EQ(commands[0].arguments[0].range->high, 1800);
  EXPECT_EQ(commands[1].kind, CommandKind::kCall);
  EXPECT_EQ(commands[1].target.connector, "vib");
  EXPECT_EQ(commands[1].object, "s=Pump");
}

TEST_F(Types, CommandsThatCannotBeAreSaid) {
  const auto problem_of = [this](const std::string& command) {
    const Loaded loaded = load_plant({"{name: pump-1, sensors: [{name: flow}], commands: [" + command + "]}"});
    return loaded.problems.size() == 1 ? loaded.problems[0] : std::string("not one problem");
  };
  EXPECT_THAT(problem_of("{name: go, write: s=Go}"), HasSubstr("takes one argument, or a 'value'"));
  EXPECT_THAT(problem_of("{name: go, call: s=Go}"), HasSubstr("the object that has the method"));
  EXPECT_THAT(problem_of("{name: go, value: 1}"), HasSubstr("either 'write'"));
  EXPECT_THAT(problem_of("{name: go, write: s=Go, value: 1, stream: none-such}"),
              HasSubstr("its command go is on the stream"));
  EXPECT_THAT(problem_of("{name: go, write: s=Go, arguments: [{name: on, type: bool, range: [0, 1]}]}"),
              HasSubstr("only numbers"));
}

}  // namespace
}  // namespace millwright::asset

#include "config/document.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millwright::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Document parsed(std::string_view yaml, const Environment& environment = {}) {
  auto document = Document::parse(yaml, "plant.yaml", environment);
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

std::string refused(std::string_view yaml) {
  auto document = Document::parse(yaml, "plant.yaml");
  EXPECT_FALSE(document);
  return document ? "" : document.error().message;
}

std::vector<std::string> told(const Document& document) {
  std::vector<std::string> lines;
  for (const Problem& problem : document.problems()) lines.push_back(to_string(problem));
  return lines;
}

// A folder of its own for a test, gone with it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Section, ReadsEveryKindOfValue) {
  Document document = parsed(R"(
name: node-1
number: 007
port: 8080
share: 0.25
on: true
interval: 1.5s
cache: 64MiB
disk: 1.5GB
plain: 4096
mode: slow
range: [-10, 1e2]
tags: [a, 'b c', 3]
states: {0: idle, 1: running, -1: unknown}
nested: {deeper: {key: value}}
list:
  - id: 1
  - id: 2
)");
  Section root = document.root();
  EXPECT_EQ(root.text("name"), "node-1");
  EXPECT_EQ(root.text("number"), "007");
  EXPECT_EQ(root.integer("port"), 8080);
  EXPECT_EQ(root.number("share"), 0.25);
  EXPECT_TRUE(root.boolean("on", std::nullopt));
  EXPECT_EQ(root.duration("interval"), 1500 * core::kMillisecond);
  EXPECT_EQ(root.bytes("cache"), 64U << 20);
  EXPECT_EQ(root.bytes("disk"), 1'500'000'000U);
  EXPECT_EQ(root.bytes("plain"), 4096U);
  constexpr std::array<std::string_view, 2> kModes{"fast", "slow"};
  EXPECT_EQ(root.choice("mode", kModes, std::nullopt), 1U);
  EXPECT_THAT(root.numbers("range"), ElementsAre(-10, 100));
  EXPECT_THAT(root.texts("tags"), ElementsAre("a", "b c", "3"));
  EXPECT_THAT(root.names_by_number("states"),
              ElementsAre(testing::Pair(-1, "unknown"), testing::Pair(0, "idle"), testing::Pair(1, "running")));
  Section nested = root.section("nested");
  Section deeper = nested.section("deeper");
  EXPECT_EQ(deeper.text("key"), "value");
  EXPECT_EQ(deeper.path(), "nested.deeper");
  auto list = root.sections("list");
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].integer("id"), 2);
  EXPECT_EQ(list[1].path(), "list[1]");
  EXPECT_EQ(to_string(list[1].place("id")), "plant.yaml:18:9");
  for (Section section : {deeper, nested, list[0], list[1]}) section.finish();
  EXPECT_THAT(told(document), ElementsAre("plant.yaml:17:5: list[0].id: unknown key; there are none here"));
  list[0].integer("id");
  root.finish();
  EXPECT_EQ(document.problems().size(), 1U);
}

TEST(Section, AbsentKeysTakeTheirDefaults) {
  Document document = parsed("other: 1\nempty:\nnothing:\n");
  Section root = document.root();
  Section api = root.section("api");
  EXPECT_FALSE(api.present());
  EXPECT_FALSE(api.has("port"));
  EXPECT_EQ(api.integer("port", {.fallback = 8080}), 8080);
  EXPECT_EQ(api.text("host", {.fallback = "localhost"}), "localhost");
  EXPECT_EQ(api.duration("timeout", {.fallback = core::kSecond}), core::kSecond);
  EXPECT_EQ(api.bytes("cache", {.fallback = 5}), 5U);
  EXPECT_FALSE(api.boolean("on", false));
  EXPECT_TRUE(api.numbers("limits").empty());
  EXPECT_TRUE(api.texts("tags").empty());
  EXPECT_TRUE(api.names_by_number("states").empty());
  EXPECT_TRUE(api.sections("list").empty());
  EXPECT_TRUE(api.section("inner").sections("list").empty());
  EXPECT_FALSE(root.section("empty").present());
  EXPECT_TRUE(root.sections("nothing").empty());
  api.finish();
  EXPECT_TRUE(document.check());
}

TEST(Section, RequiredKeysSayWhatIsMissingAndWhere) {
  Document document = parsed("api:\n  host: a\n");
  Section root = document.root();
  Section api = root.section("api");
  api.integer("port", {.fallback = {}, .low = 1, .high = 65535});
  root.section("node").text("name");
  EXPECT_THAT(told(document), ElementsAre("plant.yaml:2:3: api.port: is missing; give a whole number from 1 to 65535",
                                          "plant.yaml:1:1: node.name: is missing; give a text"));
}

TEST(Section, WrongTypesSayWhatWasFound) {
  Document document = parsed(R"(
a: abc
b: "80"
c: [1]
d: {x: 1}
e: 1.5
f: yes
g: True
h:
i: .nan
j: text
k: text
l: text
m: [1, two, .inf]
n: [a, [b]]
o: {zero: idle}
p: [1, {a: b}]
q: 99999999999999999999
)");
  Section root = document.root();
  EXPECT_EQ(root.integer("a", {.fallback = 7}), 7);
  root.integer("b");
  root.integer("c");
  root.text("d");
  root.integer("e", {.fallback = 1, .low = 1, .high = INT64_MAX});
  root.boolean("f", true);
  root.boolean("g", true);
  root.text("h", {.fallback = "x"});
  root.number("i");
  EXPECT_FALSE(root.section("j").present());
  root.sections("k");
  root.numbers("l");
  EXPECT_THAT(root.numbers("m"), ElementsAre(1));
  EXPECT_THAT(root.texts("n"), ElementsAre("a"));
  root.names_by_number("o");
  EXPECT_EQ(root.sections("p").size(), 1U);
  root.integer("q", {.fallback = 1, .low = 1, .high = 9});
  EXPECT_THAT(
      told(document),
      ElementsAre("plant.yaml:2:4: a: expected a whole number, found the text 'abc'",
                  "plant.yaml:3:4: b: expected a whole number, found the quoted text '80'",
                  "plant.yaml:4:4: c: expected a whole number, found a list",
                  "plant.yaml:5:4: d: expected a text, found a mapping",
                  "plant.yaml:6:4: e: expected a whole number of at least 1, found the number 1.5",
                  "plant.yaml:7:4: f: expected true or false, found the text 'yes'",
                  "plant.yaml:8:4: g: expected true or false, found the text 'True'",
                  "plant.yaml:9:1: h: expected a text, found no value",
                  "plant.yaml:10:4: i: expected a number, found the text '.nan'",
                  "plant.yaml:11:4: j: expected a mapping ('key: value' lines below it), found the text 'text'",
                  "plant.yaml:12:4: k: expected a list (each item begins with '- '), found the text 'text'",
                  "plant.yaml:13:4: l: expected a list of numbers such as [0, 100], found the text 'text'",
                  "plant.yaml:14:8: m[1]: expected a number, found the text 'two'",
                  "plant.yaml:14:13: m[2]: expected a number, found the text '.inf'",
                  "plant.yaml:15:8: n[1]: expected a text, found a list",
                  "plant.yaml:16:5: o.zero: the key must be a whole number",
                  "plant.yaml:17:5: p[0]: expected a mapping ('key: value' lines), found the number 1",
                  "plant.yaml:18:4: q: expected a whole number from 1 to 9, found the number 99999999999999999999"));
}

TEST(Section, RangesAndUnitsAreTold) {
  Document document = parsed(R"(
port: 70000
share: 1.5
wait: 100
pause: 2h
odd: 5 parsecs
cache: 10 pounds
small: 1KiB
half: 0.5B
mode: fats
)");
  Section root = document.root();
  root.integer("port", {.fallback = 1, .low = 1, .high = 65535});
  root.number("share", {.fallback = 0, .low = 0, .high = 1});
  root.duration("wait");
  root.duration("pause", {.fallback = core::kSecond, .low = core::kMillisecond, .high = core::kHour});
  root.duration("odd");
  root.bytes("cache");
  root.bytes("small", {.fallback = 0, .low = 1U << 20, .high = UINT64_MAX});
  root.bytes("half");
  constexpr std::array<std::string_view, 2> kModes{"fast", "slow"};
  EXPECT_EQ(root.choice("mode", kModes, 1), 1U);
  EXPECT_THAT(
      told(document),
      ElementsAre("plant.yaml:2:7: port: 70000 is out of range; give a whole number from 1 to 65535",
                  "plant.yaml:3:8: share: 1.5 is out of range; give a number from 0 to 1",
                  "plant.yaml:4:7: wait: '100' has no unit; write a unit such as 100ms or 100s",
                  "plant.yaml:5:8: pause: 2h is out of range; give a duration from 1ms to 1h",
                  HasSubstr("odd: expected a duration of at least 0s, found the text '5 parsecs'; write a number and "
                            "one of ns, us, ms, s, min, h, d"),
                  HasSubstr("cache: expected a size, found the text '10 pounds'; write bytes, or a number and one of"),
                  "plant.yaml:8:8: small: 1KiB is out of range; give a size of at least 1MiB",
                  HasSubstr("half: expected a size, found the text '0.5B'"),
                  "plant.yaml:10:7: mode: expected one of fast, slow; found 'fats' (did you mean 'fast'?)"));
}

TEST(Section, UnknownKeysGetTheNearestOrTheList) {
  Document document = parsed("api:\n  prot: 80\n  quux-factor: 1\n  <<: {a: b}\n");
  Section root = document.root();
  Section api = root.section("api");
  api.integer("port", {.fallback = 8080});
  api.text("host", {.fallback = ""});
  api.finish();
  root.finish();
  EXPECT_THAT(told(document),
              ElementsAre("plant.yaml:2:3: api.prot: unknown key (did you mean 'port'?)",
                          "plant.yaml:3:3: api.quux-factor: unknown key; there are: port, host",
                          "plant.yaml:4:3: api.<<: unknown key; merge keys are not read: repeat the keys here"));
}

TEST(Section, ASectionOfTheWrongTypeIsToldOnce) {
  Document document = parsed("api: 5\n");
  Section root = document.root();
  Section api = root.section("api");
  api.integer("port");
  api.section("tls").text("certificate");
  api.finish();
  root.finish();
  EXPECT_EQ(document.problems().size(), 1U);
}

TEST(Section, KeysOfTheUsersOwn) {
  Document document = parsed("streams: {default: plc, high-rate: {connector: vib}}\n");
  Section root = document.root();
  Section streams = root.section("streams");
  EXPECT_THAT(streams.keys(), ElementsAre("default", "high-rate"));
  EXPECT_FALSE(streams.is_section("default"));
  EXPECT_TRUE(streams.is_section("high-rate"));
  EXPECT_FALSE(streams.is_section("none"));
  streams.finish();
  EXPECT_EQ(document.problems().size(), 2U);
}

TEST(Section, OwnProblemsStandAtTheValue) {
  Document document = parsed("api:\n  port: 80\n");
  Section root = document.root();
  Section api = root.section("api");
  api.problem("port", "is taken");
  api.problem("host", "is needed");
  EXPECT_THAT(told(document), ElementsAre("plant.yaml:2:9: api.port: is taken", "plant.yaml:2:3: api.host: is needed"));
}

TEST(Environment, OverridesSingleValues) {
  Document document = parsed("api: {port: 80}\n", {{"MILLWRIGHT_API__PORT", "8081"},
                                                   {"MILLWRIGHT_NODE__DATA_DIR", "/data"},
                                                   {"MILLWRIGHT_API__REQUEST_TIMEOUT", "2s"},
                                                   {"MILLWRIGHT_API__ON", "true"}});
  Section root = document.root();
  Section api = root.section("api");
  Section node = root.section("node");
  EXPECT_TRUE(api.has("port"));
  EXPECT_TRUE(node.has("data_dir"));
  EXPECT_EQ(api.integer("port"), 8081);
  EXPECT_EQ(api.duration("request-timeout"), 2 * core::kSecond);
  EXPECT_TRUE(api.boolean("on", false));
  EXPECT_EQ(node.text("data_dir"), "/data");
  api.finish();
  root.finish();
  EXPECT_TRUE(document.check()) << document.check().error().message;
}

TEST(Environment, WrongVariablesAreProblems) {
  Document document = parsed("list: [{port: 1}]\n", {{"MILLWRIGHT_API__PROT", "1"},
                                                     {"MILLWRIGHT_API__PORT", "high"},
                                                     {"MILLWRIGHT_API", "1"},
                                                     {"MILLWRIGHT_LIST", "x"},
                                                     {"MILLWRIGHT_LIST__PORT", "5"}});
  Section root = document.root();
  Section api = root.section("api");
  EXPECT_EQ(api.integer("port", {.fallback = 80}), 80);
  EXPECT_EQ(root.sections("list")[0].integer("port"), 1);
  EXPECT_EQ(to_string(api.place("port")), "environment variable MILLWRIGHT_API__PORT");
  root.finish();
  EXPECT_THAT(
      told(document),
      ElementsAre("environment variable MILLWRIGHT_API__PORT: api.port: expected a whole number, found the text 'high'",
                  HasSubstr("MILLWRIGHT_API: names a section or list"),
                  "environment variable MILLWRIGHT_API__PROT: names no key of the configuration (did you mean "
                  "'MILLWRIGHT_API__PORT'?)",
                  HasSubstr("MILLWRIGHT_LIST: names a section or list"),
                  HasSubstr("MILLWRIGHT_LIST__PORT: names no key of the configuration")));
}

TEST(Environment, OfTheProcessHoldsOnlyItsOwn) {
  ASSERT_EQ(setenv("MILLWRIGHT_API__PORT", "1=2", 1), 0);  // NOLINT: one thread
  const Environment environment = process_environment();
  unsetenv("MILLWRIGHT_API__PORT");  // NOLINT: one thread
  EXPECT_EQ(environment.at("MILLWRIGHT_API__PORT"), "1=2");
  EXPECT_EQ(environment.count("PATH"), 0U);
}

TEST(Document, DuplicateKeysAreProblemsAndTheFirstCounts) {
  Document document = parsed("api:\n  port: 1\n  port: {a: 2}\nlist:\n  - {a: 1, a: 2}\n");
  Section root = document.root();
  EXPECT_EQ(root.section("api").integer("port"), 1);
  EXPECT_EQ(root.sections("list")[0].integer("a"), 1);
  EXPECT_THAT(told(document), ElementsAre("plant.yaml:3:3: api.port: given twice, first at 2:3; remove one",
                                          "plant.yaml:5:12: list[0].a: given twice, first at 5:6; remove one"));
}

TEST(Document, DuplicatesAreFoundInLargeMappings) {
  std::string yaml;
  for (int i = 0; i < 100; ++i) yaml += "key" + std::to_string(i) + ": 1\n";
  Document document = parsed(yaml + "key3: 1\nkey99: 1\n");
  EXPECT_EQ(document.problems().size(), 2U);
  EXPECT_EQ(document.root().integer("key99"), 1);
}

TEST(Document, KeysMustBeText) {
  Document document = parsed("? [a, b]\n: {c: d}\n~: 2\nx: 1\n");
  EXPECT_THAT(told(document), ElementsAre("plant.yaml:1:3: ?: a key must be plain text",
                                          "plant.yaml:3:1: ?: a key must be plain text"));
  EXPECT_EQ(document.root().integer("x"), 1);
}

TEST(Document, AnchorsAndAliases) {
  Document document = parsed("base: &b {rate: 10}\nfirst: *b\nlist: [*b, *b]\nword: &w text\nother: *w\n");
  Section root = document.root();
  EXPECT_EQ(root.section("first").integer("rate"), 10);
  EXPECT_EQ(root.sections("list").at(1).integer("rate"), 10);
  EXPECT_EQ(root.text("other"), "text");
  EXPECT_TRUE(document.check());
}

TEST(Document, SyntaxErrorsHaveTheirPlace) {
  EXPECT_THAT(refused("api:\n\tport: 1\n"), HasSubstr("plant.yaml:2:1: not valid YAML: a tab in the indentation"));
  EXPECT_THAT(refused("a: b: c\n"), HasSubstr("plant.yaml:1:5: not valid YAML: a ':' that cannot be here"));
  EXPECT_THAT(refused("a: 1\n  b: 2\n"), HasSubstr("plant.yaml:2:"));
  EXPECT_THAT(refused("a: [1, 2\nb: 3\n"), HasSubstr("']'"));
  for (const char* open : {"b: 1\na: \"never ends", "b: 1\na: \"never ends\nc: 5\n", "b: 1\na: 'never ends\n\n"}) {
    EXPECT_THAT(refused(open),
                HasSubstr("plant.yaml:2:1: not valid YAML: text in quotes that begins after this never ends"));
  }
  EXPECT_THAT(refused("a: *nowhere\n"), HasSubstr("plant.yaml:1:4: not valid YAML"));
  EXPECT_THAT(refused("a: 1\n---\nb: 2\n"), HasSubstr("a second YAML document"));
  EXPECT_THAT(refused("a: !include other.yaml\n"), HasSubstr("the tag !include means nothing here"));
  EXPECT_THAT(refused("- a\n- b\n"), HasSubstr("plant.yaml:1:1: must hold 'key: value' lines"));
  EXPECT_THAT(refused("just text"), HasSubstr("must hold 'key: value' lines"));
  EXPECT_THAT(refused(""), HasSubstr("plant.yaml: is empty"));
  EXPECT_THAT(refused("# nothing but a comment\n"), HasSubstr("is empty"));
  EXPECT_THAT(refused("a: b\nc: \x01"), HasSubstr("plant.yaml:2:4: a control character or not UTF-8"));
  EXPECT_THAT(refused("a: \xff\n"), HasSubstr("plant.yaml:1:4: a control character or not UTF-8"));
}

TEST(Document, TextsOfManyLinesEndWhereTheFileDoes) {
  EXPECT_EQ(parsed("a: |\n  one\n  two\n").root().text("a"), "one\ntwo\n");
  EXPECT_EQ(parsed("a: |+\n  one\n\n").root().text("a"), "one\n\n");
  EXPECT_EQ(parsed("a: >-\n  one\n  two").root().text("a"), "one two");
  EXPECT_EQ(parsed("a: one\n  two").root().text("a"), "one two");
  EXPECT_EQ(parsed("a: 'one'").root().text("a"), "one");
  EXPECT_EQ(parsed("a: one # said so").root().text("a"), "one");
}

TEST(Document, DepthIsLimited) {
  const auto nested = [](int levels) { return "a: " + std::string(levels, '[') + std::string(levels, ']') + "\n"; };
  EXPECT_TRUE(Document::parse(nested(63), "plant.yaml"));
  EXPECT_THAT(refused(nested(64)), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(refused(nested(100'000)), HasSubstr("nested deeper than 64 levels"));
  // Also where aliases add up: each level holds the one before.
  std::string ladder = "a0: &a0 [1]\n";
  for (int i = 1; i < 70; ++i) {
    const std::string n = std::to_string(i);
    ladder += "a" + n + ": &a" + n + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_THAT(refused(ladder), HasSubstr("nested deeper than 64 levels"));
}

TEST(Document, ASmallFileCannotUnfoldIntoAHugeOne) {
  std::string laughs = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string n = std::to_string(i);
    const std::string below = "*a" + std::to_string(i - 1);
    laughs += "a" + n + ": &a" + n + " [";
    for (int j = 0; j < 10; ++j) laughs += (j == 0 ? "" : ", ") + below;
    laughs += "]\n";
  }
  EXPECT_THAT(refused(laughs), HasSubstr("more than 4000000 values"));
  EXPECT_THAT(refused("a: &a [*a]\n"), HasSubstr("an alias to what it is itself part of"));
}

TEST(Document, ProblemsAreSortedInTheCheckAndLimitedInNumber) {
  Document document = parsed("a: x\nb: y\n");
  Section root = document.root();
  root.integer("b");
  root.integer("a");
  EXPECT_EQ(document.check().error().message,
            "plant.yaml:1:4: a: expected a whole number, found the text 'x'\n"
            "plant.yaml:2:4: b: expected a whole number, found the text 'y'");
  for (std::size_t i = 0; i < kProblemsMax; ++i) root.problem("a", "again");
  EXPECT_EQ(document.problems().size(), kProblemsMax);
  EXPECT_TRUE(document.check().error().message.ends_with("\nand 2 more"));
}

TEST(Document, FilesAreReadWithTheirLimits) {
  const Folder folder;
  const auto message = [](const std::string& path) {
    auto document = Document::load(path);
    return document ? std::string() : document.error().message;
  };
  EXPECT_EQ(Document::load(folder.path() + "/none.yaml").error().code, core::ErrorCode::kNotFound);
  EXPECT_THAT(message(folder.path()), HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message(folder.write("big.yaml", "a: " + std::string(17U << 20, 'x'))), HasSubstr("larger than 16 MiB"));
  auto document = Document::load(folder.write("plant.yaml",
                                              "\xEF\xBB\xBF"
                                              "a: °C\r\nb: 2\r\n"));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->directory(), folder.path());
  EXPECT_EQ(document->root().text("a"), "°C");
  EXPECT_EQ(document->root().integer("b"), 2);
}

TEST(Document, IncludesShareTheProblems) {
  const Folder folder;
  const std::string good = folder.write("good.yaml", "name: x\nport: abc\n");
  const std::string bad = folder.write("bad.yaml", "name: [\n");
  const std::string empty = folder.write("empty.yaml", "");
  Document document = parsed("uses: good\n", {{"MILLWRIGHT_NAME", "y"}});
  Section root = document.root();
  root.text("uses");
  auto included = document.include(good, root, "uses");
  ASSERT_TRUE(included);
  EXPECT_EQ(included->text("name"), "x");  // the environment is about the main file
  included->integer("port");
  EXPECT_FALSE(document.include(bad, root, "uses"));
  EXPECT_FALSE(document.include(empty, root, "uses"));
  EXPECT_FALSE(document.include(folder.path() + "/none.yaml", root, "uses"));
  EXPECT_THAT(told(document),
              ElementsAre(good + ":2:7: port: expected a whole number, found the text 'abc'",
                          HasSubstr("plant.yaml:1:7: uses: " + bad + ":2:1: not valid YAML"),
                          "plant.yaml:1:7: uses: " + empty + " is empty; it must hold 'key: value' lines",
                          HasSubstr("plant.yaml:1:7: uses: " + folder.path() + "/none.yaml: cannot be read")));
}

}  // namespace
}  // namespace millwright::config

#include "registry/registry.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "config/document.hpp"

namespace millwright::registry {
namespace {

using core::ErrorCode;
using testing::HasSubstr;

constexpr const char* kFile = R"(
assets:
  enterprise: acme
  streams: {default: plc}
  sites:
    - name: lyon
      time_zone: Europe/Paris
      areas:
        - name: utilities
          lines:
            - name: cooling
              cells:
                - name: pumps
                  machines:
                    - name: pump-1
                      description: "Cooling: water pump"
                      serial_number: "4711"
                      sensors:
                        - {name: current, unit: A, range: [0, 60.5], rate_hz: 10, address: "ns=2;s=A"}
                        - name: state
                          type: state
                          states: {0: idle, 1: running}
                          address: "ns=2;s=S"
                    - name: pump-2
                      type: centrifugal-pump
)";

std::string assets_json(std::string_view yaml) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  return document->root().section("assets").json();
}

AssetDocument document() {
  return *AssetDocument::parse(assets_json(kFile));
}

TEST(AssetDocumentTest, YamlAndJsonSayTheSame) {
  const AssetDocument assets = document();
  const std::string yaml = assets.yaml();
  EXPECT_EQ(assets_json(yaml), assets.text()) << yaml;
  EXPECT_THAT(yaml, HasSubstr("\n                    - name: pump-1\n"));
  EXPECT_THAT(yaml, HasSubstr("serial_number: \"4711\""));
  EXPECT_THAT(yaml, HasSubstr("range: [0, 60.5]"));
  EXPECT_THAT(yaml, HasSubstr("states: {0: idle, 1: running}"));
}

TEST(AssetDocumentTest, FindsMachinesByName) {
  const AssetDocument assets = document();
  ASSERT_EQ(assets.machines().size(), 2U);
  EXPECT_EQ(assets.find("pump-2")->path(), "acme/lyon/utilities/cooling/pumps/pump-2");
  EXPECT_FALSE(assets.find("pump-3"));
}

TEST(AssetDocumentTest, PutsReplacesMovesAndRemoves) {
  AssetDocument assets = document();
  const Json pump = {{"name", "pump-3"}, {"type", "centrifugal-pump"}};
  ASSERT_TRUE(assets.put("acme/lyon/utilities/cooling/pumps", pump));
  EXPECT_EQ(assets.machines().size(), 3U);
  ASSERT_TRUE(assets.put("acme/ghent/hall/line-1/cell-1", pump));
  EXPECT_EQ(assets.find("pump-3")->place, "acme/ghent/hall/line-1/cell-1");
  EXPECT_EQ(assets.machines().size(), 3U);
  ASSERT_TRUE(assets.remove("pump-3"));
  EXPECT_EQ(assets.text(), document().text());  // with the levels that were made for it
  EXPECT_EQ(assets.remove("pump-3").error().code, ErrorCode::kNotFound);
}

TEST(AssetDocumentTest, PatchesKeepTheName) {
  AssetDocument assets = document();
  ASSERT_TRUE(assets.patch("pump-1", {{"description", "Spare"}, {"serial_number", nullptr}}));
  EXPECT_EQ(assets.find("pump-1")->json["description"], "Spare");
  EXPECT_FALSE(assets.find("pump-1")->json.contains("serial_number"));
  EXPECT_EQ(assets.find("pump-1")->json["sensors"].size(), 2U);
  EXPECT_THAT(assets.patch("pump-1", {{"name", "pump-9"}}).error().message, HasSubstr("keeps its name"));
}

TEST(AssetDocumentTest, RefusesWhatHasNoPlace) {
  AssetDocument assets = document();
  EXPECT_THAT(assets.put("acme/lyon", {{"name", "x"}}).error().message, HasSubstr("enterprise/site/area/line/cell"));
  EXPECT_THAT(assets.put("other/a/b/c/d", {{"name", "x"}}).error().message, HasSubstr("enterprise is 'acme'"));
  EXPECT_THAT(assets.put("acme/a/b/c/d", Json::array()).error().message, HasSubstr("with a name"));
  EXPECT_THAT(AssetDocument::parse(R"({"sites":{}})").error().message, HasSubstr("assets.sites: must be a list"));
  EXPECT_THAT(AssetDocument::parse("{").error().message, HasSubstr("not valid JSON"));
}

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millwright-registry-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    auto database = database::Database::open({.file = folder_ + "/plant.db", .postgresql = {}, .password = {}});
    EXPECT_TRUE(database) << database.error().message;
    database_ = std::move(*database);
  }
  ~RegistryTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::unique_ptr<database::Database> database_;
};

TEST_F(RegistryTest, AFileIsTakenOnceAndAgainWhenItHasChanged) {
  auto registry = *Registry::open(*database_);
  const std::string first = document().text();
  EXPECT_EQ(registry.take_file(first, "plant.yaml", 1)->version.number, 1);
  EXPECT_EQ(registry.take_file(first, "plant.yaml", 2)->version.number, 1);
  AssetDocument changed = document();
  ASSERT_TRUE(changed.remove("pump-2"));
  const auto second = registry.take_file(changed.text(), "plant.yaml", 3);
  EXPECT_EQ(second->version.number, 2);
  EXPECT_EQ(second->document.text(), changed.text());
  EXPECT_FALSE(registry.differs_from_file());
}

TEST_F(RegistryTest, EditsStandBesideAFileThatChanges) {
  auto registry = *Registry::open(*database_);
  auto assets = *registry.take_file(document().text(), "plant.yaml", 1);
  EXPECT_FALSE(*registry.edited());
  ASSERT_TRUE(assets.document.remove("pump-2"));
  const auto version = registry.commit(assets.document, {.base = 1, .who = "anna", .what = "pump-2 gone"}, 5);
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(version->number, 2);
  EXPECT_EQ((*registry.edited())->document.text(), assets.document.text());
  EXPECT_EQ(registry.take_file(document().text(), "plant.yaml", 6)->version.number, 2);
  EXPECT_FALSE(registry.differs_from_file());

  AssetDocument other = document();
  ASSERT_TRUE(other.remove("pump-1"));
  EXPECT_EQ(registry.take_file(other.text(), "plant.yaml", 7)->document.text(), assets.document.text());
  EXPECT_TRUE(registry.differs_from_file());
  const auto taken = registry.take_file(other.text(), "plant.yaml", 8, Take::kAlways);
  EXPECT_EQ(taken->version.number, 3);
  EXPECT_EQ(taken->document.text(), other.text());
  EXPECT_FALSE(registry.differs_from_file());

  const auto versions = registry.versions(10);
  ASSERT_EQ(versions->size(), 3U);
  EXPECT_EQ((*versions)[1].who, "anna");
  EXPECT_EQ((*versions)[1].what, "pump-2 gone");
  EXPECT_EQ((*registry.find(2))->document.text(), assets.document.text());
  EXPECT_FALSE(*registry.find(9));
}

TEST_F(RegistryTest, AChangeOfAnOldVersionIsAConflict) {
  auto registry = *Registry::open(*database_);
  auto assets = *registry.take_file(document().text(), "plant.yaml", 1);
  ASSERT_TRUE(registry.commit(assets.document, {.base = 1, .who = "anna", .what = ""}, 2));
  const auto late = registry.commit(assets.document, {.base = 1, .who = "ben", .what = ""}, 3);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  EXPECT_THAT(late.error().message, HasSubstr("at version 2 by now"));
}

}  // namespace
}  // namespace millwright::registry

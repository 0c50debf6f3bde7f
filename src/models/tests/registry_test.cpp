#include "models/registry.hpp"

#include <gmock/gmock.h>

#include "io/sim_disk.hpp"
#include "models/tests/test_bundle.hpp"

namespace millwright::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::make_bundle;

class RegistryTest : public ::testing::Test {
 protected:
  Registry open() {
    auto registry = Registry::open(disk_, "d/models", {.keys = {key_.public_key()}});
    EXPECT_TRUE(registry) << registry.error().message;
    return std::move(*registry);
  }
  std::string file(const std::string& version) const { return seal(to_payload(make_bundle(version)), &key_); }

  const SigningKey key_ = *SigningKey::generate();
  io::SimDisk disk_{1};
};

TEST_F(RegistryTest, KeepsBundlesThroughARestart) {
  {
    Registry registry = open();
    ASSERT_TRUE(registry.add(file("1.0")));
    ASSERT_TRUE(registry.add(file("1.1")));
    ASSERT_TRUE(registry.add(file("1.0")));  // again the same
  }
  const Registry registry = open();
  EXPECT_THAT(registry.list(), ElementsAre("pump-pca@1.0", "pump-pca@1.1"));
  const auto model = registry.load("pump-pca@1.1");
  ASSERT_TRUE(model);
  EXPECT_EQ((*model)->bundle().version, "1.1");
  EXPECT_FALSE(registry.load("pump-pca@1.2"));
  EXPECT_FALSE(registry.load("../../x@1"));
}

TEST_F(RegistryTest, ABundleIsNeverChanged) {
  Registry registry = open();
  ASSERT_TRUE(registry.add(file("1.0")));
  Bundle other = make_bundle("1.0");
  other.machine_type = "fan";
  const auto added = registry.add(seal(to_payload(other), &key_));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, core::ErrorCode::kConflict);
  EXPECT_EQ((*registry.load("pump-pca@1.0"))->bundle().machine_type, "pump");
}

TEST_F(RegistryTest, WhatIsRefusedLeavesNothing) {
  Registry registry = open();
  std::string damaged = file("1.0");
  damaged[500] ^= 1;
  EXPECT_FALSE(registry.add(damaged));
  EXPECT_THAT(registry.list(), ElementsAre());
}

TEST_F(RegistryTest, DeploymentsAreTheOldOrTheNewAfterAPowerCut) {
  const Deployment first{.active = {"pump-pca@1.0", "aa"}, .previous = {}, .shadow = {}};
  const Deployment second{.active = {"pump-pca@1.1", "bb"}, .previous = first.active, .shadow = {"pump-pca@1.0", "aa"}};
  {
    Registry registry = open();
    ASSERT_TRUE(registry.save({{"a/pump-1", first}}));
    ASSERT_TRUE(registry.save({{"a/pump-1", second}}));
    EXPECT_EQ(registry.deployments().at("a/pump-1"), second);
  }
  disk_.cut_power();
  EXPECT_EQ(open().deployments().at("a/pump-1"), second);
}

TEST_F(RegistryTest, ADamagedFileOfDeploymentsIsPutAside) {
  ASSERT_TRUE(open().save({{"a/pump-1", {.active = {"pump-pca@1.0", "aa"}, .previous = {}, .shadow = {}}}}));
  ASSERT_TRUE(io::write_file_atomically(disk_, "d/models/deployments.json", std::string_view("{\"machines\":")));
  EXPECT_TRUE(open().deployments().empty());
  EXPECT_TRUE(disk_.exists("d/models/deployments.json.bad"));
}

}  // namespace
}  // namespace millwright::models

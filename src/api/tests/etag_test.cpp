// Entity tags: every GET that is no stream has a strong one, which a second request may show instead of fetching again.
#include "api/etag.hpp"

#include <set>

#include <gmock/gmock.h>

#include "api/openapi.hpp"
#include "api/router.hpp"
#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using ::testing::MatchesRegex;

// A path of the document with everything that it needs to be answered.
std::string example(std::string path, const std::string& order) {
  const bool of_order = path.find("work-orders/") != std::string::npos;
  for (auto at = path.find('{'); at != std::string::npos; at = path.find('{')) {
    const std::string name = path.substr(at, path.find('}') - at + 1);
    path.replace(at, name.size(), name == "{file}" ? "" : of_order ? order : "pump-1");
  }
  if (path.ends_with("/history")) return path + "?sensor=motor/temperature&from=2026-11-21T07:00:00Z";
  if (path.ends_with("/charts")) return path + "?sensors=" + kPump + "/motor/temperature";
  return path;
}

TEST(ETags, AreOnEveryGetOfTheDocument) {
  const TemporaryFolder folder;
  folder.write("index.html", "<!doctype html>");
  Options options;
  options.web_directory = folder.path();
  Plant plant(options);
  plant.historian.add_value(plant.sensor("motor/temperature"), kNow - 1, 1.5);
  plant.raise(1);
  const Reply made = plant.post("/v1/maintenance/work-orders", R"({"machine_id":"pump-1","recommended_action":"oil"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto document = nlohmann::json::parse(open_api_document());
  // They count what happens, so their answers differ from one request to the next.
  const std::set<std::string> alive = {"/metrics"};
  // What this small plant has no part for.
  std::set<std::string> missing;
  for (const auto& [path, item] : document["paths"].items()) {
    const bool alias = item.contains("$ref");
    if (path == "/v1/stream" || !(alias || item.contains("get"))) continue;
    const std::string target = example(path, made.json()["id"]);
    const Reply first = plant.get(target);
    if (alias && first.status == 405) continue;  // of a path that takes no GET
    if (first.status == 501 || first.status == 404 || first.status == 409) {
      missing.insert(path);
      continue;
    }
    ASSERT_EQ(first.status, 200) << target << " " << first.body;
    EXPECT_THAT(first.field("etag"), MatchesRegex("\"([0-9]+-)?[0-9a-f]+\"")) << target;
    for (const std::string& known : {alive.contains(path) ? "*" : first.field("etag"), std::string("\"x\", *")}) {
      Connection connection(plant.server.port());
      connection.send(request_text(plant.server.port(), "GET", target, {{"If-None-Match", known}}));
      EXPECT_EQ(connection.read_reply(true).status, 304) << target;
    }
    EXPECT_EQ(plant.get(target, {{"If-None-Match", "\"x\""}}).status, 200) << target;
  }
  EXPECT_THAT(missing, ::testing::Each(::testing::AnyOf(
                           ::testing::HasSubstr("/analytics"), ::testing::HasSubstr("/downtime"),
                           ::testing::HasSubstr("/calendars"), ::testing::HasSubstr("/production-orders"),
                           ::testing::HasSubstr("/twin/versions"), ::testing::HasSubstr("/users"),
                           ::testing::HasSubstr("/tokens"), ::testing::HasSubstr("/audit"))));
}

TEST(ETags, ChangeWithWhatIsAnswered) {
  Plant plant;
  const std::string twin = "/v1/machines/pump-1/twin";
  const std::string before = plant.get(twin).field("etag");
  EXPECT_EQ(plant.get(twin).field("etag"), before);
  plant.write("motor/temperature", 41.5);
  const Reply after = plant.get(twin, {{"If-None-Match", before}});
  EXPECT_EQ(after.status, 200);
  EXPECT_NE(after.field("etag"), before);
}

TEST(ETags, OfAnyAnswerWillDoForAChange) {
  EXPECT_EQ(without_content("\"3-9f86d0\""), "\"3\"");
  EXPECT_EQ(without_content(" \"3-9f86d0\" "), "\"3\"");
  EXPECT_EQ(without_content("\"3\""), "\"3\"");
  EXPECT_EQ(without_content("*"), "*");
  EXPECT_EQ(without_content("3-4"), "3-4");
  Plant plant;
  const std::string machine = "/v1/assets/machines/pump-1";
  const std::string tag = plant.get("/v1/assets").field("etag");
  const auto patch = [&] {
    return plant.send("PATCH", machine, R"({"description":"Spare"})",
                      {{"Content-Type", "application/merge-patch+json"}, {"If-Match", tag}});
  };
  EXPECT_EQ(patch().status, 200);
  EXPECT_EQ(patch().status, 412);
}

}  // namespace
}  // namespace millwright::api::testing

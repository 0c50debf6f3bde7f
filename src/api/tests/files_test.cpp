#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

class Files : public ::testing::Test {
 protected:
  Files() {
    folder_.write("secret.txt", "secret");
    folder_.write("web-secret/a.txt", "secret");
    folder_.write("web/index.html", "<!doctype html>");
    folder_.write("web/assets/app-1a2b.js", "let x");
    folder_.write("web/assets/app.css", "a{}");
    folder_.write("web/icon.svg", "<svg/>");
    folder_.write("web/data", "?");
    folder_.write("web/.hidden", "hidden");
    std::filesystem::create_symlink(folder_.path() + "/secret.txt", folder_.path() + "/web/link.txt");
    std::filesystem::create_symlink("icon.svg", folder_.path() + "/web/inside.svg");
    Options options;
    options.web_directory = folder_.path() + "/web/";
    plant_ = std::make_unique<Plant>(options);
  }
  TemporaryFolder folder_;
  std::unique_ptr<Plant> plant_;
};

TEST_F(Files, ComeWithTheirTypes) {
  const std::vector<std::pair<std::string, std::string>> types = {
      {"/", "text/html; charset=utf-8"},
      {"/index.html", "text/html; charset=utf-8"},
      {"/assets/app-1a2b.js", "text/javascript; charset=utf-8"},
      {"/assets/app.css", "text/css; charset=utf-8"},
      {"/icon.svg", "image/svg+xml"},
      {"/inside.svg", "image/svg+xml"},
      {"/data", "application/octet-stream"},
      {"/icon.svg?v=7", "image/svg+xml"}};
  for (const auto& [path, type] : types) {
    const Reply reply = plant_->get(path);
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.field("content-type"), type);
    EXPECT_EQ(reply.field("x-content-type-options"), "nosniff");
  }
  EXPECT_EQ(plant_->get("/").body, "<!doctype html>");
  EXPECT_THAT(plant_->get("/assets/app-1a2b.js").field("cache-control"), ::testing::HasSubstr("immutable"));
  EXPECT_EQ(plant_->get("/").field("cache-control"), "no-cache");
  EXPECT_THAT(
      plant_->get("/").field("content-security-policy"),
      ::testing::AllOf(::testing::HasSubstr("style-src 'self'"), ::testing::HasSubstr("frame-ancestors 'none'")));
}

TEST_F(Files, NothingOutsideOfTheFolder) {
  for (const char* path : {"/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt",
                           "/./index.html", "/assets/..%5c..%5csecret.txt", "//etc/passwd", "/%2fetc%2fpasswd",
                           "/link.txt", "/.hidden", "/%2ehidden", "/index.html%00.js", "/../web-secret/a.txt",
                           "/assets", "/assets/", "/", "/%zz", "/machines/nobody/dashboard"}) {
    if (std::string_view(path) == "/") continue;
    const Reply reply = plant_->get(path);
    problem_detail(reply, 404);
    EXPECT_THAT(reply.body, ::testing::Not(::testing::HasSubstr("root:")));
  }
}

TEST_F(Files, KnownOnesAreNotSentAgain) {
  for (const std::string path : {"/", "/v1/openapi.json"}) {
    const Reply reply = plant_->get(path);
    const std::string etag = reply.field("etag");
    ASSERT_FALSE(etag.empty());
    Connection connection(plant_->server.port());
    for (const std::string& known : {etag, "\"x\", W/" + etag, std::string("*")}) {
      connection.send(request_text(plant_->server.port(), "GET", path, {{"If-None-Match", known}}));
      EXPECT_EQ(connection.read_reply(true).status, 304);
    }
    EXPECT_EQ(plant_->get(path, {{"If-None-Match", "\"x\""}}).status, 200);
  }
  const std::string before = plant_->get("/").field("etag");
  folder_.write("web/index.html", "<!doctype html>2");
  EXPECT_EQ(plant_->get("/", {{"If-None-Match", before}}).body, "<!doctype html>2");
}

TEST_F(Files, AreReadOnly) {
  const Reply reply = plant_->post("/index.html", "{}");
  problem_detail(reply, 405);
  EXPECT_EQ(reply.field("allow"), "GET, HEAD");
}

}  // namespace
}  // namespace millwright::api::testing

// The `maintenance` section, templates, and what is read out of an ERP's answers.
#include "maintenance/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "maintenance/erp_session.hpp"
#include "maintenance/tests/fixture.hpp"

namespace millwright::maintenance {
namespace {

using ::testing::HasSubstr;

Options read(const std::string& yaml, std::string* problems) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  Options options = read_options(*document, root.section("maintenance"));
  root.finish();
  for (const config::Problem& problem : document->problems()) *problems += config::to_string(problem) + "\n";
  return options;
}

TEST(MaintenanceOptions, HaveDefaults) {
  std::string problems;
  const Options options = read("maintenance: {}\n", &problems);
  EXPECT_EQ(problems, "");
  EXPECT_TRUE(options.enabled);
  EXPECT_EQ(options.defaults.probability.raise, 0.5);
  EXPECT_TRUE(options.erps.empty());
}

TEST(MaintenanceOptions, OfRulesAndErps) {
  std::string problems;
  const Options options = read(R"(
maintenance:
  probability: {raise: 0.6, clear: 0.4}
  cool_down: 2d
  rules:
    - {match: "**/motor", cause: "bearing *", action: Replace it, auto_approve: true, lead_time: 14d}
  erps:
    - name: sap
      kind: sap
      url: https://sap.example.com/
      client: "100"
      user: PLANT
      password_env: SAP_PASSWORD
      equipment: {pump-1: "10000045", pump-1/motor: "10000046"}
      states: {"2": in-progress}
    - {name: hq, kind: maximo, url: "https://m.example.com/maximo", site: LYON, api_key_file: key, machines: "**/hall/**"}
    - {name: odoo, kind: odoo, url: "http://10.0.0.5", database: plant, allow: [10.0.0.0/8], user: u, password_env: P}
    - name: rest
      kind: rest
      oauth2: {token_url: "https://id.example.com/token", client_id: a, client_secret_env: B}
      create: {url: "https://e.example.com/o", body: '{"r": "{{reference}}", "e": {{json:evidence}}}', id: /id}
      lookup: {url: "https://e.example.com/o?r={{reference}}", id: /0/id}
      status: {url: "https://e.example.com/o/{{erp_id}}", state: /state}
)",
                               &problems);
  EXPECT_EQ(problems, "");
  EXPECT_EQ(options.rules.front().probability.raise, 0.6);
  EXPECT_EQ(options.rules.front().cool_down, 2 * 24 * core::kHour);
  EXPECT_TRUE(options.rules.front().auto_approve);
  ASSERT_EQ(options.erps.size(), 4U);
  const ErpOptions& sap = options.erps[0];
  EXPECT_EQ(sap.url, "https://sap.example.com");
  EXPECT_EQ(std::get<SapErp>(sap.to).reference_field, "MaintNotifExtReferenceNumber");
  EXPECT_EQ(sap.states.at("2"), OrderState::kInProgress);
  WorkOrder order = testing::an_order();
  EXPECT_EQ(equipment_of(sap, order), "10000046");
  order.component = "pump";
  EXPECT_EQ(equipment_of(sap, order), "10000045");
  order.machine = "pump-2";
  EXPECT_EQ(equipment_of(sap, order), "pump-2");
  EXPECT_EQ(options.erps[1].kind, "maximo");
  EXPECT_TRUE(options.erps[3].login.oauth2);
}

TEST(MaintenanceOptions, MistakesAreNamed) {
  const std::string rest = "name: a, kind: rest, create: {url: 'https://b/c', id: /id, body: '{}'}, ";
  const std::string status = "status: {url: 'https://b/c', state: /s}";
  const std::pair<std::string, const char*> kCases[] = {
      {"{probability: {raise: 0.3, clear: 0.5}}", "clear: must be at most raise"},
      {"{health: {raise: 40, clear: 30}}", "clear: must be at least raise"},
      {"{erps: [{name: a, kind: sapp}]}", "did you mean 'sap'?"},
      {"{erps: [{name: a, kind: sap, url: 'https://me:secret@b'}]}", "no password may be in it"},
      {"{erps: [{name: a, kind: sap, url: 'https://b', user: x}]}", "belong together"},
      {"{erps: [{name: a, kind: sap, url: 'https://b', object: order}]}", "reference_field"},
      {"{erps: [{name: a, kind: sap, url: 'https://b', states: {'1': proposed}}]}", "must be sent, in-progress"},
      {"{erps: [{name: a, kind: maximo, url: 'https://b', site: X, allow: [10.0.0.0/40]}]}", "10.0.0.0/40"},
      {"{erps: [{" + rest + "lookup: {url: 'https://b/{{referense}}', id: /i}, " + status + "}]}",
       "no field 'referense' (did you mean 'reference'?)"},
      {"{erps: [{" + rest + "lookup: {url: 'https://b/c', id: i}, " + status + "}]}", "no JSON pointer"},
      {"{erps: [{name: a, kind: rest, create: {url: 'https://b/c', id: /id, body: '{\"a\": {{reference}}}'}, lookup: "
       "{url: "
       "'https://b/c', id: /i}, " +
           status + "}]}",
       "is no JSON once its fields are filled in"},
      {"{erps: [{name: a, kind: odoo, url: 'https://b', database: d}, {name: a, kind: odoo, url: 'https://b', "
       "database: "
       "d}]}",
       "another ERP has the name 'a'"},
  };
  for (const auto& [row, problem] : kCases) {
    std::string problems;
    read("maintenance: " + row + "\n", &problems);
    EXPECT_THAT(problems, HasSubstr(problem)) << row;
  }
}

TEST(Template, EscapesForWhereItStands) {
  WorkOrder order = testing::an_order();
  order.cause = "a \"worn\"\nbearing & more";
  order.evidence = R"({"p": 0.5})";
  const Fields fields = fields_of(order, "42");
  const auto body = Template::parse(
      R"({"c": "{{cause}}", "e": {{ json:evidence }}, "d": {{json:predicted_failure_date}}})", Escape::kJson);
  ASSERT_TRUE(body) << body.error().message;
  const auto json = nlohmann::json::parse(body->render(fields));
  EXPECT_EQ(json["c"], order.cause);
  EXPECT_EQ(json["e"]["p"], 0.5);
  EXPECT_TRUE(json["d"].is_null());
  const auto url = Template::parse("https://e/{{equipment}}?c={{cause}}", Escape::kUrl);
  EXPECT_EQ(url->render(fields), "https://e/42?c=a%20%22worn%22%0Abearing%20%26%20more");
  EXPECT_FALSE(Template::parse("{{json:evidence}}", Escape::kUrl));
  EXPECT_FALSE(Template::parse("{{cause", Escape::kJson));
  EXPECT_FALSE(Template::parse("{{}}", Escape::kJson));
  EXPECT_EQ(Template::parse("no fields } {", Escape::kJson)->render(fields), "no fields } {");
}

http::Answer answer_of(int status, const std::string& body, const std::string& type = "application/json") {
  return {.status = status, .fields = {{"content-type", type}}, .body = body};
}

TEST(Answers, AreReadByWhatIsToBeDoneAboutThem) {
  const std::tuple<http::Answer, core::ErrorCode, const char*> kCases[] = {
      {answer_of(200, "<!DOCTYPE html><p>log in", "text/html"), core::ErrorCode::kUnavailable, "page of HTML"},
      {answer_of(200, "<html>", "application/json"), core::ErrorCode::kUnavailable, "page of HTML"},
      {answer_of(302, ""), core::ErrorCode::kUnavailable, "sends elsewhere"},
      {answer_of(401, R"({"error": "expired"})"), core::ErrorCode::kUnavailable, "HTTP 401: expired"},
      {answer_of(429, ""), core::ErrorCode::kUnavailable, "HTTP 429"},
      {answer_of(200, "OK"), core::ErrorCode::kIo, "no JSON: OK"},
      {answer_of(500, "boom"), core::ErrorCode::kIo, "HTTP 500: boom"},
      {answer_of(400, R"({"error": {"message": {"lang": "en", "value": "no such plant"}}})"), core::ErrorCode::kInvalid,
       "no such plant"},
      {answer_of(400, R"({"oslc:Error": {"oslc:message": "BMXAA1"}})"), core::ErrorCode::kInvalid, "BMXAA1"},
      {answer_of(422, R"({"detail": "bad asset"})"), core::ErrorCode::kInvalid, "bad asset"},
  };
  for (const auto& [answer, code, text] : kCases) {
    const auto read = read_answer(answer);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, code) << text;
    EXPECT_THAT(read.error().message, HasSubstr(text));
  }
  EXPECT_TRUE(read_answer(answer_of(201, "")));
  EXPECT_EQ(read_answer(answer_of(200, "[1]"))->json[0], 1);
}

TEST(Answers, GiveTextsByPointer) {
  const auto json = nlohmann::json::parse(R"({"a": [{"id": 7}], "n": null, "t": "x"})");
  EXPECT_EQ(text_at(json, "/a/0/id"), "7");
  EXPECT_EQ(text_at(json, "/t"), "x");
  for (const char* absent : {"/a/1/id", "/n", "/a/x", "/~2", "/t/0", "/a/00"})
    EXPECT_FALSE(text_at(json, absent)) << absent;
}

TEST(Answers, AreCutBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 5), "abc");
  EXPECT_EQ(shortened("aé", 2), "a");
  EXPECT_EQ(shortened("aéb", 3), "aé");
}

}  // namespace
}  // namespace millwright::maintenance

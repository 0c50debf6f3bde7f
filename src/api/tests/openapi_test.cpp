// The OpenAPI document is true: it describes every route and no other, with the parameters that the route takes, and
// real answers have the shape that it says.
#include "api/openapi.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "api/router.hpp"
#include "api/tests/test_plant.hpp"

namespace millwright::api::testing {
namespace {

using Json = nlohmann::json;

const Json& document() {
  static const Json parsed = Json::parse(open_api_document());
  return parsed;
}

const Json& resolve(const Json& node) {
  const auto at = node.find("$ref");
  return at == node.end() ? node : resolve(document().at(Json::json_pointer(at->get<std::string>().substr(1))));
}

// Also of a path's alias, which the document names beside it: twice, an operation would have two of its ids.
const Json& path_item(const std::string& path) {
  const Json& paths = document().at("paths");
  for (const Json& item : paths) {
    if (item.value("x-alias", "") == path) return item;
  }
  return paths.at(path);
}

bool is_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

// What does not fit, "" where all does: the part of JSON Schema that the document uses.
std::string misfit(const Json& value, const Json& given, const std::string& where) {
  const Json& schema = resolve(given);
  for (const char* choice : {"oneOf", "anyOf"}) {
    if (!schema.contains(choice)) continue;
    std::string all;
    for (const Json& one : schema[choice]) {
      const std::string why = misfit(value, one, where);
      if (why.empty()) return {};
      all += why + "; ";
    }
    return all;
  }
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
    return where + " is not one of the enum: " + value.dump();
  }
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    if (std::none_of(types.begin(), types.end(), [&](const Json& t) { return is_type(value, t); })) {
      return where + " is not " + types.dump() + ": " + value.dump();
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string why = misfit(value[i], schema["items"], where + "[" + std::to_string(i) + "]");
      if (!why.empty()) return why;
    }
  }
  if (!value.is_object() || !schema.contains("properties")) return {};
  for (const Json& name : schema["required"]) {
    if (!value.contains(name.get<std::string>())) return where + " lacks " + name.dump();
  }
  for (const auto& [name, member] : value.items()) {
    if (!schema["properties"].contains(name)) return where + " has " + name + ", which the document does not know";
    const std::string why = misfit(member, schema["properties"][name], where + "." + name);
    if (!why.empty()) return why;
  }
  return {};
}

// A response's schema in the document, by path, method and status.
void expect_described(const Reply& reply, const std::string& path, const std::string& method) {
  const Json& operation = path_item(path).at(method);
  const std::string status = std::to_string(reply.status);
  ASSERT_TRUE(operation["responses"].contains(status)) << method << " " << path << " " << status;
  const Json& content = resolve(operation["responses"][status])["content"];
  const std::string type = reply.field("content-type");
  ASSERT_TRUE(content.contains(type)) << path << ": " << type;
  EXPECT_EQ(misfit(reply.json(), content[type]["schema"], path), "") << reply.body;
}

const char* word_of(Method method) {
  switch (method) {
    case Method::kPost:
      return "post";
    case Method::kPut:
      return "put";
    case Method::kPatch:
      return "patch";
    case Method::kDelete:
      return "delete";
    default:
      return "get";
  }
}

// Path and method of everything that the document describes; HEAD goes with GET.
std::set<std::string> described_operations() {
  std::set<std::string> all;
  for (const auto& [path, item] : document()["paths"].items()) {
    EXPECT_EQ(item.contains("get"), item.contains("head")) << path;
    for (const char* method : {"get", "post", "put", "patch", "delete"}) {
      if (!item.contains(method)) continue;
      all.insert(path + " " + method);
      if (item.contains("x-alias")) all.insert(item["x-alias"].get<std::string>() + " " + method);
    }
  }
  return all;
}

TEST(OpenApi, EveryRouteIsDescribedAndNoOther) {
  Plant plant;
  std::set<std::string> routed;
  for (const auto& endpoint : plant.server.router().endpoints()) {
    const std::string method = std::string(" ") + word_of(endpoint->method);
    routed.insert(std::string(endpoint->path) + method);
    if (endpoint->alias) routed.insert(std::string(endpoint->path.substr(3)) + method);
  }
  EXPECT_EQ(described_operations(), routed);
}

TEST(OpenApi, EveryPathLeadsToItsEndpoint) {
  Plant plant;
  const Router& router = plant.server.router();
  for (const auto& endpoint : router.endpoints()) {
    std::string example(endpoint->path);
    for (auto at = example.find('{'); at != std::string::npos; at = example.find('{')) {
      example.replace(at, example.find('}') - at + 1, "7");
    }
    for (const std::string& path : {example, endpoint->alias ? example.substr(3) : example}) {
      const auto found = router.match(path, endpoint->method);
      ASSERT_TRUE(found && *found) << path;
      EXPECT_EQ((*found)->endpoint, endpoint.get()) << path;
      EXPECT_TRUE((*found)->method_fits) << path;
    }
  }
}

TEST(OpenApi, ParametersAreThoseOfTheRoute) {
  Plant plant;
  for (const auto& endpoint : plant.server.router().endpoints()) {
    const Json& item = path_item(std::string(endpoint->path));
    std::set<std::string> described;
    for (const Json& parameter :
         item.value(word_of(endpoint->method), Json::object()).value("parameters", Json::array())) {
      const Json& resolved = resolve(parameter);
      if (resolved["in"] == "query") described.insert(resolved["name"]);
    }
    EXPECT_EQ(described, std::set<std::string>(endpoint->parameters.begin(), endpoint->parameters.end()))
        << endpoint->path;
  }
}

TEST(OpenApi, IsServedAsItIs) {
  Plant plant;
  const Reply reply = plant.get("/v1/openapi.json");
  EXPECT_EQ(reply.body, open_api_document());
  EXPECT_EQ(reply.json()["openapi"], "3.1.0");
}

TEST(OpenApi, AnswersHaveTheShapesDescribed) {
  Plant plant;
  plant.write("state", std::int32_t{2});
  plant.write("door", std::uint8_t{0});
  plant.write("motor/temperature", 20.25);
  pipeline::Rollup rollup;
  rollup.start = kNow;
  rollup.count = 1;
  plant.live.write_rollup(plant.sensor("motor/temperature"), rollup);
  plant.historian.add_value(plant.sensor("motor/temperature"), kNow - 1, 1.5);
  plant.historian.add_value(plant.sensor("state"), kNow - 1, std::int32_t{2});
  plant.raise(1);
  plant.raise(2, alarms::State::kNormal, "");
  for (const std::string prefix : {"/v1", ""}) {
    expect_described(plant.get(prefix + "/machines"), prefix + "/machines", "get");
    expect_described(plant.get(prefix + "/machines/pump-1/twin"), prefix + "/machines/{id}/twin", "get");
    for (const std::string query : {"sensor=motor/temperature", "sensor=motor/temperature&resolution=1s",
                                    "sensor=state", "sensor=state&resolution=1m&aggregate=Average"}) {
      expect_described(plant.get(prefix + "/machines/pump-1/history?" + query), prefix + "/machines/{id}/history",
                       "get");
    }
  }
  for (const std::string method : {"minmax", "lttb"}) {
    expect_described(plant.get("/v1/charts?sensors=" + kPump + "/motor/temperature&method=" + method), "/v1/charts",
                     "get");
  }
  plant.charts = {{.sensor = plant.sensor("motor/temperature"), .chart = "xbar-r", .state = "running"},
                  {.sensor = plant.sensor("motor/temperature"),
                   .chart = "ewma",
                   .state = "idle",
                   .trained = true,
                   .specification = {{1, 2}},
                   .cp = 1.5}};
  expect_described(plant.get("/v1/machines/pump-1/limits"), "/v1/machines/{id}/limits", "get");
  expect_described(plant.get("/v1/machines/pump-1/commands"), "/v1/machines/{id}/commands", "get");
  expect_described(plant.post("/v1/machines/pump-1/commands/set-speed", R"({"arguments":{"speed":1200}})"),
                   "/v1/machines/{id}/commands/{name}", "post");
  expect_described(plant.post("/v1/machines/pump-1/limits/relearn", "{}"), "/v1/machines/{id}/limits/relearn", "post");
  expect_described(plant.get("/v1/plant"), "/v1/plant", "get");
  expect_described(plant.get("/v1/alarms"), "/v1/alarms", "get");
  expect_described(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})"), "/v1/alarms/{id}/acknowledge", "post");
  expect_described(plant.post("/v1/alarms/1/shelve", R"({"by":"a","duration":"1h"})"), "/v1/alarms/{id}/shelve",
                   "post");
  expect_described(plant.get("/v1/alarm-controls"), "/v1/alarm-controls", "get");
  expect_described(plant.post("/v1/alarm-controls", R"({"by":"a","kind":"out-of-service","match":"**"})"),
                   "/v1/alarm-controls", "post");
  expect_described(plant.post("/v1/alarm-controls/7/release", R"({"by":"a"})"), "/v1/alarm-controls/{id}/release",
                   "post");
  expect_described(plant.get("/v1/alarm-performance"), "/v1/alarm-performance", "get");
  const std::string model = "/v1/machines/pump-1/model";
  expect_described(plant.get("/v1/models"), "/v1/models", "get");
  expect_described(plant.get(model), "/v1/machines/{id}/model", "get");
  expect_described(plant.post(model, R"({"model":"pump-pca@1"})"), "/v1/machines/{id}/model", "post");
  expect_described(plant.post("/v1/models/pump-pca@1/deployment", R"({"mode":"shadow"})"), "/v1/models/{id}/deployment",
                   "post");
  expect_described(plant.post(model, R"({"mode":"none"})"), "/v1/machines/{id}/model", "post");
  expect_described(plant.post(model + "/rollback", "{}"), "/v1/machines/{id}/model/rollback", "post");
  plant.raise(3, alarms::State::kLatchedAcknowledged);
  expect_described(plant.post("/v1/alarms/3/reset", R"({"by":"a"})"), "/v1/alarms/{id}/reset", "post");
  expect_described(plant.get("/v1/assets"), "/v1/assets", "get");
  expect_described(plant.get("/v1/assets/versions"), "/v1/assets/versions", "get");
  expect_described(plant.get("/v1/assets/machines/pump-1"), "/v1/assets/machines/{id}", "get");
  expect_described(plant.send("DELETE", "/v1/assets/machines/pump-1", ""), "/v1/assets/machines/{id}", "delete");
  expect_described(plant.get("/healthz"), "/healthz", "get");
  expect_described(plant.get("/readyz"), "/readyz", "get");
  plant.checks[0].ok = false;
  expect_described(plant.get("/readyz"), "/readyz", "get");
}

TEST(OpenApi, ProblemsHaveTheShapesDescribed) {
  Plant plant;
  const std::string history = "/v1/machines/{id}/history";
  const std::string acknowledge = "/v1/alarms/{id}/acknowledge";
  expect_described(plant.get("/v1/plant?a=1"), "/v1/plant", "get");
  expect_described(plant.get("/v1/plant", {{"Host", "evil"}}), "/v1/plant", "get");
  expect_described(plant.get("/v1/machines/x/history?sensor=y"), history, "get");
  expect_described(plant.get("/v1/machines/pump-1/history"), history, "get");
  plant.historian.fail_with({core::ErrorCode::kIo, "disk"});
  expect_described(plant.get("/v1/machines/pump-1/history?sensor=parts"), history, "get");
  expect_described(plant.post("/v1/alarms/1/acknowledge", "{}"), acknowledge, "post");
  expect_described(plant.post("/v1/alarms/1/acknowledge", R"({"by":"a"})"), acknowledge, "post");
  expect_described(plant.post("/v1/alarms/1/acknowledge", "{}", {{"Origin", "http://evil"}}), acknowledge, "post");
  expect_described(plant.post("/v1/alarms/1/acknowledge", std::string(70'000, ' ')), acknowledge, "post");
  expect_described(ask(plant.server.port(), "POST", "/v1/alarms/1/acknowledge", {}, "{}"), acknowledge, "post");
  expect_described(plant.get("/nothing"), "/{file}", "get");
}

TEST(OpenApi, StreamEventsHaveTheShapesDescribed) {
  Options options;
  options.sse_period = 20 * core::kMillisecond;
  Plant plant(options);
  plant.raise(1);
  for (const std::string query : {"", "?machine=pump-1"}) {
    Connection stream(plant.server.port());
    stream.send(request_text(plant.server.port(), "GET", "/v1/stream" + query, {{"Last-Event-ID", "0"}}));
    stream.read_head();
    std::set<std::string> seen;
    while (seen.size() < 3 && !stream.at_end()) {
      const Event event = stream.read_event();
      const std::string schema = event.name == "readings" ? "ReadingsEvent" : event.name == "stats" ? "Stats" : "Alarm";
      if (event.name == "retry" || event.name.empty()) continue;
      seen.insert(event.name);
      EXPECT_EQ(misfit(event.json(), document()["components"]["schemas"][schema], schema), "");
    }
    EXPECT_EQ(seen.size(), 3u);
  }
}

}  // namespace
}  // namespace millwright::api::testing

#include "api/plant_routes.hpp"

#include "models/bundle.hpp"

namespace millwright::api {
namespace {

constexpr std::string_view kModelBundle = "application/vnd.millwright.model";

void add_machine_routes(Router& router, const Handlers& handlers) {
  router.add({.path = "/v1/plant", .handler = [&](const Call& call) { return handlers.plant(call.who); }});
  router.add(
      {.path = "/v1/machines", .alias = true, .parameters = {"limit", "cursor"}, .handler = [&](const Call& call) {
         return handlers.machines(call.parameters, call.who);
       }});
  router.add({.path = "/v1/machines/{id}", .alias = true, .handler = [&](const Call& call) {
                return handlers.machine(call.id(), call.who);
              }});
  router.add({.path = "/v1/machines/{id}/history",
              .alias = true,
              .parameters = {"sensor", "from", "to", "resolution", "aggregate", "limit", "cursor", "format"},
              .pace = Pace::kSlow,
              .handler = [&](const Call& call) {
                return handlers.history(call.id(), call.parameters, call.request.accept, call.who, call.stopping);
              }});
  router.add({.path = "/v1/charts",
              .parameters = {"sensors", "from", "to", "points", "method"},
              .pace = Pace::kSlow,
              .handler = [&](const Call& call) { return handlers.charts(call.parameters, call.who, call.stopping); }});
  router.add({.path = "/v1/machines/{id}/limits", .alias = true, .handler = [&](const Call& call) {
                return handlers.limits(call.id(), call.who);
              }});
  router.add({.method = Method::kPost,
              .path = "/v1/machines/{id}/limits/relearn",
              .alias = true,
              .right = Right::kEngineer,
              .handler = [&](const Call& call) { return handlers.relearn(call.id(), call.request.body, call.who); }});
}

void add_alarm_routes(Router& router, const Handlers& handlers) {
  router.add({.path = "/v1/alarms",
              .parameters = {"active", "suppressed", "machine", "limit", "cursor"},
              .handler = [&](const Call& call) { return handlers.alarms(call.parameters, call.who); }});
  router.add(
      {.method = Method::kPost,
       .path = "/v1/alarms/{id}/acknowledge",
       .right = Right::kOperate,
       .handler = [&](const Call& call) { return handlers.acknowledge(call.id(), call.request.body, call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/alarms/{id}/reset",
              .right = Right::kOperate,
              .handler = [&](const Call& call) { return handlers.reset(call.id(), call.request.body, call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/alarms/{id}/shelve",
              .right = Right::kOperate,
              .handler = [&](const Call& call) { return handlers.shelve(call.id(), call.request.body, call.who); }});
  router.add({.path = "/v1/alarm-performance",
              .parameters = {"period"},
              .whole_plant = true,
              .handler = [&](const Call& call) { return handlers.alarm_performance(call.parameters); }});
  router.add(
      {.path = "/v1/alarm-controls", .handler = [&](const Call& call) { return handlers.alarm_controls(call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/alarm-controls",
              .right = Right::kMaintain,
              .handler = [&](const Call& call) { return handlers.suppress(call.request.body, call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/alarm-controls/{id}/release",
              .right = Right::kOperate,
              .handler = [&](const Call& call) { return handlers.release(call.id(), call.request.body, call.who); }});
}

void add_model_routes(Router& router, const Handlers& handlers) {
  router.add({.path = "/v1/models", .handler = [&](const Call& call) { return handlers.models(call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/models",
              .media = kModelBundle,
              .body_bytes_max = models::kBundleBytesMax,
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .whole_plant = true,
              .handler = [&](const Call& call) { return handlers.add_model(call.request.body); }});
  router.add({.method = Method::kPost,
              .path = "/v1/models/{id}/deployment",
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .whole_plant = true,
              .handler = [&](const Call& call) { return handlers.deploy_model(call.id(), call.request.body); }});
  router.add({.path = "/v1/machines/{id}/model",
              .handler = [&](const Call& call) { return handlers.machine_model(call.id(), call.who); }});
  router.add({.method = Method::kPost,
              .path = "/v1/machines/{id}/model",
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .handler = [&](const Call& call) {
                return handlers.set_machine_model(call.id(), call.request.body, call.who);
              }});
  router.add(
      {.method = Method::kPost,
       .path = "/v1/machines/{id}/model/rollback",
       .pace = Pace::kSlow,
       .right = Right::kEngineer,
       .handler = [&](const Call& call) { return handlers.roll_back_model(call.id(), call.request.body, call.who); }});
}

void add_server_routes(Router& router, const Handlers& handlers) {
  router.add({.path = "/v1/stream", .parameters = {"machine"}, .pace = Pace::kStream});
  router.add({.path = "/v1/openapi.json", .right = Right::kPublic, .handler = [&](const Call&) {
                return handlers.open_api();
              }});
  router.add({.path = "/healthz", .right = Right::kPublic, .handler = [&](const Call&) { return handlers.health(); }});
  router.add({.path = "/readyz", .right = Right::kPublic, .handler = [&](const Call&) { return handlers.ready(); }});
  router.add({.path = "/metrics", .whole_plant = true, .handler = [&](const Call&) { return handlers.metrics(); }});
  router.add({.path = "/{file}", .pace = Pace::kFile, .right = Right::kPublic});
}

}  // namespace

void add_plant_routes(Router& router, const Handlers& handlers) {
  add_machine_routes(router, handlers);
  add_alarm_routes(router, handlers);
  add_model_routes(router, handlers);
  add_server_routes(router, handlers);
}

}  // namespace millwright::api

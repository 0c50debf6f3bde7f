#include "api/assets.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/problem.hpp"
#include "api/views.hpp"
#include "core/text.hpp"

namespace millwright::api {
namespace {

using core::ErrorCode;
using core::unexpected;
using registry::AssetDocument;
using registry::Assets;

constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::size_t kAssetBytesMax = 16 * 1024 * 1024;
constexpr std::array<std::string_view, 2> kFormats = {"json", "yaml"};
constexpr std::array<std::string_view, 2> kPutMembers = {"place", "machine"};

std::string etag_of(std::int64_t version) {
  return fmt::format("\"{}\"", version);
}

// What an edit starts from: the newest version, which must be the one that the caller has seen.
struct Edit {
  Assets assets;
  std::optional<Response> refusal;
};

class AssetRoutes {
 public:
  explicit AssetRoutes(const AssetServices& services) : services_(services) {}

  [[nodiscard]] core::Result<Response> assets(const Call& call) const {
    auto found = newest();
    if (!found) return unexpected(found.error());
    const auto format = call.parameters.choice("format", kFormats, 0);
    if (!format) return unexpected(format.error());
    const AssetDocument& document = found->document;
    Response response;
    if (*format == 1) {
      response.content_type = "application/yaml";
      response.body = document.yaml();
    } else {
      Json body = version_json(found->version, call.who);
      body["differs_from_file"] = services_.registry.differs_from_file();
      body["assets"] = Json::parse(document.text());
      response = json_response(to_text(body));
    }
    response.fields.emplace_back("ETag", etag_of(found->version.number));
    return response;
  }

  [[nodiscard]] core::Result<Response> versions(const Call& call) const {
    const auto limit = call.parameters.limit(100, registry::kVersionsKept);
    if (!limit) return unexpected(limit.error());
    const auto all = services_.registry.versions(*limit);
    if (!all) return unexpected(all.error());
    Json items = Json::array();
    for (const registry::Version& version : *all) items.push_back(version_json(version, call.who));
    return json_response(to_text({{"items", std::move(items)}}));
  }

  [[nodiscard]] core::Result<Response> machine(const Call& call) const {
    const auto found = newest();
    if (!found) return unexpected(found.error());
    const auto machine = find(*found, call);
    if (!machine) return unexpected(machine.error());
    Response response = json_response(to_text(machine_json(*found, *machine, call.who)));
    response.fields.emplace_back("ETag", etag_of(found->version.number));
    return response;
  }

  [[nodiscard]] core::Result<Response> put(const Call& call) const {
    const Json body = Json::parse(call.request.body, nullptr, false);
    if (!body.is_object() || !body.contains("place") || !body["place"].is_string() || !body.contains("machine") ||
        body.size() != kPutMembers.size()) {
      return unexpected(ErrorCode::kInvalid,
                        R"(body: must be a JSON object like {"place": "enterprise/site/area/line/cell", "machine": )"
                        R"({"name": "press-7", "type": "hydraulic-press"}})");
    }
    if (body["machine"].is_object() && body["machine"].value("name", call.id()) != call.id()) {
      return unexpected(ErrorCode::kInvalid,
                        fmt::format("body: machine.name is not '{}', as the path says", call.id()));
    }
    const auto place = body["place"].get<std::string>();
    if (!call.who.sees(place)) {
      return unexpected(ErrorCode::kNotFound, fmt::format("place: '{}' does not exist", place));
    }
    return edit(call, "put", [&](Assets& assets) -> core::Status {
      if (assets.document.find(call.id())) {
        if (auto seen = find(assets, call); !seen) return unexpected(seen.error());
      }
      Json machine = body["machine"];
      if (machine.is_object()) machine["name"] = call.id();
      return assets.document.put(place, machine);
    });
  }

  [[nodiscard]] core::Result<Response> patch(const Call& call) const {
    const Json body = Json::parse(call.request.body, nullptr, false);
    return edit(call, "changed", [&](Assets& assets) -> core::Status {
      if (auto seen = find(assets, call); !seen) return unexpected(seen.error());
      return assets.document.patch(call.id(), body);
    });
  }

  [[nodiscard]] core::Result<Response> remove(const Call& call) const {
    return edit(call, "removed", [&](Assets& assets) -> core::Status {
      if (auto seen = find(assets, call); !seen) return unexpected(seen.error());
      return assets.document.remove(call.id());
    });
  }

 private:
  [[nodiscard]] core::Result<Assets> newest() const {
    auto found = services_.registry.newest();
    if (!found) return unexpected(found.error());
    if (!*found) return unexpected(ErrorCode::kNotFound, "the registry is empty");
    return std::move(**found);
  }

  [[nodiscard]] static core::Result<AssetDocument::Machine> find(const Assets& assets, const Call& call) {
    const auto machine = assets.document.find(call.id());
    if (machine && call.who.sees(machine->path())) return *machine;
    return unexpected(ErrorCode::kNotFound,
                      fmt::format("machine '{}' does not exist; GET /v1/assets shows those that do", call.id()));
  }

  // What was changed, and by whom, may be of a machine that the caller does not see.
  [[nodiscard]] Json version_json(const registry::Version& version, const Identity& who) const {
    const bool whole = who.sees_all();
    return {{"version", version.number},
            {"time", core::format_time(version.time)},
            {"who", whole ? version.who : std::string()},
            {"what", whole ? version.what : std::string()},
            {"running", version.number == services_.running}};
  }

  [[nodiscard]] Json machine_json(const Assets& assets, const AssetDocument::Machine& machine,
                                  const Identity& who) const {
    Json out = version_json(assets.version, who);
    out["place"] = machine.place;
    out["machine"] = machine.json;
    return out;
  }

  // Nothing is kept of what no plant could be made of.
  template <typename Work>
  core::Result<Response> edit(const Call& call, std::string_view verb, const Work& work) const {
    auto assets = newest();
    if (!assets) return unexpected(assets.error());
    const std::string& wanted = call.request.if_match;
    if (!wanted.empty() && wanted != "*" && wanted != etag_of(assets->version.number)) {
      return problem(412,
                     fmt::format("the assets are at version {}, If-Match asks for {}; read them again and repeat it",
                                 assets->version.number, wanted),
                     call.request.path);
    }
    if (auto done = work(*assets); !done) return unexpected(done.error());
    if (auto right = services_.check(assets->document.text()); !right) return unexpected(right.error());
    const auto version = services_.registry.commit(
        assets->document,
        {.base = assets->version.number, .who = call.who.name, .what = fmt::format("{} {}", call.id(), verb)},
        services_.clock.now());
    if (!version) return unexpected(version.error());
    if (services_.reload) services_.reload();
    Response response = json_response(to_text(version_json(*version, call.who)));
    response.fields.emplace_back("ETag", etag_of(version->number));
    return response;
  }

  const AssetServices& services_;
};

}  // namespace

void add_asset_routes(Router& router, const AssetServices& services) {
  const auto routes = std::make_shared<const AssetRoutes>(services);
  router.add({.path = "/v1/assets",
              .parameters = {"format"},
              .pace = Pace::kSlow,
              .whole_plant = true,
              .handler = [routes](const Call& call) { return routes->assets(call); }});
  router.add({.path = "/v1/assets/versions",
              .parameters = {"limit"},
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .whole_plant = true,
              .handler = [routes](const Call& call) { return routes->versions(call); }});
  router.add({.path = "/v1/assets/machines/{id}", .pace = Pace::kSlow, .handler = [routes](const Call& call) {
                return routes->machine(call);
              }});
  router.add({.method = Method::kPut,
              .path = "/v1/assets/machines/{id}",
              .body_bytes_max = kAssetBytesMax,
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .handler = [routes](const Call& call) { return routes->put(call); }});
  router.add({.method = Method::kPatch,
              .path = "/v1/assets/machines/{id}",
              .media = kMergePatch,
              .body_bytes_max = kAssetBytesMax,
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .handler = [routes](const Call& call) { return routes->patch(call); }});
  router.add({.method = Method::kDelete,
              .path = "/v1/assets/machines/{id}",
              .pace = Pace::kSlow,
              .right = Right::kEngineer,
              .handler = [routes](const Call& call) { return routes->remove(call); }});
}

}  // namespace millwright::api

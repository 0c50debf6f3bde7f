// check-config and version, and what the commands share.

#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "plant_config.hpp"

namespace millwright::app {
namespace {

int check_config(const std::string& file, bool json) {
  PlantConfig config;
  const auto problems = read_plant_config(file, config);
  if (!problems) {
    if (json) {
      fmt::print("{}\n",
                 nlohmann::json{{"ok", false}, {"problems", {{{"message", problems.error().message}}}}}.dump(2));
    }
    return json ? kUsage : fail(problems.error());
  }
  if (json) {
    auto list = nlohmann::json::array();
    for (const config::Problem& problem : *problems) {
      list.push_back({{"file", problem.place.file},
                      {"line", problem.place.line},
                      {"column", problem.place.column},
                      {"key", problem.key},
                      {"message", problem.message}});
    }
    fmt::print("{}\n", nlohmann::json{{"ok", problems->empty()}, {"problems", list}}.dump(2));
    return problems->empty() ? kDone : kUsage;
  }
  for (const config::Problem& problem : *problems) fmt::print(stderr, "{}\n", config::to_string(problem));
  if (!problems->empty()) {
    fmt::print(stderr, "{}: {} problem{}\n", file, problems->size(), problems->size() == 1 ? "" : "s");
    return kUsage;
  }
  fmt::print("{}: ok: {} machines, {} sensors, {} connectors\n", file, config.model->machines().size(),
             config.model->sensors().size(), config.connectors.size());
  return kDone;
}

}  // namespace

void add_check_config(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("check-config", "read a plant file and say all that is wrong with it");
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  sub->add_option("file", *file, "the plant's YAML file")->required();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return check_config(*file, *json); }); });
}

void add_version(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("version", "print the version");
  sub->callback([=] {
    set([] {
      fmt::print("millwright {}\n", kVersion);
      return kDone;
    });
  });
}

int fail(const core::Error& error) {
  fmt::print(stderr, "millwright: {}\n", error.message);
  switch (error.code) {
    case core::ErrorCode::kInvalid:
      return kUsage;
    case core::ErrorCode::kNotFound:
    case core::ErrorCode::kConflict:
    case core::ErrorCode::kUnavailable:
      return kMissing;
    default:
      return kFailed;
  }
}

}  // namespace millwright::app

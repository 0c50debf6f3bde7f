// doctor: what works of a plant's file, what does not, and what to do.

#include "cmd_doctor.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "doctor.hpp"

namespace millwright::app {
namespace {

void print(const std::vector<Finding>& findings) {
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.what.size());
  for (const Finding& finding : findings) {
    fmt::print("{:<8} {:<{}}  {}\n", to_string(finding.state), finding.what, width, finding.detail);
    if (!finding.advice.empty()) fmt::print("{:<8} {:<{}}  -> {}\n", "", "", width, finding.advice);
  }
}

int doctor(const std::string& file, bool json) {
  PlantConfig config;
  if (auto loaded = look_at_plant_config(file, config); !loaded) return fail(loaded.error());
  // Its findings say what others would log.
  core::set_up_logs(core::LogFormat::kText, spdlog::level::off);
  const std::vector<Finding> findings = examine(config);
  const auto bad = std::count_if(findings.begin(), findings.end(),
                                 [](const Finding& finding) { return finding.state == Finding::State::kBad; });
  if (json) {
    auto list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"what", finding.what},
                      {"state", to_string(finding.state)},
                      {"detail", finding.detail},
                      {"advice", finding.advice}});
    }
    fmt::print("{}\n", nlohmann::ordered_json{{"ok", bad == 0}, {"findings", list}}.dump(2));
  } else {
    print(findings);
  }
  return bad == 0 ? kDone : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, const SetCommand& set) {
  auto* sub = app.add_subcommand("doctor",
                                 "try all that a plant file names: folders, clock, ports, machines, outputs, services");
  auto file = std::make_shared<std::string>("plant.yaml");
  auto json = std::make_shared<bool>(false);
  sub->add_option("file", *file, "the plant's YAML file")->capture_default_str();
  sub->add_flag("--json", *json, "answer as JSON");
  sub->callback([=] { set([=] { return doctor(*file, *json); }); });
}

}  // namespace millwright::app

// model list, deploy, rollback, status: the models of a running plant, over its REST interface.

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cmd_model.hpp"
#include "http/url.hpp"
#include "http_get.hpp"

namespace millwright::app {
namespace {

constexpr const char* kBundleMedia = "application/vnd.millwright.model";

struct PlantArguments {
  std::string url = "http://127.0.0.1:8080";
  std::string model;
  std::string machine;
  bool all = false;
  std::string mode = "active";
  bool json = false;
};

using Json = nlohmann::json;

core::Result<Json> post(const std::string& url, const Json& json) {
  const PostBody body{"application/json", json.dump()};
  return ask_plant(url, &body);
}

std::string word_of(const Json& seat) {
  if (seat.is_null()) return "none";
  const auto problem = seat.at("problem").get<std::string>();
  if (!problem.empty()) return seat.at("model").get<std::string>() + ", which does not judge: " + problem;
  const Json& score = seat.at("score");
  return fmt::format("{}, {} rows, {} with an alarm, score {:.3g}{}", seat.at("model").get<std::string>(),
                     seat.at("rows").get<std::uint64_t>(), seat.at("alarm_rows").get<std::uint64_t>(),
                     score.is_null() ? 0.0 : score.get<double>(), seat.at("in_alarm").get<bool>() ? ", in alarm" : "");
}

void print_machine(const Json& machine) {
  fmt::print("{}: {}\n", machine.at("machine").get<std::string>(), word_of(machine.at("active")));
  if (!machine.at("previous").is_null()) fmt::print("  previous {}\n", machine.at("previous").get<std::string>());
  if (machine.at("shadow").is_null()) return;
  const Json& d = machine.at("disagreement");
  fmt::print("  shadow {}\n  of {} rows that both judged {} differ ({:.3g} %)\n", word_of(machine.at("shadow")),
             d.at("rows").get<std::uint64_t>(), d.at("different").get<std::uint64_t>(),
             100 * d.at("share").get<double>());
}

int print(const core::Result<Json>& answer, bool as_json) {
  if (!answer) return fail(answer.error());
  if (as_json) {
    fmt::print("{}\n", answer->dump(2));
  } else if (answer->contains("items")) {
    for (const Json& machine : answer->at("items")) print_machine(machine);
  } else {
    print_machine(*answer);
  }
  return kDone;
}

int list(const PlantArguments& a) {
  const auto models = ask_plant(a.url + "/v1/models");
  if (!models) return fail(models.error());
  if (a.json) {
    fmt::print("{}\n", models->dump(2));
    return kDone;
  }
  for (const Json& one : models->at("items")) {
    const auto problem = one.at("problem").get<std::string>();
    fmt::print("{:<32} {:<11} {:<20} active on {}, shadow on {}{}\n", one.at("id").get<std::string>(),
               one.at("kind").get<std::string>(), one.at("machine_type").get<std::string>(), one.at("active_on").size(),
               one.at("shadow_on").size(), problem.empty() ? "" : "; cannot be used: " + problem);
  }
  return kDone;
}

// The id of a model that the plant has, or that it is given now.
core::Result<std::string> model_id(const PlantArguments& a) {
  if (a.model.find('@') != std::string::npos && a.model.find('/') == std::string::npos &&
      !a.model.ends_with(".mwmodel")) {
    return a.model;
  }
  auto file = read_text_file(a.model);
  if (!file) return core::unexpected(file.error());
  const PostBody body{kBundleMedia, std::move(*file)};
  const auto added = ask_plant(a.url + "/v1/models", &body);
  if (!added) return core::unexpected(added.error().within(a.model));
  return added->at("id").get<std::string>();
}

int deploy(const PlantArguments& a) {
  const auto id = a.mode == "none" ? core::Result<std::string>("") : model_id(a);
  if (!id) return fail(id.error());
  if (a.all)
    return print(post(fmt::format("{}/v1/models/{}/deployment", a.url, http::percent_encode(*id)), {{"mode", a.mode}}),
                 a.json);
  return print(post(fmt::format("{}/v1/machines/{}/model", a.url, http::percent_encode(a.machine)),
                    {{"model", *id}, {"mode", a.mode}}),
               a.json);
}

CLI::App* add(CLI::App& model, const char* name, const char* what, PlantArguments& a) {
  auto* sub = model.add_subcommand(name, what);
  sub->add_option("--url", a.url, "of the plant")->capture_default_str();
  sub->add_flag("--json", a.json, "answer as JSON");
  return sub;
}

}  // namespace

void add_model_plant(CLI::App& model, const SetCommand& set) {
  auto a = std::make_shared<PlantArguments>();
  auto* all = add(model, "list", "the models that a plant has, and where they are", *a);
  all->callback([=] { set([=] { return list(*a); }); });

  auto* put = add(model, "deploy", "give a plant a model, and put it on machines", *a);
  put->add_option("model", a->model, "a bundle's file, or the id of a model that the plant has: pump-pca@1.0.0");
  auto* machine = put->add_option("--machine", a->machine, "name of the machine");
  put->add_flag("--all", a->all, "or: all machines of the model's type, or none where one refuses")->excludes(machine);
  put->add_option("--mode", a->mode, "active; shadow: scores beside, never alarms; none: nothing judges the machine")
      ->check(CLI::IsMember({"active", "shadow", "none"}))
      ->capture_default_str();
  put->callback([=] {
    if (a->machine.empty() != a->all) throw CLI::RequiredError("--machine or --all");
    if (a->model.empty() && a->mode != "none") throw CLI::RequiredError("model");
    set([=] { return deploy(*a); });
  });

  auto* back = add(model, "rollback", "put a machine's previous model back", *a);
  back->add_option("machine", a->machine, "name of the machine")->required();
  back->callback([=] {
    set([=] {
      return print(post(fmt::format("{}/v1/machines/{}/model/rollback", a->url, http::percent_encode(a->machine)),
                        Json::object()),
                   a->json);
    });
  });

  auto* status = add(model, "status", "what judges a machine, and how its shadow differs", *a);
  status->add_option("machine", a->machine, "name of the machine")->required();
  status->callback([=] {
    set([=] {
      return print(ask_plant(fmt::format("{}/v1/machines/{}/model", a->url, http::percent_encode(a->machine))),
                   a->json);
    });
  });
}

}  // namespace millwright::app

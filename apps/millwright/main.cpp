// The one binary: reads the command line, sets the logs up, runs the sub-command.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "cmd_doctor.hpp"
#include "commands.hpp"
#include "core/log.hpp"
#include "http_get.hpp"

namespace {

using namespace millwright;

int run(int argc, char** argv) {
  CLI::App app{"Millwright: connects every machine in a factory, keeps every reading, notices trouble in milliseconds"};
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("Start with `millwright demo`. Every command has --help.");
  std::string log_level = "info";
  std::string log_format = "text";
  app.add_option("--log-level", log_level, "how much is logged to standard error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", log_format, "text for people, json for machines")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();

  app::PlantTrust trust;
  app.add_option("--token-file", trust.token_file, "an API token, for commands that ask a running plant by --url");
  app.add_option("--ca-file", trust.ca_file, "whom to trust for its TLS (PEM), such as the plant's own ca.crt");

  app::Command command;
  const auto set = [&command](app::Command chosen) { command = std::move(chosen); };
  app::add_run(app, set);
  app::add_demo(app, set);
  app::add_simulate(app, set);
  app::add_check_config(app, set);
  app::add_doctor(app, set);
  app::add_bench(app, set);
  app::add_backtest(app, set);
  app::add_model(app, set);
  app::add_rul(app, set);
  app::add_backup(app, set);
  app::add_history(app, set);
  app::add_assets(app, set);
  app::add_opcua(app, set);
  app::add_user_command(app, set);
  app::add_token_command(app, set);
  app::add_audit(app, set);
  app::add_cert(app, set);
  app::add_version(app, set);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? app::kDone : app::kUsage;
  }
  core::set_up_logs(log_format == "json" ? core::LogFormat::kJson : core::LogFormat::kText,
                    spdlog::level::from_str(log_level));
  if (auto used = app::use_plant_trust(trust); !used) return app::fail(used.error());
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "millwright: %s\n", error.what());
    return app::kFailed;
  }
}

// The sub-commands of the one binary. Each adds itself to the command line and sets what to run.
//
// Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration, 3 something it needs is not there (a
// port, a folder, a peer).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/result.hpp"

namespace CLI {
class App;
}

namespace millwright::app {

enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2, kMissing = 3 };

using Command = std::function<int()>;
using SetCommand = std::function<void(Command)>;

void add_run(CLI::App& app, const SetCommand& set);
void add_demo(CLI::App& app, const SetCommand& set);
void add_simulate(CLI::App& app, const SetCommand& set);
void add_check_config(CLI::App& app, const SetCommand& set);
void add_bench(CLI::App& app, const SetCommand& set);
void add_bench_parts(CLI::App& bench, const SetCommand& set);  // its `signal` and `feed`
void add_bench_plant(CLI::App& bench, const SetCommand& set);
void add_bench_models(CLI::App& bench, const SetCommand& set);
void add_bench_forward(CLI::App& bench, const SetCommand& set);
void add_bench_opcua(CLI::App& bench, const SetCommand& set);
void add_backtest(CLI::App& app, const SetCommand& set);
void add_model(CLI::App& app, const SetCommand& set);
void add_rul(CLI::App& app, const SetCommand& set);
void add_backup(CLI::App& app, const SetCommand& set);
void add_assets(CLI::App& app, const SetCommand& set);
void add_opcua(CLI::App& app, const SetCommand& set);
void add_history(CLI::App& app, const SetCommand& set);
void add_user_command(CLI::App& app, const SetCommand& set);
void add_token_command(CLI::App& app, const SetCommand& set);
void add_audit(CLI::App& app, const SetCommand& set);
void add_cert(CLI::App& app, const SetCommand& set);
void add_version(CLI::App& app, const SetCommand& set);

// Prints the error as a person reads it and gives the exit code that fits.
int fail(const core::Error& error);

inline constexpr const char* kVersion = MILLWRIGHT_VERSION;

}  // namespace millwright::app

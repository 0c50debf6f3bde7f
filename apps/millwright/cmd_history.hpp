// What the commands of `millwright history` share: which sensors and times, where the history is, how it is printed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands.hpp"
#include "history/row_writer.hpp"
#include "history/source.hpp"
#include "history_plant.hpp"

namespace millwright::app {

struct HistoryOptions {
  std::string config = "plant.yaml";
  std::string url;  // of a running plant, instead
  std::vector<std::string> sensors;
  std::string from;
  std::string to;
  std::string resolution = "raw";
  std::string format;
  std::string out = "-";
};

// --config and --url.
void add_place_options(CLI::App& sub, const std::shared_ptr<HistoryOptions>& options);
// --from and --to.
void add_time_options(CLI::App& sub, const std::shared_ptr<HistoryOptions>& options);
// The readings that the options name. SIGINT ends what reads them, in order.
core::Result<history::Selection> select(const HistoryOptions& options, const HistoryPlant& plant);
history::TextFormat text_format(const std::string& name);  // table, csv, json, influx

void add_history_import(CLI::App& history, const SetCommand& set);
void add_history_inspect(CLI::App& history, const SetCommand& set);
void add_history_sql(CLI::App& history, const SetCommand& set);

}  // namespace millwright::app

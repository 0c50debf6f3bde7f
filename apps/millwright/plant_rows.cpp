#include "plant_rows.hpp"

#include <tuple>

#include "api/parameters.hpp"
#include "history_plant.hpp"

namespace millwright::app {

void add_plant_rows(CLI::App& sub, PlantRows& rows, CLI::Option* data) {
  auto* history =
      sub.add_option("--history", rows.history, "or a plant's history: http://HOST:PORT while it runs, else its file");
  history->excludes(data);
  auto* machine = sub.add_option("--machine", rows.machine, "whose history: its name or path")->needs(history);
  history->needs(machine);
  sub.add_option("--from", rows.from, "first time, such as 2026-11-21T08:00:00Z or -24h")->needs(history);
  sub.add_option("--to", rows.to, "end of the time")->needs(history);
}

core::Result<training::TrainingData> read_plant_rows(const PlantRows& rows, const training::Choice& choice) {
  const bool remote = rows.history.starts_with("http://") || rows.history.starts_with("https://");
  auto plant = HistoryPlant::open(remote ? "" : rows.history, remote ? rows.history : "");
  if (!plant) return core::unexpected(plant.error());
  historian::Range range{history::kEarliest, history::kLatest};
  for (const auto& [name, text, into] :
       {std::tuple("--from", &rows.from, &range.from), std::tuple("--to", &rows.to, &range.to)}) {
    if (text->empty()) continue;
    const auto moment = api::parse_moment(*text, (*plant)->clock().now());
    if (!moment) return core::unexpected(moment.error().within(name));
    *into = *moment;
  }
  return training::read_history((*plant)->source(), rows.machine, range, choice);
}

}  // namespace millwright::app

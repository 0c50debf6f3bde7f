#include "history_plant.hpp"

#include <fmt/format.h>

#include "history/importer.hpp"
#include "history_remote.hpp"

namespace millwright::app {

core::Result<std::unique_ptr<HistoryPlant>> HistoryPlant::open(const std::string& file, const std::string& url) {
  std::unique_ptr<HistoryPlant> plant(new HistoryPlant);
  if (!url.empty()) {
    auto remote = open_remote(url);
    if (!remote) return core::unexpected(remote.error());
    plant->source_ = std::move(*remote);
    return plant;
  }
  if (auto opened = plant->open_engine(file, false); !opened) return core::unexpected(opened.error());
  return plant;
}

core::Result<std::unique_ptr<HistoryPlant>> HistoryPlant::open_for_import(const std::string& file) {
  std::unique_ptr<HistoryPlant> plant(new HistoryPlant);
  if (auto opened = plant->open_engine(file, true); !opened) return core::unexpected(opened.error());
  plant->engine_->start();
  return plant;
}

core::Status HistoryPlant::open_engine(const std::string& file, bool import) {
  if (auto loaded = load_plant_config(file, config_); !loaded) return loaded;
  engine::EngineOptions options = config_.engine;
  if (import) {
    import_model_ = std::make_unique<asset::Model>(history::import_model(*config_.model));
    options.detection.rules = {{.enabled = false}};
  }
  auto engine = engine::Engine::open(import ? *import_model_ : *config_.model, clock_, files_, std::move(options));
  if (!engine) {
    if (engine.error().code != core::ErrorCode::kConflict) return core::unexpected(engine.error());
    const std::string advice =
        import ? "; readings are imported while the plant is stopped"
               : fmt::format("; or let it answer itself: --url http://{}:{}", config_.api.host, config_.api.port);
    return core::unexpected(core::ErrorCode::kConflict, engine.error().message + advice);
  }
  engine_ = std::move(*engine);
  source_ = std::make_unique<history::HistorianSource>(*config_.model, engine_->history());
  return {};
}

}  // namespace millwright::app

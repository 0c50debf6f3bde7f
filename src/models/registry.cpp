#include "models/registry.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/text.hpp"

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::Result;
using core::unexpected;

constexpr std::string_view kEnding = ".mwmodel";

// Each place of a deployment and its name in the file.
constexpr std::array<std::pair<const char*, ModelReference Deployment::*>, 3> kPlaces = {
    {{"active", &Deployment::active}, {"previous", &Deployment::previous}, {"shadow", &Deployment::shadow}}};

// Ids come from outside and are part of a path.
bool is_id(std::string_view id) {
  const auto at = id.find('@');
  return at != std::string_view::npos && core::is_asset_name(id.substr(0, at)) && is_version(id.substr(at + 1));
}

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Deployments parse_deployments(std::string_view text) {
  Deployments out;
  const auto json = nlohmann::json::parse(text);
  for (const auto& [machine, row] : json.at("machines").items()) {
    for (const auto& [name, place] : kPlaces) {
      if (!row.contains(name)) continue;
      out[machine].*place = {row.at(name).at("model").get<std::string>(), row.at(name).at("sha256").get<std::string>()};
    }
  }
  return out;
}

std::string to_text(const Deployments& deployments) {
  nlohmann::json machines = nlohmann::json::object();
  for (const auto& [machine, deployment] : deployments) {
    for (const auto& [name, place] : kPlaces) {
      const ModelReference& reference = deployment.*place;
      if (!reference.id.empty()) machines[machine][name] = {{"model", reference.id}, {"sha256", reference.sha256}};
    }
  }
  return nlohmann::json{{"version", 1}, {"machines", machines}}.dump(1) + "\n";
}

}  // namespace

Result<Registry> Registry::open(io::FileSystem& files, std::string directory, Trust trust) {
  Registry out(files, std::move(directory), std::move(trust));
  if (auto made = files.make_directories(out.directory_ + "/bundles"); !made) return unexpected(made.error());
  if (auto read = out.read_deployments(); !read) return unexpected(read.error());
  return out;
}

core::Status Registry::read_deployments() {
  const std::string path = directory_ + "/deployments.json";
  if (!files_->exists(path)) return {};
  const auto bytes = io::read_file(*files_, path);
  if (!bytes) return unexpected(bytes.error());
  try {
    deployments_ = parse_deployments(text_of(*bytes));
  } catch (const nlohmann::json::exception& error) {
    const auto moved = files_->rename(path, path + ".bad");
    core::logger("models")->error("no model is active: {} is damaged ({}){}", path, error.what(),
                                  moved ? "; kept as " + path + ".bad" : "");
  }
  return {};
}

std::string Registry::path_of(std::string_view id) const {
  return fmt::format("{}/bundles/{}{}", directory_, id, kEnding);
}

Result<Registry::ModelPointer> Registry::add(std::string_view file) {
  auto model = LoadedModel::load(file, trust_);
  if (!model) return model;
  const std::string path = path_of((*model)->bundle().id());
  if (files_->exists(path)) {
    const auto there = io::read_file(*files_, path);
    if (!there) return unexpected(there.error());
    if (text_of(*there) == file) return model;
    return unexpected(ErrorCode::kConflict,
                      fmt::format("{} is there with another content; a bundle is never changed: give this one another "
                                  "version",
                                  (*model)->bundle().id()));
  }
  if (auto written = io::write_file_atomically(*files_, path, file); !written) return unexpected(written.error());
  return model;
}

Result<Registry::ModelPointer> Registry::load(std::string_view id) const {
  if (!is_id(id) || !files_->exists(path_of(id))) {
    const std::vector<std::string> known = list();
    const std::vector<std::string_view> names(known.begin(), known.end());
    return unexpected(ErrorCode::kNotFound,
                      fmt::format("model '{}' does not exist{}; GET /v1/models lists those that do", id,
                                  core::did_you_mean(id, names)));
  }
  const auto bytes = io::read_file(*files_, path_of(id));
  if (!bytes) return unexpected(bytes.error());
  auto model = LoadedModel::load(text_of(*bytes), trust_);
  if (model && (*model)->bundle().id() != id) {
    return unexpected(ErrorCode::kInvalid, fmt::format("{}: holds {}", path_of(id), (*model)->bundle().id()));
  }
  return model;
}

std::vector<std::string> Registry::list() const {
  std::vector<std::string> out;
  const auto names = files_->list(directory_ + "/bundles");
  if (!names) return out;
  for (const std::string& name : *names) {
    if (!name.ends_with(kEnding)) continue;
    std::string id = name.substr(0, name.size() - kEnding.size());
    if (is_id(id)) out.push_back(std::move(id));
  }
  std::sort(out.begin(), out.end());
  return out;
}

core::Status Registry::save(Deployments deployments) {
  if (auto written = io::write_file_atomically(*files_, directory_ + "/deployments.json", to_text(deployments));
      !written) {
    return written;
  }
  deployments_ = std::move(deployments);
  return {};
}

}  // namespace millwright::models

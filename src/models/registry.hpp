// Registry: the bundles that a plant has been given, and which machine each is put on, on disk:
//
//   bundles/<name>@<version>.mwmodel   as they came, never changed
//   deployments.json                   of each machine the active, the previous and the shadow model
//
// Both are written as a whole and renamed into place, a bundle before it is named in the other file: a crash at any
// point leaves the old state or the new one.
//
// Threads: one at a time. Errors: the disk's; kConflict for another content under the same name and version; kCorrupt
// where deployments.json cannot be read: it is put aside as .bad, and no model is active.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "io/file_system.hpp"
#include "models/loaded_model.hpp"

namespace millwright::models {

// A model by id, and which content it had, so that another file in its place is noticed. Both "" where there is none.
struct ModelReference {
  std::string id;
  std::string sha256;
  bool operator==(const ModelReference&) const = default;
};

struct Deployment {
  ModelReference active;
  ModelReference previous;
  ModelReference shadow;
  bool operator==(const Deployment&) const = default;
};

using Deployments = std::map<std::string, Deployment>;  // by the machine's path

class Registry {
 public:
  // Makes the folder where there is none.
  static core::Result<Registry> open(io::FileSystem& files, std::string directory, Trust trust);

  using ModelPointer = std::shared_ptr<const LoadedModel>;
  core::Result<ModelPointer> add(std::string_view file);
  // Reads and checks it again.
  [[nodiscard]] core::Result<ModelPointer> load(std::string_view id) const;
  [[nodiscard]] std::vector<std::string> list() const;  // ids, sorted

  [[nodiscard]] const Deployments& deployments() const { return deployments_; }
  core::Status save(Deployments deployments);

 private:
  Registry(io::FileSystem& files, std::string directory, Trust trust)
      : files_(&files), directory_(std::move(directory)), trust_(std::move(trust)) {}
  [[nodiscard]] std::string path_of(std::string_view id) const;
  core::Status read_deployments();

  io::FileSystem* files_;
  std::string directory_;
  Trust trust_;
  Deployments deployments_;
};

}  // namespace millwright::models

// LoadedModel: a bundle that has passed every check and is ready to judge: sealed by somebody trusted, readable, and
// giving the scores that its test rows must give. Shared by all machines that it judges.
//
// Threads: immutable. Errors: kInvalid with the first check that failed; kUnsupported where its kind's library is
// missing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "models/bundle.hpp"
#include "models/seal.hpp"

namespace millwright::models {

class LoadedModel {
 public:
  static core::Result<std::shared_ptr<const LoadedModel>> load(std::string_view file, const Trust& trust);

  // Without what the detector has learnt, which is in the detector.
  [[nodiscard]] const Bundle& bundle() const { return bundle_; }
  [[nodiscard]] const std::string& sha256() const { return seal_.sha256; }
  [[nodiscard]] const std::string& key() const { return seal_.key; }  // id of who signed it; "": nobody
  // For one machine, started.
  [[nodiscard]] std::unique_ptr<detection::Detector> detector() const { return prototype_->copy(); }

 private:
  LoadedModel() = default;
  Bundle bundle_;
  Seal seal_;
  std::unique_ptr<const detection::Detector> prototype_;
};

}  // namespace millwright::models

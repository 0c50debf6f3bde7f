// Requests to a plant's API, and its answers as JSON.
//
// Errors: an answer that is a problem is an error with its detail.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::app {

// How this process shows who it is, and whom it trusts: for all of the requests below. Once, at its start.
struct PlantTrust {
  std::string token_file;  // "": nobody
  std::string ca_file;     // "": the system's
};
core::Status use_plant_trust(const PlantTrust& trust);

core::Result<std::string> get_text(const std::string& url, core::DurationNs timeout);
core::Result<nlohmann::json> get_json(const std::string& url, core::DurationNs timeout);

// A GET, or a POST of `body`, and its answer, which is an object.
struct PostBody {
  std::string media;
  std::string text;
};
core::Result<nlohmann::json> ask_plant(const std::string& url, const PostBody* body = nullptr);

}  // namespace millwright::app

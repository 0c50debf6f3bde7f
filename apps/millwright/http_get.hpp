// Requests to a server on this machine, by libcurl.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "core/result.hpp"
#include "core/time.hpp"

namespace millwright::app {

core::Result<std::string> get_text(const std::string& url, core::DurationNs timeout);
core::Result<nlohmann::json> get_json(const std::string& url, core::DurationNs timeout);

// A GET, or a POST of `body`, to a plant's API, and its JSON. An answer that is a problem is an error with its detail.
struct PostBody {
  std::string media;
  std::string text;
};
core::Result<nlohmann::json> ask_plant(const std::string& url, const PostBody* body = nullptr);

// As part of a URL: everything but letters, digits and "-._~" as %XX.
std::string url_text(const std::string& text);

}  // namespace millwright::app

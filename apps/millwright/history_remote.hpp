// RemoteSource: the history of a running plant, over its REST interface (docs/api.md): the model from its machines,
// rows as CSV, which has words for NaN and infinity.
//
// Threads: any. Errors: kUnavailable with the address; kCorrupt where the answer is not what the API promises.
#pragma once

#include <memory>
#include <string>

#include "core/result.hpp"
#include "history/source.hpp"

namespace millwright::app {

// `url` as in "http://127.0.0.1:8080".
core::Result<std::unique_ptr<history::Source>> open_remote(const std::string& url);

}  // namespace millwright::app

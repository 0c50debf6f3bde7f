// The report of a training: one HTML page with its pictures inside (SVG), to be read, kept and sent on.
//
// Threads: a pure function. Errors: none. Limits: lines have some hundred points, each the highest of its rows.
#pragma once

#include <string>

#include "models/bundle.hpp"
#include "training/training_data.hpp"

namespace millwright::training {

std::string html_report(const models::Bundle& bundle, const TrainingData& data);

}  // namespace millwright::training

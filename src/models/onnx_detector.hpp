// A network that was trained elsewhere, in the ONNX format, as a detector. It takes one tensor of floats, a row: [n] or
// [rows, n]. Its last output that is a tensor of floats is what counts: one value, the more the worse; or two, the
// probabilities of normal and of fault, as classifiers give them. The library is loaded when first needed.
//
// Threads: functions from any; a detector has one owner. Units: the network's.
// Contributions: what of the score goes away when a sensor is as it was lately while nothing alarmed.
// Errors: kUnsupported where the library is not installed; kInvalid with the library's words, or with what does not
// fit. Source: ONNX (onnx.ai) for the format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "detection/detector.hpp"

namespace millwright::models {

// A file's bytes as a bundle has them: base64 (RFC 4648, section 4).
std::string onnx_text(std::string_view file);

// Of a bundle's text. Alarms where what the network gives is above `limit`.
core::Result<std::unique_ptr<detection::Detector>> make_onnx_detector(const std::vector<std::string>& sensors,
                                                                      std::string_view text, double limit);

}  // namespace millwright::models

#include "models/onnx_library.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millwright::models {
namespace {

using core::ErrorCode;
using core::unexpected;

constexpr std::uint32_t kVersion = 14;
constexpr int kErrorsOnly = 3;

// What the library gives by name; all else stands in the table of a version.
struct ApiBase {
  const void* (*api)(std::uint32_t version);
  const char* (*version)();
};

std::vector<std::string> places() {
  if (const char* chosen = std::getenv("ONNXRUNTIME_LIBRARY"); chosen != nullptr) return {chosen};
  return {"libonnxruntime.so.1", "libonnxruntime.so"};
}

core::Result<const ApiBase*> open_base() {
  const std::vector<std::string> searched = places();
  void* library = nullptr;  // stays for the life of the process
  std::string why;
  for (const std::string& place : searched) {
    if ((library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) != nullptr) break;
    why = ::dlerror();
  }
  if (library == nullptr) {
    return unexpected(
        ErrorCode::kUnsupported,
        fmt::format("kind 'onnx' needs ONNX Runtime's library, looked for as {} ({}); install it, or name it in "
                    "ONNXRUNTIME_LIBRARY, such as .../onnxruntime/capi/libonnxruntime.so.1.20.0 of its Python package",
                    fmt::join(searched, ", "), why));
  }
  const auto base = reinterpret_cast<const ApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  if (base == nullptr) return unexpected(ErrorCode::kUnsupported, "ONNX Runtime's library has no OrtGetApiBase");
  return base();
}

core::Result<OnnxLibrary> load() {
  const auto base = open_base();
  if (!base) return unexpected(base.error());
  const auto* table = static_cast<void* const*>((*base)->api(kVersion));
  if (table == nullptr) {
    return unexpected(ErrorCode::kUnsupported,
                      fmt::format("ONNX Runtime is {}; 1.{} or later is needed", (*base)->version(), kVersion));
  }
  OnnxLibrary out;
  const auto find = [&](std::size_t place, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(table[place]);
  };
  find(2, out.error_message);
  find(3, out.create_environment);
  find(8, out.create_session);
  find(9, out.run);
  find(10, out.create_options);
  find(24, out.set_threads_within);
  find(25, out.set_threads_between);
  find(30, out.input_count);
  find(31, out.output_count);
  find(33, out.input_type);
  find(34, out.output_type);
  find(36, out.input_name);
  find(37, out.output_name);
  find(49, out.create_tensor);
  find(51, out.tensor_data);
  find(55, out.tensor_of_type);
  find(60, out.element_type);
  find(61, out.dimensions_count);
  find(62, out.dimensions);
  find(64, out.element_count);
  find(65, out.shape_of);
  find(69, out.create_cpu_memory);
  find(76, out.free);
  find(78, out.default_allocator);
  find(93, out.release_status);
  find(94, out.release_memory);
  find(95, out.release_session);
  find(96, out.release_value);
  find(98, out.release_type);
  find(99, out.release_shape);
  find(100, out.release_options);
  if (auto made = out.done(out.create_environment(kErrorsOnly, "millwright", &out.environment)); !made) {
    return unexpected(made.error());
  }
  if (auto found = out.done(out.default_allocator(&out.allocator)); !found) return unexpected(found.error());
  return out;
}

}  // namespace

core::Result<const OnnxLibrary*> OnnxLibrary::get() {
  static const core::Result<OnnxLibrary> library = load();
  if (!library) return unexpected(library.error());
  return &*library;
}

core::Status OnnxLibrary::done(Status status) const {
  if (status == nullptr) return {};
  const std::string message = error_message(status);
  release_status(status);
  return unexpected(ErrorCode::kInvalid, "ONNX Runtime: " + message);
}

}  // namespace millwright::models

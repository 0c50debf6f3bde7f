#include "models/xgboost_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace millwright::models {
namespace {

constexpr const char* kName = "libxgboost.so.0";

core::Result<XgboostLibrary> load() {
  void* library = dlopen(kName, RTLD_NOW | RTLD_LOCAL);  // stays for the life of the process
  if (library == nullptr) {
    return core::unexpected(core::ErrorCode::kUnsupported,
                            fmt::format("kind 'xgboost' needs {} (Debian: libxgboost0): {}", kName, dlerror()));
  }
  XgboostLibrary out;
  const char* missing = nullptr;
  const auto find = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) missing = name;
  };
  find("XGBGetLastError", out.last_error);
  find("XGDMatrixCreateFromMat", out.matrix_create);
  find("XGDMatrixSetFloatInfo", out.matrix_set_float);
  find("XGDMatrixNumCol", out.matrix_columns);
  find("XGDMatrixFree", out.matrix_free);
  find("XGBoosterCreate", out.booster_create);
  find("XGBoosterFree", out.booster_free);
  find("XGBoosterSetParam", out.booster_set);
  find("XGBoosterUpdateOneIter", out.booster_update);
  find("XGBoosterPredict", out.booster_predict);
  find("XGBoosterSaveModelToBuffer", out.booster_save);
  find("XGBoosterLoadModelFromBuffer", out.booster_load);
  find("XGBoosterGetNumFeature", out.booster_features);
  if (missing != nullptr) {
    return core::unexpected(core::ErrorCode::kUnsupported,
                            fmt::format("{} lacks {}; version 1.6 or later is needed", kName, missing));
  }
  return out;
}

}  // namespace

core::Result<const XgboostLibrary*> XgboostLibrary::get() {
  static const core::Result<XgboostLibrary> library = load();
  if (!library) return core::unexpected(library.error());
  return &*library;
}

}  // namespace millwright::models

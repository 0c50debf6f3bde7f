// The part of XGBoost's C interface (xgboost/c_api.h, 1.6 and later) that detectors need, from the shared library.
//
// Threads: any. Errors: kUnsupported where there is no library, or one without these functions. Private to models.
#pragma once

#include <cstdint>

#include "core/result.hpp"

namespace millwright::models {

struct XgboostLibrary {
  using Handle = void*;

  const char* (*last_error)() = nullptr;
  int (*matrix_create)(const float* data, std::uint64_t rows, std::uint64_t columns, float missing,
                       Handle* out) = nullptr;
  int (*matrix_set_float)(Handle matrix, const char* field, const float* values, std::uint64_t count) = nullptr;
  int (*matrix_columns)(Handle matrix, std::uint64_t* out) = nullptr;
  int (*matrix_free)(Handle matrix) = nullptr;
  int (*booster_create)(const Handle matrices[], std::uint64_t count, Handle* out) = nullptr;
  int (*booster_free)(Handle booster) = nullptr;
  int (*booster_set)(Handle booster, const char* name, const char* value) = nullptr;
  int (*booster_update)(Handle booster, int round, Handle matrix) = nullptr;
  int (*booster_predict)(Handle booster, Handle matrix, int option, unsigned trees, int training, std::uint64_t* count,
                         const float** out) = nullptr;
  int (*booster_save)(Handle booster, const char* config, std::uint64_t* size, const char** out) = nullptr;
  int (*booster_load)(Handle booster, const void* bytes, std::uint64_t size) = nullptr;
  int (*booster_features)(Handle booster, std::uint64_t* out) = nullptr;

  static core::Result<const XgboostLibrary*> get();
};

}  // namespace millwright::models

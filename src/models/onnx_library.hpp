// The part of ONNX Runtime's C interface that detectors need, from the shared library: 1.14 or later.
//
// Its functions stand in a table that only grows (onnxruntime_c_api.h, OrtApi), so a place in it names a function for
// ever. Threads: any. Errors: kUnsupported where there is no library, or one that is too old. Private to models.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.hpp"

namespace millwright::models {

struct OnnxLibrary {
  using Handle = void*;
  using Status = void*;  // null: done

  const char* (*error_message)(Status) = nullptr;
  Status (*create_environment)(int level, const char* name, Handle* out) = nullptr;
  Status (*create_session)(Handle environment, const void* model, std::size_t bytes, Handle options,
                           Handle* out) = nullptr;
  Status (*run)(Handle session, Handle options, const char* const* input_names, const Handle* inputs,
                std::size_t inputs_count, const char* const* output_names, std::size_t outputs_count,
                Handle* outputs) = nullptr;
  Status (*create_options)(Handle* out) = nullptr;
  Status (*set_threads_within)(Handle options, int threads) = nullptr;
  Status (*set_threads_between)(Handle options, int threads) = nullptr;
  Status (*input_count)(Handle session, std::size_t* out) = nullptr;
  Status (*output_count)(Handle session, std::size_t* out) = nullptr;
  Status (*input_type)(Handle session, std::size_t at, Handle* out) = nullptr;
  Status (*output_type)(Handle session, std::size_t at, Handle* out) = nullptr;
  Status (*input_name)(Handle session, std::size_t at, Handle allocator, char** out) = nullptr;
  Status (*output_name)(Handle session, std::size_t at, Handle allocator, char** out) = nullptr;
  Status (*create_tensor)(Handle memory, void* data, std::size_t bytes, const std::int64_t* shape,
                          std::size_t dimensions, int type, Handle* out) = nullptr;
  Status (*tensor_data)(Handle value, void** out) = nullptr;
  Status (*tensor_of_type)(Handle type, Handle* out) = nullptr;  // owned by `type`; null: no tensor
  Status (*element_type)(Handle tensor, int* out) = nullptr;
  Status (*dimensions_count)(Handle tensor, std::size_t* out) = nullptr;
  Status (*dimensions)(Handle tensor, std::int64_t* out, std::size_t count) = nullptr;
  Status (*element_count)(Handle tensor, std::size_t* out) = nullptr;
  Status (*shape_of)(Handle value, Handle* out) = nullptr;
  Status (*create_cpu_memory)(int allocator, int type, Handle* out) = nullptr;
  Status (*free)(Handle allocator, void* memory) = nullptr;
  Status (*default_allocator)(Handle* out) = nullptr;
  void (*release_status)(Status) = nullptr;
  void (*release_memory)(Handle) = nullptr;
  void (*release_session)(Handle) = nullptr;
  void (*release_value)(Handle) = nullptr;
  void (*release_type)(Handle) = nullptr;
  void (*release_shape)(Handle) = nullptr;
  void (*release_options)(Handle) = nullptr;

  Handle environment = nullptr;  // one for the process
  Handle allocator = nullptr;

  static core::Result<const OnnxLibrary*> get();
  // The library's own words; the status is freed.
  [[nodiscard]] core::Status done(Status status) const;
};

inline constexpr int kOnnxFloat = 1;  // an element type

}  // namespace millwright::models

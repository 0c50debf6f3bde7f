// DuckDB's C interface, from its shared library, loaded when first used: all else runs without it.
//
// Threads: any. Errors: kNotFound with the places that were searched; kUnsupported where the library is another
// version.
#pragma once

#include <duckdb.h>

#include "core/result.hpp"

// All of the C interface that we use.
// clang-format off
#define MILLWRIGHT_DUCKDB_FUNCTIONS(X) \
  X(open_ext) X(close) X(connect) X(disconnect) X(free) X(create_config) X(set_config) X(destroy_config) X(query)    \
  X(destroy_result) X(result_error) X(column_count) X(column_name) X(column_type) X(prepare) X(prepare_error)        \
  X(destroy_prepare) X(prepared_statement_type) X(prepared_statement_column_count)                                   \
  X(prepared_statement_column_type) X(pending_prepared_streaming) X(pending_error) X(execute_pending)                \
  X(destroy_pending) X(fetch_chunk) X(destroy_data_chunk) X(data_chunk_get_size) X(data_chunk_set_size)              \
  X(data_chunk_get_vector) X(vector_size) X(vector_get_data) X(vector_get_validity)                                  \
  X(vector_ensure_validity_writable) X(vector_reference_value) X(vector_assign_string_element_len) X(create_varchar_length) X(create_int32)              \
  X(get_varchar) X(destroy_value) X(create_logical_type) X(destroy_logical_type) X(create_table_function)            \
  X(destroy_table_function) X(table_function_set_name) X(table_function_add_parameter)                               \
  X(table_function_set_extra_info) X(table_function_set_bind) X(table_function_set_init)                             \
  X(table_function_set_local_init) X(table_function_set_function) X(table_function_supports_projection_pushdown)     \
  X(register_table_function) X(bind_get_extra_info) X(bind_add_result_column) X(bind_get_parameter_count)            \
  X(bind_get_parameter) X(bind_set_bind_data) X(bind_set_error) X(init_get_bind_data) X(init_set_init_data)          \
  X(init_get_column_count) X(init_get_column_index) X(init_set_max_threads) X(function_get_init_data)                \
  X(function_get_local_init_data) X(function_set_error) X(appender_create) X(appender_destroy) X(appender_error)     \
  X(appender_end_row) X(append_varchar_length) X(append_int32) X(append_double) X(append_null)
// clang-format on

namespace millwright::history {

struct DuckDb {
#define X(name) decltype(&::duckdb_##name) name = nullptr;
  MILLWRIGHT_DUCKDB_FUNCTIONS(X)
#undef X
};

// The same for as long as the process lives.
core::Result<const DuckDb*> load_duckdb();

}  // namespace millwright::history

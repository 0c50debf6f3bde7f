# DuckDB, for `millwright history`: npm carries its library (loaded when first used) and, in another package, the header
# of its C interface. tools/duckdb pins both; they are fetched when they are missing or the pins have changed.
set(DUCKDB_DIR ${CMAKE_SOURCE_DIR}/tools/duckdb)
set(DUCKDB_HEADER_DIR ${DUCKDB_DIR}/node_modules/duckdb/src/duckdb/src/include)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${DUCKDB_DIR}/package-lock.json)

if(NOT ${DUCKDB_DIR}/node_modules/.package-lock.json IS_NEWER_THAN ${DUCKDB_DIR}/package-lock.json
   OR NOT EXISTS ${DUCKDB_HEADER_DIR}/duckdb.h)
  message(STATUS "Fetching DuckDB")
  execute_process(COMMAND npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    WORKING_DIRECTORY ${DUCKDB_DIR} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "DuckDB could not be fetched: `npm ci --ignore-scripts` in ${DUCKDB_DIR} failed (${failed}). "
      "It needs npm and its registry; tools/install-deps.sh installs npm.")
  endif()
  file(TOUCH ${DUCKDB_DIR}/node_modules/.package-lock.json)
endif()

add_library(duckdb_header INTERFACE)
target_include_directories(duckdb_header SYSTEM INTERFACE ${DUCKDB_HEADER_DIR})

// A SQL statement's answer as a table, CSV or JSON.
//
// Threads: one owner. Errors: kInvalid with DuckDB's own words.
#pragma once

#include <string>

#include "core/result.hpp"
#include "history/database.hpp"
#include "history/output_file.hpp"
#include "history/row_writer.hpp"

namespace millwright::history {

// One statement. kInflux is no format of it.
core::Status run_sql(Database& database, const std::string& statement, TextFormat format, OutputFile& out);

}  // namespace millwright::history

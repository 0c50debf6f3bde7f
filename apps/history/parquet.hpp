// History as a Parquet file, and Parquet files back in. docs/format/exports.md.
//
// Threads: one owner. Errors: kInvalid with DuckDB's own words.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "history/database.hpp"
#include "history/import_text.hpp"
#include "history/output_file.hpp"
#include "history/source.hpp"

namespace millwright::history {

// The selection that the database's tables were made with; gives the rows written.
core::Result<std::uint64_t> write_parquet(Database& database, const Selection& selection, OutputFile& out);

// Long or wide, told apart as CSV files are; times are timestamps (UTC) or whole nanoseconds since 1970.
core::Status import_parquet(Database& database, const std::string& path, const CsvColumns& columns,
                            const ImportContext& context);

}  // namespace millwright::history

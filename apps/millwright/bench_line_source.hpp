// The ingest benchmark's readings as line protocol: HTTP requests over loopback into the influx connector, each
// answered when its readings are durable.
//
// One line a reading, all sensors of a request interleaved by time, as a gateway sends them. A sender thread puts the
// lines together from numbers that were rendered before, and a reader takes the answers; both share the machine's cores
// with what is measured.
#pragma once

#include <memory>

#include "bench_source.hpp"

namespace millwright::app {

core::Result<std::unique_ptr<BenchSource>> make_line_source(const IngestOptions& options, engine::Engine& engine,
                                                            io::Clock& clock);

}  // namespace millwright::app

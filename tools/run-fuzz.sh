#!/usr/bin/env bash
# Runs every fuzz target for some seconds, from its seeds; what it finds grows build/fuzz/corpus, not the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
for program in build/fuzz/bin/fuzz_*; do
  name=${program##*/fuzz_}
  mkdir -p "build/fuzz/corpus/$name"
  echo "fuzz: $name for $seconds s"
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" \
    -print_final_stats=1 "build/fuzz/corpus/$name" "fuzz/corpus/$name" 2>&1 | grep -E 'stat::|ERROR|SUMMARY|Test unit' ||
    { echo "fuzz: $name failed; the input is build/fuzz/$name-*"; exit 1; }
done

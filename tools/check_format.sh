#!/usr/bin/env bash
# All C++ as clang-format has it. `make format` mends what this finds.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 --dry-run --Werror

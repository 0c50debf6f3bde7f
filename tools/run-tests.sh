#!/usr/bin/env bash
# All tests, after `make build`. Says what it does, leaves out only what cannot be fetched (never under CI=true), and ends
# with a line that counts.
#
#   tools/run-tests.sh                                 unit, web and end to end
#   tools/run-tests.sh unit|threads|web|end-to-end     one part; threads is ThreadSanitizer (`make tsan`)
set -euo pipefail
cd "$(dirname "$0")/.."

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1:suppressions=$PWD/tools/tsan.supp"
skipped=()

say() { printf '\n== %s\n' "$*"; }

unit() {
  say "unit tests, simulations, fuzz seeds and checks, under AddressSanitizer and UndefinedBehaviorSanitizer (GCC)"
  cmake --preset dev >/dev/null
  cmake --build --preset dev
  ctest --preset dev -j2
  left_out
}

# What unit tests have left out, in their own words. Under CI=true nothing may be that Debian's packages bring.
left_out() {
  local why
  while IFS= read -r why; do
    if [ "${CI:-}" = true ] && [[ $why == *"Debian: "* || $why == *"is not installed"* ]]; then
      echo "required under CI=true: $why"
      exit 1
    fi
    skipped+=("unit tests: $why")
  done < <(grep -A1 -E '_test\.cpp:[0-9]+: Skipped$' build/dev/Testing/Temporary/LastTest.log | grep -vE '^--$|: Skipped$' | sort -u)
}

threads() {
  say "the tests of what has threads, under ThreadSanitizer (clang, with its thread-safety analysis)"
  local threaded=(core io journal pipeline historian connectors mqtt models security alarms forwarding opcua http database redis access twin
    analytics maintenance api engine)
  cmake --preset tsan >/dev/null
  cmake --build --preset tsan --target "${threaded[@]/#/test_}"
  ctest --preset tsan -j2 -R "^unit\\.($(IFS='|'; echo "${threaded[*]}"))\$"
}

web() {
  say "dashboard: types and unit tests"
  (cd web && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent typecheck && npm test --silent)
}

# The foreign clients: for OPC UA one from npm and one from PyPI, for Sparkplug one from npm, for line protocol InfluxDB's own from PyPI. Without PyPI
# its tests are left out, and said so.
foreign_clients() {
  local from_npm
  for from_npm in opcua mqtt; do
    (cd "tests/e2e/$from_npm" && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error; })
  done
  [ -x build/venv/bin/python ] || python3 -m venv build/venv
  if ! build/venv/bin/python -c 'import asyncua, influxdb_client, lz4, openapi_spec_validator, paho.mqtt, pymodbus, questdb, serial, snap7' 2>/dev/null &&
    ! build/venv/bin/pip install --quiet --disable-pip-version-check -r tests/e2e/opcua/requirements.txt; then
    [ "${CI:-}" = true ] && { echo "PyPI is required under CI=true"; exit 1; }
    skipped+=("end-to-end tests with asyncua, influxdb-client, lz4, openapi-spec-validator, paho-mqtt, pymodbus, pyserial, python-snap7 and questdb (PyPI cannot be reached)")
    export E2E_WITHOUT_PYPI=1
  fi
  if ! build/venv/bin/python -c 'import pyarrow' 2>/dev/null &&
    ! build/venv/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1; then
    [ "${CI:-}" = true ] && { echo "PyPI is required under CI=true"; exit 1; }
    skipped+=("reading our Parquet with pyarrow (PyPI cannot be reached)")
  fi
  if ! ls build/venv/lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so.1* >/dev/null 2>&1 &&
    ! build/venv/bin/pip install --quiet --disable-pip-version-check --no-deps onnxruntime==1.20.0; then
    [ "${CI:-}" = true ] && { echo "PyPI is required under CI=true"; exit 1; }
    skipped+=("models of kind onnx by ONNX Runtime (PyPI cannot be reached)")
  fi
}

# A real Kafka and a foreign OPC UA server, from Maven Central.
from_maven() {
  local what=$1 script=$2 leave_out=$3 why
  if ! why=$(python3 "tests/e2e/$script" 2>&1 >/dev/null); then
    [ "${CI:-}" = true ] && { echo "Maven Central is required under CI=true: $why"; exit 1; }
    skipped+=("end-to-end tests with $what (Maven Central cannot be reached: $why)")
    export "$leave_out=1"
  fi
}

# The fieldbus driver, whose PLC4X is from Maven Central.
plc4x_driver() {
  local why
  if ! why=$(tools/build-plc4x.sh 2>&1 >/dev/null); then
    [ "${CI:-}" = true ] && { echo "the fieldbus driver is required under CI=true: $why"; exit 1; }
    skipped+=("the fieldbus driver and its end-to-end tests (it could not be built, as where Maven Central cannot be reached: $why)")
    export E2E_WITHOUT_PLC4X=1
  fi
}

end_to_end() {
  say "end to end: the real binary, foreign clients, crashes, bad input, the demo"
  foreign_clients
  from_maven 'Apache Kafka' kafka_broker.py E2E_WITHOUT_KAFKA
  from_maven 'Eclipse Milo' milo_server.py E2E_WITHOUT_MILO
  plc4x_driver
  python3 tests/e2e/run.py
}

case "${1:-all}" in
  unit) unit ;;
  threads) threads ;;
  web) web ;;
  end-to-end) end_to_end ;;
  all) unit; web; end_to_end ;;
  *) echo "usage: $0 [unit|threads|web|end-to-end]" >&2; exit 2 ;;
esac

say "all passed"
for what in "${skipped[@]:+${skipped[@]}}"; do echo "SKIPPED: $what"; done
echo "skipped: ${#skipped[@]}"

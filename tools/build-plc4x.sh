#!/usr/bin/env bash
# Builds and tests the fieldbus driver: build/plc4x/millwright-plc4x.jar. Does nothing where it is newer than its sources.
# Maven's packages come from Maven Central into build/plc4x; fails, and says why, where they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."

jar=build/plc4x/millwright-plc4x.jar
if [ -f $jar ] && [ -z "$(find drivers/plc4x docs/format/burst.md -newer $jar -type f -print -quit)" ]; then exit 0; fi
for tool in java javac mvn; do
  command -v $tool >/dev/null || { echo "$tool is not installed (maven, openjdk-17-jdk-headless)" >&2; exit 1; }
done
mkdir -p build/plc4x
echo "plc4x: building and testing the driver"
if ! mvn -q -B -f drivers/plc4x/pom.xml -Dtarget="$PWD/build/plc4x" -Dmaven.repo.local="$PWD/build/plc4x/maven" package >build/plc4x/build.log 2>&1; then
  grep -E '^\[ERROR\]' build/plc4x/build.log | head -20 >&2
  exit 1
fi
touch $jar

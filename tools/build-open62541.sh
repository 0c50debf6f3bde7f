#!/usr/bin/env bash
# Builds open62541, our OPC UA stack, from the source that Debian 13 has, with the patches in tools/open62541:
# build/open62541/lib/libopen62541.a and its headers. Does nothing where that is newer than what it is made of (stamp).
# CMake calls it as it configures (cmake/Open62541.cmake). Why our own: docs/decisions/0006-own-open62541.md.
#
# Needs what `tools/install-deps.sh build` installs, of which libopen62541-1.4-tools has namespace 0's schemas.
# The source is fetched by apt from this machine's mirror, else from Debian's archive, and must have the sum below.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.4.11.1
sha256=2979c0f09b766fd6470bdf06c8500c90ed51327aae1c22af132641a44178b722
archive=open62541_$version.orig.tar.gz
schemas=/usr/share/open62541/schema
snapshot=https://snapshot.debian.org/archive/debian/20250601T000000Z/pool/main/o/open62541
out=$PWD/build/open62541

say() { echo "open62541: $*" >&2; }
fail() { say "$*"; exit 1; }

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9  # two configurations at once

shopt -s nullglob
patches=(tools/open62541/*.patch)
stamp=$({ echo "$version"; sha256sum tools/build-open62541.sh "${patches[@]}"; } | sha256sum | cut -d' ' -f1)
if [ -f "$out/lib/libopen62541.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

[ -f $schemas/Opc.Ua.NodeSet2.xml ] || fail "$schemas is missing: run tools/install-deps.sh build"

is_whole() { [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status; }
fetch() {
  local package_uri place
  # The package of the schemas lies in the same folder of the mirror.
  package_uri=$(apt-get download --print-uris libopen62541-1.4-tools 2>/dev/null | sed -nE "s/^'([^']+)'.*/\1/p" | head -1) || true
  for place in ${package_uri:+"${package_uri%/*}"} $snapshot; do
    say "fetching $place/$archive"
    /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$place/$archive" "$out/$archive" "SHA256:$sha256" \
      >"$out/fetch.log" 2>&1 && is_whole "$out/$archive" && return
    rm -f "$out/$archive"
  done
  fail "$archive could not be fetched ($(tail -1 "$out/fetch.log")); put it into $out, its SHA-256 is $sha256"
}
is_whole "$out/$archive" || fetch

source=$out/source work=$out/work
rm -rf "$source" "$work" "$out/include" "$out/lib" "$out/stamp"
mkdir -p "$source" "$work/nodesets"
tar -xzf "$out/$archive" -C "$source" --strip-components=1
for patch in "${patches[@]}"; do
  patch --directory="$source" --strip=1 --fuzz=0 --silent <"$patch" >&2 || fail "$patch does not fit open62541 $version"
done
ln -s $schemas "$work/nodesets/Schema"

export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
# As Debian configures it, but static and optimised, with OpenSSL, and without what we do not use (PubSub).
# Link-time optimisation would bind it to one compiler. UA_LOGLEVEL leaves out what nobody reads.
options=(
  -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS=-w -g1" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF -DBUILD_SHARED_LIBS=OFF
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DOPEN62541_VERSION=v$version -DUA_MULTITHREADING=100 -DUA_LOGLEVEL=300
  -DUA_ENABLE_ENCRYPTION=OPENSSL -DUA_NAMESPACE_ZERO=FULL "-DUA_NODESET_DIR=$work/nodesets"
  -DUA_ENABLE_PUBSUB=OFF -DUA_ENABLE_PUBSUB_INFORMATIONMODEL=OFF
  -DUA_BUILD_EXAMPLES=OFF -DUA_BUILD_UNIT_TESTS=OFF
)
say "building $version with ${#patches[@]} patches, a minute or two"
if ! { cmake -S "$source" -B "$work" -G Ninja "${launcher[@]}" "${options[@]}" && cmake --build "$work" --target open62541; } >"$out/build.log" 2>&1; then
  grep -E 'error|Error|FAILED' "$out/build.log" | head -20 >&2 || true
  fail "could not be built, see $out/build.log"
fi
mkdir -p "$out/lib" "$out/include"
cp "$work/bin/libopen62541.a" "$out/lib/"
cp -r "$source/include/open62541" "$source/plugins/include/open62541" "$work/src_generated/open62541" "$out/include/"
find "$out/include" -type f ! -name '*.h' -delete
rm -rf "$source" "$work"
echo "$stamp" >"$out/stamp"
say "done"

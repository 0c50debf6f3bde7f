#!/usr/bin/env bash
# Installs what Millwright needs to build, run and test on Debian 12. Safe to run again: it does only what is missing.
#
#   tools/install-deps.sh build   compilers and libraries, enough for `make demo`
#   tools/install-deps.sh test    the above, and what the tests and checks use
#   tools/install-deps.sh peers   the first, and the databases that `make bench-peers` measures
#
# No server that it installs is left running, nor started at boot.
#
# Needs root or sudo. The OPC UA stack (open62541 1.4) is in Debian 13 only: that suite is added from the mirror the
# machine already uses, pinned so low that nothing else can ever come from it. Only the schemas are installed, the stack
# itself is built from its source (tools/build-open62541.sh).
set -euo pipefail

want=${1:-build}
case "$want" in build | test | peers) ;; *) echo "usage: $0 build|test|peers" >&2; exit 2 ;; esac

build_packages=(
  build-essential ca-certificates ccache cmake ninja-build patch pkg-config git python3
  libopen62541-1.4-tools libhowardhinnant-date-dev tzdata
  libasio-dev librestinio-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libeigen3-dev
  prometheus-cpp-dev libcurl4-openssl-dev libssl-dev libmosquitto-dev libhiredis-dev liblz4-dev librdkafka-dev libsoci-dev libboost-dev libsqlite3-dev libpq-dev libmodbus-dev libpugixml-dev libargon2-dev zlib1g-dev
)
test_servers=(mosquitto redis-server postgresql influxdb victoria-metrics)
# Apache Kafka, Eclipse Milo (tests/e2e/maven.py) and PLC4X (drivers/plc4x) come from Maven Central and need Java; Milo's server is compiled
# as it starts.
test_packages=(
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  python3-venv curl chromium openssl
  "${test_servers[@]}" mosquitto-clients redis-tools kcat
  maven openjdk-17-jdk-headless iproute2 wrk mbpoll
  libxgboost0
)
# QuestDB comes from Maven Central (bench/peers/questdb.py) and needs Java. What cannot be had is left out of the run.
peer_servers=(influxdb victoria-metrics clickhouse-server)
peer_packages=("${peer_servers[@]}" maven openjdk-17-jre-headless)

packages=("${build_packages[@]}")
[ "$want" = test ] && packages+=("${test_packages[@]}")
[ "$want" = peers ] && packages+=("${peer_packages[@]}")

# Node.js 18 or newer builds the dashboard; a newer one that is already there (with its npm) serves as well.
node_major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/' || true)
if [ "${node_major:-0}" -lt 18 ] || ! command -v npm >/dev/null 2>&1; then packages+=(nodejs npm); fi

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing=()
for package in "${packages[@]}"; do is_installed "$package" || missing+=("$package"); done
if [ ${#missing[@]} -eq 0 ]; then echo "deps: all packages for '$want' are installed"; exit 0; fi

. /etc/os-release
if [ "${ID:-}" != debian ] || [ "${VERSION_ID:-}" != 12 ]; then
  echo "deps: this script knows Debian 12; this is ${PRETTY_NAME:-an unknown system}." >&2
  echo "deps: install these yourself, then run the target again: ${missing[*]}" >&2
  exit 1
fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
  echo "deps: need root, or sudo, to install: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -qq "$@"; }

# The mirror that this machine's own Debian 12 entries name, whichever of apt's two formats they are in.
debian_mirror() {
  awk '/^URIs:/{uri=$2} /^Suites:/{for(i=2;i<=NF;i++) if($i=="bookworm"){print uri; exit}}' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep . ||
    awk '$1=="deb"{for(i=2;i<NF;i++) if($(i+1)=="bookworm"){print $i; exit}}' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | grep .
}

add_opcua_suite() {
  local mirror
  mirror=$(debian_mirror) || { echo "deps: found no Debian 12 mirror in /etc/apt to take Debian 13's open62541 from" >&2; exit 1; }
  # A blank line ends a stanza: without it apt would read one pin for both and drag the system to Debian 13.
  as_root tee /etc/apt/preferences.d/millwright-opcua >/dev/null <<'PIN'
Package: *
Pin: release n=trixie
Pin-Priority: 50

Package: src:open62541
Pin: release n=trixie
Pin-Priority: 600
PIN
  as_root tee /etc/apt/sources.list.d/millwright-opcua.list >/dev/null <<LIST
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main
LIST
}

echo "deps: installing ${#missing[@]} packages: ${missing[*]}"
apt_get update
apt_get install -y --no-install-recommends ca-certificates debian-archive-keyring
add_opcua_suite
apt_get update

# Debian starts a server as it installs it, unless this file forbids it; and at every boot, unless it is disabled.
forbid_starting() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap "as_root rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod +x $policy
  fi
}
install_peers() {
  local package
  for package in "${missing[@]}"; do
    apt_get install -y --no-install-recommends "$package" || { echo "deps: no $package" >&2; continue; }
  done
}
forbid_starting
if [ "$want" = peers ]; then install_peers; else apt_get install -y --no-install-recommends "${missing[@]}"; fi
for server in "${test_servers[@]}" "${peer_servers[@]}"; do
  case " ${missing[*]} " in *" $server "*) ! command -v systemctl >/dev/null || as_root systemctl disable --quiet "$server" 2>/dev/null || true ;; esac
done
echo "deps: done"

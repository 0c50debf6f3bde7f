# Millwright: everything from a bare Debian 12. `make demo` and `make test` do all that is missing first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)

.PHONY: help deps deps-test build web plc4x demo test bench bench-peers fuzz soak tsan clang format tidy clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

deps: ## install what building and the demo need (root or sudo)
	@tools/install-deps.sh build

deps-test: ## the same, and what the tests need
	@tools/install-deps.sh test

web/dist/index.html: $(WEB_SOURCES)
	@echo "web: building the dashboard"
	@cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@touch $@

web: web/dist/index.html ## build the dashboard

build: deps web ## build the product: build/release/bin/millwright
	@echo "build: release"
	@cmake --preset release >/dev/null
	@cmake --build --preset release

plc4x: deps-test ## build the fieldbus driver: build/plc4x/millwright-plc4x.jar (Maven Central)
	@tools/build-plc4x.sh

demo: build ## a living plant on this machine, until Ctrl-C (DEMO_SECONDS=60 make demo ends by itself)
	@build/release/bin/millwright demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: deps-test build ## unit tests (ASan, UBSan), simulations, fuzz seeds, checks, dashboard, end to end
	@tools/run-tests.sh

bench: build ## the ingest benchmark, from memory, over TCP and as line protocol, and the micro-benchmarks
	@build/release/bin/millwright bench ingest --source memory --seconds 10
	@build/release/bin/millwright bench ingest --source tcp --seconds 10
	@build/release/bin/millwright bench ingest --source line --seconds 10
	@build/release/bin/millwright bench ingest --source memory --seconds 10 --rate 1000000

bench-peers: build ## Millwright beside InfluxDB, VictoriaMetrics, ClickHouse and QuestDB (PEERS_OPTIONS=--quick: a try)
	@tools/install-deps.sh peers || echo "bench-peers: goes on with what is there"
	@python3 bench/peers/run.py $(PEERS_OPTIONS)

fuzz: deps-test ## fuzz every parser for a minute each (FUZZ_SECONDS)
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz
	@tools/run-fuzz.sh $${FUZZ_SECONDS:-60}

soak: deps-test build ## faults for an hour or two: every operation, 100,000 crashes, 1,000 kills, 1,000 failing system calls
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev --target test_historian_fault test_historian_crash test_journal_sim
	@MILLWRIGHT_SIM_STRIDE=1 build/dev/bin/test_historian_fault --gtest_brief=1
	@MILLWRIGHT_SIM_SEED=$${SOAK_SEED:-1} MILLWRIGHT_SIM_SEEDS=450 build/dev/bin/test_historian_crash --gtest_brief=1
	@MILLWRIGHT_SIM_SEED=$${SOAK_SEED:-1} MILLWRIGHT_SIM_SEEDS=400 build/dev/bin/test_journal_sim --gtest_brief=1
	@cd tests/e2e && E2E_SEED=$${SOAK_SEED:-1} E2E_KILLS=1000 E2E_FAULT_CASES=1000 python3 -m unittest -v test_crash test_faults
	@cd tests/e2e && E2E_KILLS=100 E2E_FRESH_S=2 python3 -m unittest -v test_sinks test_kafka test_cable test_mqtt test_sparkplug test_sparkplug_edge

tsan: deps-test ## the tests of what has threads, under ThreadSanitizer (clang)
	@tools/run-tests.sh threads

clang: deps-test ## the unit tests, built with clang and its thread-safety analysis
	@cmake --preset clang >/dev/null
	@cmake --build --preset clang
	@ctest --preset clang

format: ## format all C++ files
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 -i

tidy: deps-test ## clang-tidy over the product's sources
	@cmake --preset clang >/dev/null
	@git ls-files 'src/*.cpp' 'apps/*.cpp' | xargs -P $$(nproc) -n 4 clang-tidy-14 -p build/clang --quiet

clean: ## remove what was built
	@rm -rf build web/dist

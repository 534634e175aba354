# A thin front. The work is in CMake, deploy/local (packages, servers, demo) and deploy/checks; every line here can be typed by hand.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
# The distribution's own Python: the packages that `make deps` installs are for it, not for one of yours.
PYTHON ?= /usr/bin/python3
export JOBS PYTHON

.PHONY: build deps demo demo-stop test test-elasticsearch unit integration chaos chaos-short soak mutations asan tsan package format format-check rooms tidy image manifests bench clean stack-down help
.DEFAULT_GOAL := build

build: ## the program: build/foldline
	@deploy/local/install --check build
	@[ -f build/build.ninja ] || cmake --preset release -DFOLDLINE_TESTS=OFF >/dev/null
	@cmake --build build --target foldline -j $(JOBS)

deps: ## every package that any target here needs, by apt (root or sudo)
	@deploy/local/install build servers demo test bench check

demo: ## Kafka and three stores, 200,000 orders with faults, and every total compared
	@deploy/local/demo

demo-stop: ## the demo's worker and servers
	@deploy/local/demo stop

test: ## everything that has to pass: unit and integration tests against real servers
	@deploy/checks/test all

unit: ## the tests that need no server
	@deploy/checks/test unit

test-elasticsearch: ## the tests of the search sink against Elasticsearch 7.17 and 8.19
	@deploy/checks/test elasticsearch

integration: ## the tests against real servers
	@deploy/checks/test integration

chaos: ## every fault that production has, and every row compared; writes the table of docs/reliability.md (SEED=… repeats)
	@$(MAKE) --no-print-directory build
	@tests/chaos/run

chaos-short: ## a selection of it, of a few minutes
	@$(MAKE) --no-print-directory build
	@tests/chaos/run short

soak: ## three read models under a fault every 20 s, for ten minutes (SOAK_S=…)
	@$(MAKE) --no-print-directory build
	@tests/chaos/run soak

asan: ## the unit tests under the address and undefined-behaviour sanitizers
	@deploy/checks/test asan

tsan: ## the engine's tests under the thread sanitizer
	@deploy/checks/test tsan

mutations: ## breaks each rule of the guarantee on purpose; a test must notice every time
	@deploy/local/install build servers test
	@deploy/checks/mutations

package: ## installs to a scratch place and builds a worker of someone else's against it
	@deploy/checks/package

format: ## clang-format on every source
	@deploy/checks/format --fix

format-check: ## whether clang-format would change anything
	@deploy/checks/format

rooms: ## whether includes follow the rooms' arrows, no file is too long, and no prefetch is left out
	@deploy/checks/rooms

tidy: ## clang-tidy on every source
	@deploy/checks/tidy

image: build ## the container image's root, without Docker: made, and run as its user
	@deploy/local/install image
	@deploy/checks/image

manifests: ## what would take deploy/: Dockerfile, Compose, Kubernetes, alerts
	@deploy/local/install check
	@deploy/checks/manifests

bench: ## the speed goals, each beside a bare program; writes docs/performance.md (CASE=postgres-new EVENTS=200000 RUNS=1 GROWTH=100)
	@deploy/local/install build servers test bench
	@bench/run $(if $(CASE),--case $(CASE)) $(if $(EVENTS),--events $(EVENTS)) $(if $(RUNS),--runs $(RUNS)) $(if $(GROWTH),--growth-millions $(GROWTH))

clean: ## what the build made; servers and their data stay
	rm -rf build build-asan build-tsan build-debug build-tidy

stack-down: ## the local servers
	@deploy/local/stack down

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

# Topout. `make run` starts the demo site; `make test` proves the whole.
.DEFAULT_GOAL := build
SHELL := /bin/bash

export TOPOUT_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/topout/bin
export PATH := $(TOPOUT_TOOLS):$(PATH)

# nomsgpack leaves gin's unused msgpack codec out of the binary.
TAGS    := nomsgpack
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/test-results/*' 2>/dev/null)

.PHONY: build
build: web bin/topout ## the binary with the web app inside, at bin/topout

.PHONY: bin/topout
bin/topout:
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/topout ./cmd/topout

.PHONY: web
web: web/dist/index.html ## the web app

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch web/dist/.gitkeep web/dist/index.html

.PHONY: run
run: build ## the demo site (Wenyuan school) on the embedded default
	bin/topout serve --demo

.PHONY: tools
tools: ## what the tests need: Go tools into $(TOPOUT_TOOLS), Debian packages when it may
	scripts/setup tools

.PHONY: influxd2
influxd2: ## builds InfluxDB 2 for the tests (Go and Rust, some minutes, once)
	scripts/setup influxd2

.PHONY: test
test: tools build ## everything, against real servers
	scripts/test

.PHONY: lint
lint: web/node_modules/.package-lock.json ## the linters
	scripts/setup lint
	@touch web/dist/.gitkeep
	golangci-lint run --build-tags $(TAGS) ./...
	go mod tidy -diff
	go mod verify
	cd web && npm run --silent check

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (default 20s)
	scripts/fuzz

.PHONY: bench
bench: build ## the benchmarks, side by side with Telegraf; prints ratios
	scripts/setup bench
	scripts/bench

.PHONY: help
help:
	@grep -hE '^[a-z0-9_/-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

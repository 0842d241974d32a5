# fleetcost. `make help` lists the targets; `make run` and `make test` are the
# two a newcomer needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fleetcost-tools
GOTOOLS  = $(CACHE)/$(1)-$(2)-$(shell go env GOVERSION)/$(1)
export GOFLAGS := -buildvcs=false

LISTEN   ?= 127.0.0.1:9003
RUN_ARGS ?=

.PHONY: help
help: ## List the targets.
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The web pages are built where Node is; without it the stub in git is embedded.
NPM_CI  = npm ci --no-audit --no-fund --loglevel=error
UI_FROM = $(shell find ui/web -type f -not -path '*/node_modules/*' -not -path '*/build/*' -not -path '*/e2e/*')

ui/web/node_modules/.package-lock.json: ui/web/package-lock.json
	cd ui/web && $(NPM_CI)
	@touch $@

ui/dist/index.html: ui/web/node_modules/.package-lock.json $(UI_FROM)
	cd ui/web && npm run --silent build

# After the pages, because their build empties the directory.
ui/dist/licences-go.json: ui/dist/index.html go.sum $(wildcard scripts/licences/*.go)
	go run ./scripts/licences ./cmd/fleetcost $@

.PHONY: ui
ui: ui/dist/index.html ui/dist/licences-go.json ## Build the web pages into ui/dist (needs Node 20).

.PHONY: ui-if-node
ui-if-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory ui; else echo "no npm: the binary gets a stub instead of the web pages"; fi

.PHONY: ui-dev
ui-dev: ui/web/node_modules/.package-lock.json ## Serve the web pages as they change, over the API of a server on :9003.
	cd ui/web && npm run dev

.PHONY: build
build: ui-if-node ## Build bin/fleetcost and bin/fleetcost-agent.
	@mkdir -p bin
	CGO_ENABLED=1 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/fleetcost ./cmd/fleetcost
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/fleetcost-agent ./cmd/fleetcost-agent

.PHONY: run
run: build ## Build everything and run the demo fleet; UI and API on http://localhost:9003.
	./bin/fleetcost demo --listen $(LISTEN) $(RUN_ARGS)

.PHONY: test-tools
test-tools: ## Install what the tests need (Prometheus, VictoriaMetrics, versitygw, Toxiproxy, fake-gcs-server, Azurite).
	@scripts/tools.sh prometheus victoria-metrics versitygw toxiproxy fake-gcs-server azurite

.PHONY: test
test: test-tools ## Run all unit and integration tests, with the race detector.
	go test -race -timeout 15m ./...
	@$(MAKE) --no-print-directory test-ui

.PHONY: test-ui
test-ui: ui ## Run the web pages' unit tests and check their size.
	cd ui/web && npm test --silent && npm run --silent size

.PHONY: e2e
e2e: build ## Run the end-to-end tests: real processes, real servers, kills and outages.
	@scripts/tools.sh prometheus versitygw minio chromium
	go test -tags e2e -count=1 -timeout 30m ./test/e2e/... ./test/check/... ./test/storage/...
	cd ui/web && npm run --silent e2e

.PHONY: lint
lint: ## Run all linters; no warning is accepted.
	@scripts/tools.sh golangci-lint
	$(call GOTOOLS,golangci-lint,v2.15.0) run ./...
	@$(MAKE) --no-print-directory lint-ui

.PHONY: lint-ui
lint-ui: ui/web/node_modules/.package-lock.json ## Type-check and lint the web pages.
	cd ui/web && npm run --silent lint

.PHONY: fmt
fmt: ## Format the code.
	@scripts/tools.sh golangci-lint
	$(call GOTOOLS,golangci-lint,v2.15.0) fmt ./...

.PHONY: generate
generate: ## Rewrite the generated pages (settings, errors, OpenAPI and its TypeScript) and golden files.
	go test ./test/docs ./internal/httpapi -run 'Generated|OpenAPI' -update
	@if command -v npm >/dev/null; then cd ui/web && npm run --silent generate; fi

.PHONY: bench
bench: build ## Run the benchmarks (minutes): codec, ingest, rebuild of 10 clusters, questions over HTTP.
	go test -run '^$$' -bench . -benchtime 2s ./internal/costfile ./internal/allocate ./internal/simulate ./internal/ingest ./internal/query
	go test -run '^$$' -bench BenchmarkAgent -benchtime 1x ./test/bench
	go run ./test/bench --clusters 10

.PHONY: bench-full
bench-full: build ## Run the full rebuild: 100 clusters × 500 containers × 90 days (generated once into the cache).
	go run ./test/bench --clusters 100

.PHONY: bench-ui
bench-ui: build ## Measure the web pages on 42 clusters over 30 days: clicks, scrolling, layout shift, Lighthouse (minutes).
	cd ui/web && npm run --silent bench

.PHONY: fuzz
fuzz: ## Fuzz the decoder, the filter grammar and the error catalogue, a minute each.
	go test ./internal/costfile -run '^$$' -fuzz FuzzOpen -fuzztime 60s
	go test ./internal/query -run '^$$' -fuzz FuzzParseFilter -fuzztime 60s
	go test ./internal/diagnose -run '^$$' -fuzz FuzzExplain -fuzztime 60s

.PHONY: clean
clean: ## Remove build output and the demo's data.
	rm -rf bin fleetcost-data ui/web/build
	find ui/dist -mindepth 1 -not -name stub.html -delete

# The targets are listed by `make` alone; what a target is for stands behind its ##.
.DEFAULT_GOAL := help
FUZZTIME ?= 30s
SUITE := go run ./integration/suite
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

define TRY
Starting on config.toml: an echo server behind three ports. Ctrl-C ends it. Once it says "started", try in another terminal:

  openssl s_client -quiet -CAfile state/dev-ca.crt -connect 127.0.0.1:12021    # TLS: every line comes back
  openssl s_client -quiet -CAfile state/dev-ca.crt -connect 127.0.0.1:12020    # the same on the auto-detect port ...
  bash -c 'exec 3<>/dev/tcp/127.0.0.1/12020; echo hello >&3; head -n1 <&3'     # ... which takes plaintext too
  bash -c 'exec 3<>/dev/tcp/127.0.0.1/12022; echo hello >&3; head -n1 <&3'     # a plaintext port
  bash -c 'exec 3<>/dev/tcp/127.0.0.1/12021; echo hello >&3; head -n1 <&3'     # plaintext to a TLS port: refused, see the log
  bin/sallyport status                                                         # what is running
  bin/sallyport reload --wait                                                  # changed files count by themselves; this says what came of it

endef
export TRY

.PHONY: run
run: build ## build and run on config.toml: an echo server behind three ports, to try things out
	@printf '%s\n' "$$TRY"
	@exec bin/sallyport run --config config.toml

.PHONY: build
build: ## build bin/sallyport
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.linkedVersion=$(VERSION)' -o bin/sallyport ./cmd/sallyport

.PHONY: test
test: ## run everything: lint, unit tests, and integration tests with real programs
	@$(SUITE)

.PHONY: integration
integration: ## run the integration tests only (as root it installs the programs they need)
	@$(SUITE) integration

.PHONY: soak
soak: ## run the long variants of the storms: reloads by the thousand, with connections in every way (about a quarter of an hour)
	@$(SUITE) soak

.PHONY: bench
bench: ## measure beside haproxy, nginx, hitch and stunnel: everything, three quarters of an hour to an hour (BENCH="..." are flags for go run ./bench)
	@bench/setup.sh --check || echo "bench: goes on without them; as root on Debian, bench/setup.sh installs them"
	@go run ./bench $(BENCH)

.PHONY: bench-quick
bench-quick: ## measure the most telling, under three minutes
	@bench/setup.sh --check || echo "bench: goes on without them; as root on Debian, bench/setup.sh installs them"
	@go run ./bench -quick $(BENCH)

.PHONY: lint
lint: ## check format, vet (Linux, Windows, macOS), staticcheck and the conventions
	@$(SUITE) lint

.PHONY: fmt
fmt: ## format all Go files
	@gofmt -w .

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@FUZZTIME=$(FUZZTIME) $(SUITE) fuzz

.PHONY: cover
cover: ## run the unit tests and print how much of everything they cover (details: cover.out)
	@go test -coverprofile=cover.out -coverpkg=./... ./...
	@go tool cover -func=cover.out | tail -n 1

.PHONY: clean
clean: ## remove what builds, tests and runs leave behind (certificates in state/ too)
	@rm -rf bin dist state bench/out cover.out

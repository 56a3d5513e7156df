# What a person or CI runs here. `make` alone lists the targets.
#
# Tools run by `go run tool@version`: pinned, nothing to install, and go.mod
# stays free of them. The first lint compiles them, which takes minutes.

GO            ?= go
GOFUMPT       := mvdan.cc/gofumpt@v0.12.0
STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GITLEAKS      := github.com/zricethezav/gitleaks/v8@v8.30.1

# Percent of the statements of functions/ and shared/ that the tests execute.
MIN_COVERAGE  := 85
COVERAGE_FILE := coverage.out

# How long make fuzz tries each.
FUZZTIME      ?= 10s

# What make torture does; seed 0 chooses one and prints it.
SEED          ?= 0
DURATION      ?= 3m
TOPOLOGY      ?= both

# The repository's modules: the service, the client that it shares with programs, the
# vendor's command, which requires the client alone, and the proof, which requires
# service and client and is required by none.
MODULES       := . client cmd/licensectl proof

# A program that the race detector watches sleeps a second at its end, unless told
# otherwise: the tests run some hundred such programs.
export GORACE ?= atexit_sleep_ms=0

.DEFAULT_GOAL := help
.PHONY: help run test test-proof coverage test-tools mutants model torture drills terraform terraform-faults lint secrets fuzz vulncheck image pin-images fmt bench scale

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## all seven functions on http://127.0.0.1:8080, with nothing to set up
	$(GO) run ./cmd/local

test-tools: ## install the servers the tests need: redis-server, the Firestore emulator, a C compiler, a browser, Python and Node
	./scripts/install-test-tools.sh

test: test-tools ## the tests of the service, the client and licensectl, under the race detector
	$(GO) test -race -timeout 60m ./...
	$(GO) -C client test -race -timeout 60m ./...
	$(GO) -C cmd/licensectl test -race -timeout 60m ./...

test-proof: test-tools ## the tests of the proof: documents, deployment, drills, and all that compile whole programs
	$(GO) -C proof test -race -timeout 60m ./...

coverage: test-tools ## the service's tests without the race detector, and the coverage bound
	$(GO) test -timeout 60m -coverprofile=$(COVERAGE_FILE) -coverpkg=./functions/...,./shared/... ./...
	./scripts/check-coverage.sh $(COVERAGE_FILE) $(MIN_COVERAGE)

mutants: test-tools ## break each guard of the protocol in turn; a test must notice
	$(GO) -C proof run ./mutants

terraform: ## check terraform/ with no cloud: schema, tests, policies, plans; says who knows the provider
	./scripts/check-terraform.sh

terraform-faults: ## plant faults in terraform/; each must be noticed
	./scripts/check-terraform.sh --faults

lint: ## formatting, vet, staticcheck, golangci-lint, modules as go.sum and go.mod say, of all modules
	@unformatted="$$($(GO) run $(GOFUMPT) -l .)" || exit 1; \
	if [ -n "$$unformatted" ]; then \
		printf 'not formatted (run make fmt):\n%s\n' "$$unformatted"; exit 1; \
	fi
	@set -e; for module in $(MODULES); do (set -x; cd $$module; \
		$(GO) mod verify; \
		$(GO) vet ./...; \
		$(GO) run $(STATICCHECK) ./...; \
		$(GO) run $(GOLANGCI_LINT) run --allow-parallel-runners ./...; \
		$(GO) mod tidy -diff); done

secrets: ## passwords and keys in the files and in what Git remembers (gitleaks)
	$(GO) run $(GITLEAKS) dir --no-banner --redact --config .gitleaks.toml .
	@# In a build the checkout belongs to another user, which git refuses.
	@if [ -e .git ]; then (set -x; GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
		$(GO) run $(GITLEAKS) git --no-banner --redact --config .gitleaks.toml .); fi

fuzz: ## every fuzz test for a while (FUZZTIME=10s)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' client cmd functions internal proof shared); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			(set -x; cd $$(dirname $$file); $(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) .); done; done

vulncheck: ## known vulnerabilities in code that is reached, of all modules (asks vuln.go.dev)
	@set -e; for module in $(MODULES); do (set -x; cd $$module; $(GO) run $(GOVULNCHECK) ./...); done

image: ## a plain container image by the Dockerfile, where there is Docker (docs/containers.md)
	docker build --tag coditect-licenses .

pin-images: ## write the digests of images that builds name by version alone (asks their registries)
	./scripts/pin-images.sh

fmt: ## format the Go files
	$(GO) run $(GOFUMPT) -w .

bench: ## measure the service under load (proof/cmd/bench)
	$(GO) -C proof run ./cmd/bench

torture: test-tools ## break everything around the service, check every promise (SEED= DURATION=3m TOPOLOGY=both|replica|cluster)
	$(GO) -C proof run ./cmd/torture --seed $(SEED) --duration $(DURATION) --topology $(TOPOLOGY)

drills: test-tools ## play five outages one by one and print what they cost (about five minutes)
	$(GO) -C proof run ./cmd/torture drill

scale: ## measure what large organizations cost (proof/cmd/scale; about three minutes)
	$(GO) -C proof run ./cmd/scale

model: ## check the written model of the protocol with spin
	./proof/model/check.sh

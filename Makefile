# make help says what there is. Every tool has its version here and nowhere else.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO          ?= go
BIN         := $(CURDIR)/bin
FUZZTIME    ?= 10s
PKG         ?= ./...
CLUSTERS    ?= 100,1000
LDFLAGS     := -s -w

TOOLS := github.com/bufbuild/buf/cmd/buf@v1.75.0 \
	google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 \
	connectrpc.com/connect/cmd/protoc-gen-connect-go@v1.21.1 \
	sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
HELM := helm.sh/helm/v4/cmd/helm@v4.3.1
SOPS := github.com/getsops/sops/v3/cmd/sops@v3.13.3
LINTERS := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 \
	golang.org/x/vuln/cmd/govulncheck@v1.8.0

NFPM := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
RELEASERS := github.com/goreleaser/goreleaser/v2@v2.15.1 \
	github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 \
	sigs.k8s.io/krew/cmd/validate-krew-manifest@v0.4.3
# Signs where the forge says who runs; release-check has a stand-in say it.
COSIGN := github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3

# Without these kubectl cannot parse the server's version.
V := k8s.io/component-base/version
KUBE_LDFLAGS := -s -w -X $(V).gitVersion=v1.36.3 -X $(V).gitMajor=1 -X $(V).gitMinor=36 -X $(V).gitTreeState=clean \
	-X $(V).gitCommit=0000000000000000000000000000000000000000 -X $(V).buildDate=2026-07-22T00:00:00Z \
	-X k8s.io/client-go/pkg/version.gitVersion=v1.36.3

.PHONY: help build sealer kube gitea tools softhsm postgres sops test generate verify fuzz-smoke threats histories \
	foretold mutants bench bench-reconcile bench-reconnect bench-many bench-against demo demo-console drill-recovery \
	drill-replicas packagers chromium axe test-tools release-tools sign-tools release-check clean
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Each with its CGO_ENABLED: the key service alone speaks to a token, by a library in C.
PROGRAMS := bulla:0 bulla-console:0 bulla-controller:0 bulla-keyservice:1

# $(call compile,OUTPUT,PACKAGE,NAME) builds a program as it is released, and says how far it is.
compile = $(GO) build -v -trimpath -ldflags '$(LDFLAGS)' -o $(1) $(2) 2>&1 | \
	GO='$(GO)' fixtures/progress.sh '$(3)' -trimpath -ldflags '$(LDFLAGS)' $(2)

build: sealer ## Build bulla, bulla-console, bulla-controller and bulla-keyservice into bin/
	@n=0; for program in $(PROGRAMS); do n=$$((n + 1)); name=$${program%:*}; \
		echo "bin/$$name, program $$n of $(words $(PROGRAMS))"; \
		export CGO_ENABLED=$${program#*:}; $(call compile,$(BIN)/,./cmd/$$name,bin/$$name); done

# Into what bulla and bulla-console embed, which serve it to browsers.
sealer: ## Build what a browser seals with
	@mkdir -p .cache && find console sealing api go.mod go.sum -type f ! -name '*_test.go' ! -path '*/built/*' | \
		sort | xargs sha256sum | cat - <($(GO) version) > .cache/sealer.now; \
		cmp -s .cache/sealer.now .cache/sealer && [[ -e console/sealer/static/built/sealer.wasm.br ]] || { \
		echo "console/sealer/static/built/sealer.wasm.br"; \
		$(GO) run -v -trimpath ./console/sealer/pack -v -o console/sealer/static/built 2>&1 | \
			fixtures/progress.sh "what a browser seals with" && mv .cache/sealer.now .cache/sealer; }

kube: bin/kube ## Make the control plane for tests, bin/kube (once; minutes. BULLA_PREBUILT=no: no download)
bin/kube: $(wildcard fixtures/kube/* fixtures/kwok/* fixtures/prebuilt/*.sh fixtures/prebuilt/*.sha512)
	@mkdir -p $(BIN) && GO=$(GO) fixtures/prebuilt/build.sh $(BIN) '$(KUBE_LDFLAGS)'

gitea: bin/gitea ## Make a real Gitea for the tests of pull requests, bin/gitea (once; minutes)
bin/gitea: fixtures/gitea/go.mod fixtures/gitea/go.sum
	@mkdir -p $(BIN) && cd fixtures/gitea && CGO_ENABLED=1 $(GO) build -trimpath -ldflags=-w \
		-tags 'sqlite sqlite_unlock_notify' -o $(BIN)/gitea code.gitea.io/gitea

tools: $(foreach t,$(TOOLS) $(LINTERS),bin/.$(notdir $(t))) ## Build generators and linters into bin/
# As programs are built: what of Go's own library and of other modules is the same is compiled once.
define tool
bin/.$(notdir $(1)):
	@echo "bin/$(notdir $(subst /v2@,@,$(1)))"
	@CGO_ENABLED=0 GOFLAGS='-trimpath -ldflags=-w' GOBIN=$(BIN) $(GO) install $(1) && touch $$@
endef
$(foreach t,$(TOOLS) $(LINTERS) $(HELM) $(SOPS) $(NFPM) $(RELEASERS) $(COSIGN),$(eval $(call tool,$(t))))

softhsm: ## Install SoftHSM2 when it is missing, or say how
	@fixtures/install-softhsm.sh

postgres: ## Install PostgreSQL's server programs when they are missing, or say how
	@fixtures/install-postgres.sh

sops: bin/.$(notdir $(SOPS)) ## Build SOPS, for the tests of import and export

packagers: ## Install dpkg and rpm when they are missing, or say how
	@fixtures/install-packagers.sh

chromium: ## Install Chromium when it is missing, or say how
	@fixtures/install-chromium.sh

axe: ## Put axe-core, which tests of pages ask, into bin/axe
	@fixtures/install-axe.sh $(BIN)

test-tools: sops bin/.$(notdir $(HELM)) bin/.$(notdir $(NFPM))

test: sealer kube softhsm postgres packagers chromium axe test-tools ## Run all tests (PKG=./... chooses), most -race
	@[[ '$(BULLA_GITEA)' != no ]] && $(MAKE) --no-print-directory gitea || \
		echo "make test: NOT CHECKED against a real Gitea: it could not be built, or BULLA_GITEA=no"
	@GO='$(GO)' fixtures/test.sh $(PKG)

generate: $(foreach t,$(TOOLS),bin/.$(notdir $(t))) ## Write generated code, CRDs and the command reference
	bin/buf lint && bin/buf generate
	bin/controller-gen object paths=./api/... crd output:crd:dir=charts/bulla-controller/files/crds paths=./api/...
	$(GO) run ./fixtures/schemas
	$(GO) run ./cmd/bulla docs > bin/cli.md && mv bin/cli.md docs/reference/cli.md
	BULLA_WRITE_VALUES=1 $(GO) test -count=1 -run TestThePageOfValuesIsOfTheseValues ./fixtures/helm

verify: tools ## Check everything that is no test: format, vet, lint, freshness, imports, go.mod, vulnerabilities
	@fixtures/verify.sh

fuzz-smoke: ## Fuzz every fuzz test for FUZZTIME (10s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
		grep -oE '^func Fuzz[A-Za-z0-9_]+' "$$file" | while read -r _ name; do \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; done; done

threats: ## Attack every row of docs/threats.md, and say which held
	@$(GO) run ./fixtures/threats

histories: kube ## Live through random histories, and ask when deletion may happen (COUNT=1000 SEED=1)
	GOGC=400 $(GO) test ./controllers/delivery -run TestWhatMayBeDeletedInAnyHistory -v -timeout 24h \
		-histories $(or $(COUNT),1000) -seed $(or $(SEED),1)

foretold: kube softhsm ## Plan random changes, and make them on a cluster (COUNT=200 SEED=8)
	$(GO) test ./cmd/bulla-controller -run TestAPlanForetellsWhatControllersDo -v -timeout 24h \
		-foretold $(or $(COUNT),200) -seed $(or $(SEED),8)

mutants: ## Take every guard out, one at a time: a named test must fail
	$(GO) run ./fixtures/mutants

bench: kube softhsm ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./sealing/... ./kustomize ./keyservice \
		./keyservice/journal ./fixtures/story

bench-reconcile: kube softhsm $(if $(PEER),peer) ## Measure a cluster's whole way (APPS=50 PER_APP=20 CHANGES=50 PEER=1)
	BULLA_FLEET=$(or $(APPS),50) BULLA_PER_APP=$(PER_APP) BULLA_CHANGES=$(or $(CHANGES),50) BULLA_PATIENCE=20m \
		BULLA_BESIDE='$(or $(BESIDE),$(if $(PEER),exec $(BIN)/peer/peer))' BULLA_BESIDE_WAITS=$(PEER) \
		$(GO) test -v -run '^$$' -bench BenchmarkFleet -benchtime 1x -timeout 90m ./fixtures/story

.PHONY: peer
peer: ## Build kustomize-controller with SOPS from its module, which PEER=1 measures beside bulla (once; minutes)
	@GO=$(GO) fixtures/peer/build.sh $(BIN)

bench-reconnect: softhsm ## Reconnect a fleet as one (CLUSTERS=100,1000,10000 DELAY=2ms, of the token)
	BULLA_RECONNECT=$(CLUSTERS) BULLA_RECONNECT_DELAY=$(DELAY) \
		$(GO) test -run '^$$' -bench Reconnect -benchtime 1x -timeout 90m ./keyservice

bench-many: softhsm ## Enrol, add and prune many clusters (CLUSTERS=3000)
	BULLA_MANY=$(or $(CLUSTERS),3000) $(GO) test -run '^$$' -bench Many -benchtime 1x -timeout 60m ./fixtures/story \
		./controllers/fleetsync

bench-against: softhsm ## Compare benchmarks with COMMIT's, in turn (ROUNDS=5 BENCH=. BENCHTIME=20x)
	BENCHSTAT=$(BENCHSTAT) fixtures/bench-against.sh $(COMMIT)

# Built as bulla is: with other flags eight hundred packages would be compiled once more.
DEMO = (export CGO_ENABLED=0; $(call compile,$(BIN)/.demo,./fixtures/demo,the story))

demo: build kube softhsm ## Tell the whole story on real parts, every sentence checked (KEEP=1: it stays, console open)
	@$(DEMO) && exec $(BIN)/.demo -bin $(BIN) $(if $(KEEP),-keep)

demo-console: build kube softhsm ## Open the console on a live fleet, and say what to click in it
	@$(DEMO) && exec $(BIN)/.demo -bin $(BIN) -console

drill-recovery: build kube softhsm ## Lose the HSM, a cluster and a token, and get them back, every sentence checked
	@$(DEMO) && exec $(BIN)/.demo -bin $(BIN) -recovery $(if $(KEEP),-keep)

drill-replicas: softhsm postgres ## Kill, stop and replace replicas on a real PostgreSQL, and restore its backup
	@$(GO) test -count=1 -v -timeout 20m ./fixtures/drills

release-tools: sign-tools $(foreach t,$(RELEASERS),bin/.$(notdir $(t)))

sign-tools: $(foreach t,$(COSIGN) $(HELM),bin/.$(notdir $(t)))

# Twice, the second time as if checked out at another hour: what differs is what a release takes from the machine or
# the hour. Without a remote GoReleaser does not say of which hour the commit is, and dates files by the build: so there
# is one, which is asked for nothing.
release-check: packagers release-tools ## Make a release of this platform, twice, use it, sign it and verify it
	@mkdir -p .cache/release && $(GO) run ./fixtures/release host > .cache/release/host.yaml
	@for turn in first second; do rm -rf dist && touch LICENSE README.md && PATH="$(BIN):$$PATH" \
		GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/bulla-dev/bulla \
		bin/goreleaser release --snapshot --clean --skip sign --config .cache/release/host.yaml && \
		(cd dist && sha256sum *_*/bulla* && cat SHA256SUMS) > .cache/release/$$turn || exit 1; done
	@diff .cache/release/first .cache/release/second && echo "ok: made twice, all that is signed is the same"
	@$(GO) run ./fixtures/release check dist
	@$(GO) run ./fixtures/release signed dist
	@$(GO) run ./fixtures/release cross

clean: ## Remove what make built
	rm -rf bin .cache

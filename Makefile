# Berth. `make` alone lists the targets.

.DEFAULT_GOAL := help
.PHONY: help run build test check bench reclaim fleet docs site image deb

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-7s %s\n' "$$name" "$$what"; done

run: build ## Build, and start a registry on http://localhost:5000 with its data in ./data
	target/release/berth serve

build: ## Build target/release/berth, with the console in it
	BERTH_CONSOLE=require cargo build --release --locked --package berth-server --bin berth

test: export BERTH_CONSOLE = require
test: ## Run every test, real clients and a browser included (scripts/install-test-tools gets them)
	cargo nextest run --workspace --locked --no-run
	scripts/test-console
	cargo xtask fuzz
	cargo nextest run --workspace --locked

check: export BERTH_CONSOLE = require
check: ## Check format, lints, documentation and the rules of the house
	cargo xtask check

bench: ## Measure beside docker-registry and nginx
	bench/run

reclaim: ## Measure requests beside a reclaim of 100,000 of 1,000,000 blobs
	bench/reclaim

fleet: ## Measure many nodes that pull one image, as root
	bench/fleet

docs: ## Write the pages that are made of the code
	cargo build --locked --package berth-server --bin berth
	target/debug/berth config reference > docs/reference/settings.md
	target/debug/berth config sample > docs/reference/berth.toml
	target/debug/berth reference metrics > docs/reference/metrics.md

site: ## Build the documentation site into target/site
	cargo build --locked --package berth-server --bin berth
	scripts/build-site target/debug/berth

image: build ## Make a container image of the program in target/image
	scripts/build-image target/release/berth target/image

deb: build ## Make a Debian package of the program in target
	scripts/build-deb target/release/berth target

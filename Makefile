# What a checkout can do. `make` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c

# The compiler: from PATH, or where its archives and packages usually put it. `make SWIFT=/path/to/swift` overrules both.
SWIFT := $(or $(SWIFT),$(firstword $(shell command -v swift 2>/dev/null) \
	$(wildcard /opt/*/usr/bin/swift /opt/*/*/usr/bin/swift /usr/libexec/swift/*/bin/swift $(HOME)/.local/share/swiftly/bin/swift)))
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

SOURCES := Package.swift Sources Tests
EXAMPLE := --package-path Tests/Example --scratch-path .build/example

.DEFAULT_GOAL := help
.PHONY: help run test example bench scale build format lint clean toolchain needs example-pins
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: needs ## build zinxd and run it in the foreground with ./zinx.json; Ctrl-C drains and ends it
	$(SWIFT) build -c release --product zinxd
	exec .build/release/zinxd --config zinx.json

test: needs ## build and run every test
	$(SWIFT) build --build-tests
	# One after the other: side by side, tests that compute would starve those that wait for a real socket within a time limit.
	$(SWIFT) test --disable-xctest --no-parallel

example: needs example-pins ## build, test and start the daemon with a plugin of its own in Tests/Example
	$(SWIFT) build $(EXAMPLE) --build-tests
	$(SWIFT) test $(EXAMPLE) --disable-xctest
	.build/example/debug/score-daemon --list-plugins > .build/example/plugins.txt
	cat .build/example/plugins.txt
	grep -q '^score ' .build/example/plugins.txt
	.build/example/debug/score-daemon --check --config Tests/Example/zinx.json

ROUNDS := 5

bench: needs bench-needs ## measure against plain C and write the table into README.md; make bench ROUNDS=3
	SWIFT="$(SWIFT)" bench/run --rounds $(ROUNDS)

scale: needs bench-needs ## measure how costs grow with connections, and draw the plots of the README
	SWIFT="$(SWIFT)" bench/scale
	bench/plot

build: needs ## build everything, optimised
	$(SWIFT) build -c release

format: toolchain ## lay out the sources
	$(SWIFT) format --in-place --recursive $(SOURCES)

lint: toolchain ## check the layout of the sources
	$(SWIFT) format lint --strict --recursive $(SOURCES)

clean: ## remove what was built
	rm -rf .build

# The example is built with the versions that this package was resolved to, so that it needs no network of its own.
example-pins:
	@if [ -e Package.resolved ]; then cp Package.resolved Tests/Example/; fi

toolchain:
	@if ! [ -x "$(SWIFT)" ]; then \
	  echo "make: no Swift compiler found: install Swift 6.2 or later from https://www.swift.org/install/linux/," \
	    "or say where it is: make SWIFT=/path/to/swift" >&2; exit 1; \
	fi

# Installs only what is missing, so that the network is needed once.
needs: toolchain
	@missing=(); \
	command -v git >/dev/null || missing+=(git ca-certificates); \
	command -v pkg-config >/dev/null || missing+=(pkg-config); \
	pkg-config --exists libsystemd 2>/dev/null || missing+=(libsystemd-dev); \
	compgen -G '/usr/lib/gcc/*/*/libstdc++.so' >/dev/null || missing+=(g++); \
	[ $${#missing[@]} = 0 ] && exit 0; \
	if ! command -v apt-get >/dev/null; then \
	  echo "make: the build needs what Debian calls $${missing[*]}: install them with your package manager" >&2; exit 1; \
	fi; \
	set -ex; \
	$(SUDO) apt-get update -qq; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"

# --- Package and end-to-end test ---

.PHONY: deb e2e bench-needs deb-needs e2e-needs

deb: needs deb-needs ## build the Debian package; the last line is its path
	@SWIFT="$(SWIFT)" packaging/build-deb

e2e: deb e2e-needs ## boot a clean Debian, install the package there and try all of it (as root)
	@$(SUDO) Tests/e2e/run .build/deb/zinxd_*.deb

# $(call install,command:package ...) installs the packages of those commands that are missing.
install = @missing=(); \
	for need in $(1); do command -v "$${need%%:*}" >/dev/null || missing+=("$${need\#*:}"); done; \
	[ $${\#missing[@]} = 0 ] || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"; } >&2

bench-needs:
	$(call install,cc:gcc python3:python3 taskset:util-linux)

deb-needs:
	$(call install,dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian man:man-db)

e2e-needs:
	$(call install,mmdebstrap:mmdebstrap nsenter:util-linux setpriv:util-linux python3:python3 dpkg-deb:dpkg)

# What a checkout can do. `make` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c

# The compiler: from PATH, or where its archives and packages usually put it. `make SWIFT=/path/to/swift` overrules both.
SWIFT := $(or $(SWIFT),$(firstword $(shell command -v swift 2>/dev/null) \
	$(wildcard /opt/*/usr/bin/swift /opt/*/*/usr/bin/swift /usr/libexec/swift/*/bin/swift $(HOME)/.local/share/swiftly/bin/swift)))
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

SOURCES := Package.swift Sources Tests
# One folder for all of them: what they have in common, most of all zinxd, is built once. The world is the last, as it has zinxd with a trait.
EXAMPLES := Tests/Example Tests/Examples/Chat Tests/Examples/Station Tests/Examples/World
EXAMPLE_BUILD := --scratch-path .build/examples

.DEFAULT_GOAL := help
.PHONY: help run test example example-needs snippets snippets-needs bench scale gateway build format lint lint-needs tsan asan fuzz fuzz-build clean toolchain needs example-pins
.NOTPARALLEL:

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: needs ## build zinxd and run it in the foreground with ./zinx.json; Ctrl-C drains and ends it
	$(SWIFT) build -c release --product zinxd
	exec .build/release/zinxd --config zinx.json

test: needs test-needs ## build and run every test
	$(SWIFT) build --build-tests
	# One after the other: side by side, tests that compute would starve those that wait for a real socket within a time limit.
	$(SWIFT) test --disable-xctest --no-parallel

example: needs example-needs example-pins ## build, test and start the daemons with plugins of their own in Tests/Example, Tests/Examples and README.md
	# The first, so that the daemon of its name is that of Tests/Example in the end.
	$(SWIFT) build --product zinx-client
	Tests/Snippets/page .build/examples/page "$(SWIFT)" .build/examples .build/debug/zinx-client
	for package in $(EXAMPLES); do \
	  $(SWIFT) build --package-path $$package $(EXAMPLE_BUILD) --build-tests; \
	  $(SWIFT) test --package-path $$package $(EXAMPLE_BUILD) --skip-build --disable-xctest; \
	done
	.build/examples/debug/score-daemon --list-plugins > .build/examples/plugins.txt
	cat .build/examples/plugins.txt
	grep -q '^score ' .build/examples/plugins.txt
	.build/examples/debug/score-daemon --check --config Tests/Example/zinx.json
	.build/examples/debug/station-daemon --check --config Tests/Examples/Station/zinx.json
	# It speaks of itself by its own name.
	echo '{"Host": "127.0.0.1", "TcpPort": 0}' > .build/examples/free.json
	for arguments in --help --version --reload --bogus "--config .build/examples/free.json"; do \
	  timeout 5 .build/examples/debug/score-daemon $$arguments || true; done > .build/examples/words.txt 2>&1
	grep -q 'score-daemon 1.0.0 listens' .build/examples/words.txt
	! grep zinxd .build/examples/words.txt
	.build/examples/debug/chat-daemon --list-plugins | grep '^chat '
	.build/examples/debug/world-daemon --list-plugins | grep '^world '

example-needs:
	$(call install,python3:python3)

SNIPPETS := .build/snippets/package

snippets: needs snippets-needs ## build every Swift example of the documentation
	Tests/Snippets/extract $(SNIPPETS)
	@if [ -e Package.resolved ]; then cp Package.resolved $(SNIPPETS); fi
	$(SWIFT) build --package-path $(SNIPPETS) --scratch-path .build/snippets/build --target Snippets

snippets-needs:
	$(call install,python3:python3)

ROUNDS := 15

bench: needs bench-needs ## measure against plain C and C with OpenSSL, and write the tables into README.md; make bench ROUNDS=5
	SWIFT="$(SWIFT)" bench/run --rounds $(ROUNDS)

scale: needs bench-needs ## measure how costs grow with connections, and draw the plots of the README
	SWIFT="$(SWIFT)" bench/scale
	bench/plot

gateway: needs bench-needs nats-needs ## measure what a request to a service behind NATS costs zinxd, beside libnats alone
	SWIFT="$(SWIFT)" bench/gateway

build: needs ## build everything, optimised
	$(SWIFT) build -c release

format: toolchain ## lay out the sources
	$(SWIFT) format --in-place --recursive $(SOURCES)

lint: toolchain lint-needs ## check the layout of the sources, and the lengths that README.md tells of the chat
	$(SWIFT) format lint --strict --recursive $(SOURCES)
	Tests/Examples/lines

lint-needs:
	$(call install,python3:python3)

tsan: needs ## run the tests under ThreadSanitizer: data races
	$(SWIFT) build --build-tests --sanitize=thread --scratch-path .build/tsan
	$(dir $(SWIFT))clang -O1 -Wall -Werror -shared -fPIC -o .build/tsan/mutex.so Tests/Sanitizers/mutex.c -ldl
	# Worker threads are not waited for, as a handler may block one for ever (WorkerPool), so threads that leak are none.
	LD_PRELOAD=$(CURDIR)/.build/tsan/mutex.so SWIFT_BACKTRACE=enable=no \
	  TSAN_OPTIONS="suppressions=$(CURDIR)/Tests/Sanitizers/tsan.supp report_thread_leaks=0 atexit_sleep_ms=0" \
	  $(SWIFT) test --skip-build --sanitize=thread --scratch-path .build/tsan --disable-xctest --no-parallel \
	  --skip '/WithoutProcTests/'

asan: needs ## run the tests under AddressSanitizer: memory that is misused
	$(SWIFT) build --build-tests --sanitize=address --scratch-path .build/asan
	# Without the bound on the daemon's memory: the sanitizer keeps what was freed, to see whether it is used again. And with /proc, which
	# it cannot do without, as the one above cannot.
	SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 \
	  $(SWIFT) test --skip-build --sanitize=address --scratch-path .build/asan --disable-xctest --no-parallel --skip '/MemoryTests/' --skip '/WithoutProcTests/'

# Seconds for each target.
fuzz: SECONDS := 60
fuzz: toolchain fuzz-build ## look for inputs that break a parser: SECONDS=60 for each, TARGET=decoder for one (SEED=)
	SEED=$(SEED) Tests/Fuzz/run $(SECONDS) $(TARGET)

# libFuzzer without its main: a Swift executable has one of its own. gold, Swift's linker of old, cannot link the sanitizer.
fuzz-build: needs example-pins
	resources=$$($(SWIFT)c -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p'); \
	$(SWIFT) build --package-path Tests/Fuzz --scratch-path .build/fuzz/build -c release --product Fuzz --sanitize=address \
	  -Xswiftc -sanitize-coverage=edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table -Xswiftc -enable-testing \
	  -Xswiftc -use-ld=lld -Xlinker "$$resources/clang/lib/linux/libclang_rt.fuzzer_no_main-$$(uname -m).a" -Xlinker -lstdc++

clean: ## remove what was built
	rm -rf .build

# The packages in Tests are built with the versions that this one was resolved to, so that they need no network of their own.
example-pins:
	@if [ -e Package.resolved ]; then for package in $(EXAMPLES) Tests/Fuzz; do cp Package.resolved $$package/; done; fi

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
	pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev); \
	pkg-config --exists libnats 2>/dev/null || missing+=(libnats-dev); \
	compgen -G '/usr/lib/gcc/*/*/libstdc++.so' >/dev/null || missing+=(g++); \
	[ $${#missing[@]} = 0 ] && exit 0; \
	if ! command -v apt-get >/dev/null; then \
	  echo "make: the build needs what Debian calls $${missing[*]}: install them with your package manager" >&2; exit 1; \
	fi; \
	set -ex; \
	$(SUDO) apt-get update -qq; \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"

# --- Faults ---

.PHONY: faults faults-needs

faults: needs faults-needs ## let system calls fail under the built zinxd, and check that it serves on
	$(SWIFT) build --product zinxd
	ZINXD="$$($(SWIFT) build --product zinxd --show-bin-path)/zinxd" Tests/faults/run

faults-needs:
	$(call install,cc:gcc python3:python3 unshare:util-linux curl:curl openssl:openssl ssh:openssh-client \
	  mosquitto_pub:mosquitto-clients)

# --- Package and end-to-end test ---

.PHONY: deb e2e vanish proxies metrics tls bench-needs deb-needs e2e-needs test-needs vanish-needs proxies-needs
.PHONY: page commands metrics-needs tls-needs websocket websocket-needs go-peers go-peers-needs terminal terminal-needs nats nats-needs

deb: needs deb-needs ## build the Debian package; the last line is its path
	@python3 -B Tests/packaging/test_sbom.py
	@SWIFT="$(SWIFT)" packaging/build-deb

e2e: deb e2e-needs ## boot a clean Debian, install the package there and try all of it (as root)
	@$(SUDO) Tests/e2e/run .build/deb/zinxd_*.deb

vanish: needs vanish-needs ## cut the line between zinxd and its peers, in network namespaces (as root)
	$(SWIFT) build --product zinxd
	@$(SUDO) Tests/e2e/vanish .build/debug/zinxd

proxies: needs proxies-needs ## put HAProxy and nginx in front of zinxd, and clients of WebSocket
	$(SWIFT) build --product zinxd
	@Tests/e2e/proxies .build/debug/zinxd

metrics: needs metrics-needs ## have a Prometheus scrape zinxd, and bring zinxd into the state of each alert
	$(SWIFT) build --product zinxd
	@Tests/e2e/metrics .build/debug/zinxd
	@Tests/e2e/alerts .build/debug/zinxd

terminal: needs terminal-needs ## try zinxctl in a real terminal, and hold its commands against their documentation
	$(SWIFT) build --product zinxd
	$(SWIFT) build --product zinxctl
	@Tests/e2e/terminal .build/debug/zinxd .build/debug/zinxctl
	@Tests/e2e/commands .build/debug/zinxd .build/debug/zinxctl

tls: needs tls-needs ## let clients of OpenSSL, GnuTLS, Python and Java speak TLS with zinxd
	$(SWIFT) build --product zinxd
	@Tests/e2e/tls .build/debug/zinxd

page: needs websocket-needs ## look at the page of the status with Chromium (PICTURES=a directory for pictures of it)
	$(SWIFT) build --product zinxd
	@Tests/e2e/page $(if $(PICTURES),--pictures $(PICTURES)) .build/debug/zinxd

commands: needs ## write what zinxctl prints into its documentation
	$(SWIFT) build --product zinxd
	$(SWIFT) build --product zinxctl
	@Tests/e2e/commands --write .build/debug/zinxd .build/debug/zinxctl

websocket: needs websocket-needs ## let Chromium and Python speak WebSocket with zinxd, and zinx-client with servers of others
	$(SWIFT) build --product zinxd
	$(SWIFT) build --product zinx-client
	@Tests/e2e/websocket .build/debug/zinxd .build/debug/zinx-client

# Not among the checks before a change lands: Go is 80 MB, and takes longer to install than all the other peers take to run.
go-peers: needs go-peers-needs ## let clients in Go speak TLS and WebSocket with zinxd
	$(SWIFT) build --product zinxd
	$(SWIFT) build --product zinx-client
	@Tests/e2e/tls .build/debug/zinxd go
	@Tests/e2e/websocket .build/debug/zinxd .build/debug/zinx-client gorilla

nats: needs nats-needs ## put a real nats-server behind zinxd, and services that fail in every way
	$(SWIFT) build --product zinxd
	$(SWIFT) build --product zinxctl
	$(SWIFT) build --product nodes-daemon
	@SWIFT="$(SWIFT)" Tests/e2e/nats .build/debug

# --- Counts ---

.PHONY: guards guards-needs

guards: needs guards-needs ## count what a message, a batch, a connection, a crowd, heartbeats and outsiders cost, and check it
	$(SWIFT) build -c release --product zinxd
	$(SWIFT) build -c release --product handler-forms
	bench/guards
	bench/crowd
	bench/crowd --workers 10
	bench/outsiders
	bench/outsiders --workers 10
	# The promise is half of it, and held on a machine that nobody shares: bench/heartbeats without arguments.
	bench/heartbeats --interval 4 --periods 1 --limit 4

guards-needs:
	$(call install,cc:gcc python3:python3 strip:binutils valgrind:valgrind strace:strace)

# --- Under attack ---

.PHONY: soak drains upgrades hostile handshakes steer nodes soak-needs

# What `make soak MINUTES=5 SEED=1 CLIENTS=500` passes on.
SOAK = $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(CLIENTS),--clients $(CLIENTS))

soak: soak-needs ## attack a zinxd for MINUTES=2 and check that nothing is lost (SEED=, CLIENTS=)
	Tests/soak/soak $(SOAK) .build/release/zinxd

drains: soak-needs ## end a zinxd under load COUNT=200 times and check that nothing is lost (SEED=)
	Tests/soak/drains $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) .build/release/zinxd

upgrades: soak-needs ## have one zinxd take over from another under load COUNT=200 times and check that no peer notices (SEED=, OTHER= another build, ROLLBACKS=20 of each kind)
	$(SWIFT) build -c release --product zinxctl
	Tests/soak/upgrades $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(OTHER),--other $(OTHER)) \
	  $(if $(ROLLBACKS),--rollbacks $(ROLLBACKS)) \
	  .build/release/zinxd .build/release/zinxctl

handshakes: soak-needs ## let thousands of handshakes come to nothing beside good clients
	Tests/soak/figures --only handshakes --workers 0 --seconds 10 .build/release/zinxd

steer: soak-needs ## look at 19000 connections, close some, ask while nothing else goes on, and measure what that costs (PART=)
	$(SWIFT) build -c release --product zinxctl
	$(SWIFT) build -c release --product zinx-bench
	Tests/soak/steer $(if $(PART),--only $(PART)) .build/release

nodes: soak-needs nats-needs ## three zinxd with a nats-server that is killed under load, and CLIENTS=1000 on each, for SECONDS=60 (SEED=)
	$(SWIFT) build -c release --product nodes-daemon
	Tests/soak/nodes $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(CLIENTS),--clients $(CLIENTS)) \
	  .build/release/nodes-daemon

hostile: soak-needs ## measure good clients beside connect floods, slow-loris peers and broken handshakes for SECONDS=60 each
	Tests/soak/figures $(if $(SECONDS),--seconds $(SECONDS)) .build/release/zinxd

soak-needs: needs
	$(call install,python3:python3 taskset:util-linux cc:gcc)
	$(SWIFT) build -c release --product zinxd

# $(call install,command:package ...) installs the packages of those commands that are missing.
install = @missing=(); \
	for need in $(1); do command -v "$${need%%:*}" >/dev/null || missing+=("$${need\#*:}"); done; \
	[ $${\#missing[@]} = 0 ] || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"; } >&2

bench-needs:
	$(call install,cc:gcc python3:python3 taskset:util-linux)

deb-needs:
	$(call install,dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian man:man-db python3:python3)

e2e-needs:
	$(call install,mmdebstrap:mmdebstrap ip:iproute2 nsenter:util-linux setpriv:util-linux python3:python3 dpkg-deb:dpkg)

# For the tests that are in a network of their own.
test-needs:
	$(call install,ip:iproute2 openssl:openssl python3:python3 unshare:util-linux)

proxies-needs:
	$(call install,haproxy:haproxy nginx:nginx-light nginx:libnginx-mod-stream nginx:python3-websockets python3:python3)

# The test starts a Prometheus of its own: where the package was not there, the service that comes with it is stopped again.
metrics-needs:
	$(call install,python3:python3 openssl:openssl)
	@command -v prometheus >/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus; \
	  $(SUDO) systemctl disable --now prometheus 2>/dev/null || true; } >&2
	@/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-prometheus-client; } >&2

# The test starts a nats-server of its own: the service that comes with the package is stopped again where that was not there.
nats-needs:
	$(call install,python3:python3 cc:gcc)
	@/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; } >&2
	@PATH=$$PATH:/usr/sbin command -v nats-server >/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nats-server; \
	  $(SUDO) systemctl disable --now nats-server 2>/dev/null || true; } >&2

terminal-needs:
	$(call install,tmux:tmux python3:python3)

tls-needs:
	$(call install,openssl:openssl gnutls-cli:gnutls-bin testssl:testssl.sh javac:default-jdk-headless python3:python3)

go-peers-needs:
	$(call install,python3:python3 go:golang-go)
	@[ -d /usr/share/gocode/src/github.com/gorilla/websocket ] || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-github-gorilla-websocket-dev; } >&2
	@/usr/bin/python3 -c 'import websocket, websockets' 2>/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-websocket python3-websockets; } >&2

# The browser is 85 MB, and installed in a quarter of a minute.
websocket-needs:
	$(call install,chromium:chromium python3:python3)
	@/usr/bin/python3 -c 'import websocket, websockets' 2>/dev/null || { set -ex; $(SUDO) apt-get update -qq; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-websocket python3-websockets; } >&2

vanish-needs:
	$(call install,ip:iproute2 nsenter:util-linux python3:python3)

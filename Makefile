# make run    install what is missing, build, and start the demo on an embedded Kafka; PORT=9000 for another port than
#             8080, and then in the second terminal: PORT=9000 .build/release/patchbay tap dashboard
# make test   install what is missing and run all tests
# make test-kafka KAFKA_HOME=path  run the tests that need a real Apache Kafka, from an unpacked release of it (and Java)
# make test-tsan, make test-asan  run them under ThreadSanitizer or AddressSanitizer
# make lint, make format  check the sources' format, or mend it, with Swift's own formatter
# make docs   write the generated pages of docs/reference again
# make screenshots  take the README's pictures of /docs again
# make fuzz   fuzz the loader of routes.yaml, the transformers, and what plugins say, a minute each (FUZZ_SECONDS=n for longer)
# make bench  install what is missing and run the benchmarks (takes about twenty minutes)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PACKAGES := librdkafka-dev libyaml-dev libsimdjson-dev libjq-dev liburing-dev pkg-config python3 python3-pip
# What only the tests need: judges that are not ours, and a browser.
# The proxies are only run on loopback, with files of the tests' own.
TEST_PACKAGES := python3-jsonschema python3-yaml python3-venv prometheus chromium nginx-light haproxy curl
PORT ?= 8080

.PHONY: help setup setup-tests build run test lint format test-kafka test-tsan test-asan bench docs screenshots fuzz clean

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

# Only asks for privileges when something is missing.
define need
	command -v swift >/dev/null || { echo "Swift 6.2 or newer is needed: https://www.swift.org/install/linux/" >&2; exit 69; }; \
	missing=""; for package in $(1); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "please install:$$missing (this is no Debian system)" >&2; exit 69; }; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing:$$missing"; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

setup:
	@$(call need,$(PACKAGES))
	@Sources/CDocsAssets/fetch.sh
	@Sources/CPatchbayPlugin/fetch.sh

setup-tests: setup
	@$(call need,$(TEST_PACKAGES))
	@test -x .venv/bin/python || python3 -m venv .venv
	@cmp -s Tests/Browser/requirements.txt .venv/requirements.txt || { \
	  echo "installing Python test tools"; \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r Tests/Browser/requirements.txt; \
	  cp Tests/Browser/requirements.txt .venv/requirements.txt; }

build: setup
	swift build -c release --product patchbay
	swift build -c release --product patchbay-plugin-host
	test ! -e Sources/CPatchbayPlugin/vendor/libwasmtime.so || cp -u Sources/CPatchbayPlugin/vendor/libwasmtime.so .build/release/

run: build
	PORT=$(PORT) exec .build/release/patchbay demo

# Those with brokers, sockets and browsers run by themselves: beside hundreds of tests that compute, two cores leave
# them waiting. And each target in a process of its own: with some 1,350 open files or more, Foundation's Process.run
# (Swift 6.3) may read behind the end of the list of them.
LIVE_TESTS := EndToEndTests PatchbayHTTPTests PatchbayKafkaTests PatchbayRuntimeTests RealKafkaTests
SPACE := $(subst ,, )
test: setup-tests
	$(MAKE) lint
	swift build --build-tests
	swift test --skip-build --skip '$(subst $(SPACE),|,$(LIVE_TESTS))'
	for target in $(LIVE_TESTS); do swift test --skip-build --filter "^$$target\\."; done

# Swift's own formatter, with .swift-format: whether all is as it would leave it, and leaving it so.
lint:
	@swift format --version >/dev/null 2>&1 || { echo "skipped: this Swift comes without its formatter" >&2; exit 0; }; \
	swift format lint --strict --parallel --recursive Sources Plugins Tests Benchmarks Package.swift || { echo "\`make format\` mends most of this" >&2; exit 1; }
format:
	swift format --in-place --parallel --recursive Sources Plugins Tests Benchmarks Package.swift

# Starts and stops nodes of that release by itself, with data in temporary folders.
test-kafka: setup
	@command -v java >/dev/null || { echo "Java is needed to run Kafka: install a JDK of version 17 or newer" >&2; exit 69; }
	@test -x "$(KAFKA_HOME)/bin/kafka-storage.sh" || { echo "please say where an unpacked release of Apache Kafka is: make test-kafka KAFKA_HOME=/path/to/kafka" >&2; exit 64; }
	swift build --build-tests
	KAFKA_HOME='$(KAFKA_HOME)' swift test --skip-build --filter '^RealKafkaTests\.'

test-tsan: setup-tests
	Tests/Sanitizers/run.sh thread

test-asan: setup-tests
	Tests/Sanitizers/run.sh address

screenshots: setup-tests build
	.venv/bin/python Tests/Browser/screenshots.py .build/release/patchbay

docs: setup
	swift run patchbay reference docs/reference

FUZZ_SECONDS ?= 60
fuzz: setup
	Tests/Fuzz/run.sh $(FUZZ_SECONDS)

bench: build
	swift build -c release --product patchbay-bench
	.build/release/patchbay-bench all

clean:
	rm -rf .build .build-tsan .build-asan

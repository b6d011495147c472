# make run    install what is missing, build, and start the demo on an embedded Kafka
# make test   install what is missing and run all tests
# make bench  install what is missing and run the benchmarks (takes some minutes)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PACKAGES := librdkafka-dev libyaml-dev libsimdjson-dev pkg-config
PORT ?= 8080
export PORT

.PHONY: help setup build run test bench clean

help:
	@grep -E '^# make ' Makefile | cut -c3-

# Only asks for privileges when something is missing.
setup:
	@command -v swift >/dev/null || { echo "Swift 6.2 or newer is needed: https://www.swift.org/install/linux/" >&2; exit 69; }
	@missing=""; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "please install:$$missing (this is no Debian system)" >&2; exit 69; }; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing:$$missing"; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

build: setup
	swift build -c release --product patchbay

run: build
	exec .build/release/patchbay demo

test: setup
	swift test

bench: build
	swift build -c release --product patchbay-bench
	.build/release/patchbay-bench all

clean:
	rm -rf .build

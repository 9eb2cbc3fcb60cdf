# Each target does its own set-up on a Debian machine with Rust and root; it is quick when nothing is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test bench check

help:  ## Lists the targets.
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1	\2/p' Makefile

demo:  ## Shows three commits on their way: a change, a bad one that is rolled back, a revert.
	scripts/setup cargo cc busybox engine-if-possible
	cargo build --locked
	@if docker version >/dev/null 2>&1; then scripts/demo-images; fi
	cargo run --locked --quiet -- demo

test:  ## Runs everything, with the real engine at DOCKER_HOST or the default one.
	scripts/setup cargo cc git ssh sshd openssl curl ip python3 busybox engine
	scripts/test

bench:  ## Measures Evenkeel against Docker Compose on the same engine.
	scripts/setup cargo cc git python3 busybox engine
	scripts/test-images
	cargo build --release --locked
	benches/compose-vs-evenkeel --binary "$${CARGO_TARGET_DIR:-target}/release/evenkeel"
	benches/observing-200 --binary "$${CARGO_TARGET_DIR:-target}/release/evenkeel"

check:  ## Checks format and lints.
	scripts/setup cargo cc
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings

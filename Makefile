# What people do with this repository; `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test lint artifacts bench install clean

# Some tools of the tests are where `su` leaves PATH without.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
PREFIX ?= /usr/local
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Packages are built into a folder of their own: make install DESTDIR=...
DESTDIR ?=

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## see what haguard refuses and what it proves, beside what happens without
	@.ci/demo

test: ## install and fetch what the tests need, run every test
	.ci/tools || echo "tests that need what is missing will say SKIP, and fail in CI"
	.ci/haproxy
	.ci/just || echo "no just: the test of examples/justfile will say SKIP, and fail in CI"
	.ci/guest || echo "no guest: the tests of systemd will say SKIP, and fail in CI"
	.ci/docker || echo "no dockerd: the tests of containers will say SKIP, and fail in CI"
	cargo test --locked
	@.ci/parts

lint: ## format, lints and documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

artifacts: ## write completions, man pages, haguard.toml and the README's blocks again
	.ci/haproxy --only 2.8
	HAGUARD_UPDATE=1 cargo test --locked --test main -- artifacts:: transcript::

bench: ## measure the figures of the README
	cargo build --release --locked
	.ci/haproxy --only 3.0
	.ci/bench

install: ## build, and install under PREFIX (/usr/local)
	cargo build --release --locked
	install -Dm755 $(TARGET)/release/haguard $(DESTDIR)$(PREFIX)/bin/haguard
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -Dm644 completions/haguard.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/haguard
	install -Dm644 completions/_haguard $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_haguard
	install -Dm644 completions/haguard.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/haguard.fish

clean: ## remove what was built and fetched
	cargo clean
	rm -rf .cache

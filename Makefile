# SPDX-License-Identifier: Apache-2.0
#
# make demo    the main job, in a virtual machine, as a short transcript
# make test    everything that a change must pass
# make help    the other targets

GO       ?= go
DESTDIR  ?=
PREFIX   ?= /usr/local
SBINDIR  ?= $(PREFIX)/sbin
MANDIR   ?= $(PREFIX)/share/man
DATADIR  ?= $(PREFIX)/share
# The init system whose script or unit is put in its place: systemd, openrc, sysv or none.
INIT     ?= systemd
# Makers of initial file systems, systemd and OpenRC look here and not in /usr/local.
HOOKDIR  ?= /usr

# How long each fuzz target runs.
FUZZTIME ?= 10m
# Images that make crash draws, beside those that are always tried; one in how many of these; and the seed.
IMAGES   ?= 500000
THIN     ?= 1
SEED     ?= 1
# Passed to go test: make test-vm RUN=TestOpen
RUN      ?= .
GOTESTFLAGS ?=

export CGO_ENABLED = 0
# The environment decides nothing about the binary.
export GOFLAGS =
export GOAMD64 = v1

module  := github.com/orthrus-luks/orthrus
tool    := $(GO) tool -modfile=scripts/tools/go.mod
build   := $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -buildid="
# make check vets everything once. What a test starts as a program of its own, and the machine it runs on, are
# no part of what go test knows a result by: nothing is taken from its cache.
test    := $(GO) test -vet=off -count=1 $(GOTESTFLAGS)
arches  := arm64 riscv64 386 s390x

# Packages that touch neither files nor the kernel: they also run on 386.
pure    := ./dm/target ./luks/convert ./luks/inspect ./luks/repair ./luks/rescue ./luks/af ./luks/digest ./luks/hashalg ./luks/header ./luks/far ./luks/commit ./luks/kdf/... \
	./luks/keyslot ./luks/plain ./luks/luks1 ./luks/luks2 ./luks/sealed ./luks/sector $(wildcard ./luks/signature) ./cmd/internal/cli \
	./cmd/internal/boot/crypttab ./cmd/internal/boot/cmdline ./cmd/internal/boot/plan
# Unit tests that need root: sockets in network namespaces, /dev/mapper/control, locks in /run.
rooted  := $(module)/(cmd/orthrus|udev)
asroot  := $(shell [ "$$(id -u)" = 0 ] || echo -exec sudo)
# Parts of `make test` that have a line of their own.
apart   := $(module)/test/(vm|interop|referee|crash)

.PHONY: all build demo test test-long test-unit test-386 test-emulated test-referee test-interop test-interop-long test-vm test-callers check fmt vet \
	staticcheck arch cross bench bench-readme fuzz crash test-crash \
	install install-cryptsetup man completions clean setup help

all: build

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## build              bin/orthrus, static and reproducible, and bin/cryptsetup as a link to it
build:
	@mkdir -p bin
	$(build) -o bin/orthrus ./cmd/orthrus
	@ln -sf orthrus bin/cryptsetup
	@size=$$(wc -c <bin/orthrus); echo "bin/orthrus: $$size bytes ($$((size * 100 / 1048576 / 100)).$$(printf %02d $$((size * 100 / 1048576 % 100))) MiB), stripped"

setup:
	@./scripts/setup

## demo               the main job in a virtual machine, under a minute
demo: setup
	@$(GO) run ./test/vm/demo

## test               unit tests, 32-bit, referee, interoperability on files, crash slice, one virtual machine
test: setup
	@./scripts/run-parts test-unit test-386 test-referee test-interop test-crash test-vm

## test-unit          unit tests alone
test-unit:
	$(test) $$($(GO) list ./... | grep -Ev '^($(apart)(/|$$)|$(rooted)$$)')
	$(test) $(asroot) $$($(GO) list ./... | grep -E '^$(rooted)$$')

## test-386           the pure packages as 32-bit programs
test-386:
	GOARCH=386 $(test) $(pure)

## test-emulated      key derivation and ciphers on an emulated arm64 (assembly) and s390x (big-endian); wants qemu-user-static
test-emulated:
	@for emulator in qemu-aarch64-static qemu-s390x-static; do \
		command -v $$emulator >/dev/null || { echo "$$emulator is missing: install qemu-user-static"; exit 1; }; done
	GOARCH=arm64 $(test) -exec qemu-aarch64-static ./luks/kdf/... ./luks/sector ./luks/af ./luks/hashalg
	GOARCH=s390x $(test) -exec qemu-s390x-static ./luks/kdf/... ./luks/sector ./luks/af ./luks/hashalg

## test-referee       the same tables and uevents through independent modules
test-referee:
	cd test/referee && $(test) ./...

## test-interop       us and cryptsetup on the same image files
test-interop: setup
	$(test) ./test/interop/...

## test-vm            tests in the virtual machine (RUN=pattern)
test-vm: setup
	$(test) -timeout 15m -run '$(RUN)' $$($(GO) list ./test/vm/... | grep -v /callers)

## test-callers       programs that call cryptsetup, on a Debian in the virtual machine (RUN=pattern)
test-callers: setup
	$(test) -timeout 40m -v -run '$(RUN)' ./test/vm/callers

## test-boot          machines with an encrypted root, from power on to a login (RUN=pattern); an hour without KVM
.PHONY: test-boot
test-boot: setup
	ORTHRUS_LONG=1 $(test) -timeout 180m -v -run '$(RUN)' ./test/vm/poweron

## test-engine        the boot engine on a real kernel: disks, keys, prompts, frontends (RUN=pattern)
.PHONY: test-engine
test-engine: setup
	ORTHRUS_LONG=1 $(test) -timeout 20m -v -run '$(RUN)' ./test/vm/boot

## test-long          everything that takes long; each part is a target too, and finished parts are not run again
test-long: setup
	@RESUME=.cache/test-long ./scripts/run-parts test-unit test-386 test-referee test-interop-long test-vm-long test-guard-long test-callers crash crash-far fuzz

test-interop-long: setup
	ORTHRUS_LONG=1 $(test) -timeout 120m -v ./test/interop/...

test-guard-long:
	ORTHRUS_LONG=1 $(test) -timeout 60m -v ./test/guard/...

# The cells of the interoperability matrix that passed on this tree are not run again.
test-vm-long: setup
	@mkdir -p .cache/test-long
	ORTHRUS_LONG=1 ORTHRUS_RESUME=$(CURDIR)/.cache/test-long/matrix-$$(./scripts/state) $(test) -timeout 120m -v $$($(GO) list ./test/vm/... | grep -v /callers)

## check              gofumpt, vet, staticcheck, the import table, builds for other processors; needs no root
check: fmt vet staticcheck shellcheck arch cross
	@echo "check: all is well"

fmt:
	@bad=$$($(tool) gofumpt -l cmd dm luks test $(wildcard udev)); [ -z "$$bad" ] || { echo "not formatted (gofumpt -w):"; echo "$$bad"; exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(tool) staticcheck ./...

# Every shell script there is.
.PHONY: shellcheck
scripts = .ci/run $(shell grep -rlE '^#!(/bin/|/usr/bin/|/sbin/)(env )?(ba|a|)(sh|openrc-run)' scripts)
shellcheck:
	shellcheck -x $(scripts)

arch:
	$(test) ./test/arch/...

cross:
	@for arch in $(arches); do echo "vet for $$arch"; GOARCH=$$arch $(GO) vet ./... || exit 1; done

## bench              Go benchmarks, and tables of whole processes beside the installed cryptsetup (bin/bench.md)
bench: build setup
	$(GO) test -run '^$$' -bench . -benchtime 50ms -benchmem $$($(GO) list ./... | grep -Ev '^$(apart)(/|$$)') >bin/bench.txt || { cat bin/bench.txt; exit 1; }
	@$(GO) build -o bin/bench ./test/bench
	@bin/bench -out bin/bench.md
	@$(MAKE) --no-print-directory bench-boot
	@echo; echo 'bin/bench.md has these tables, bin/bench.txt the Go benchmarks; make bench-readme quotes the tables in README.md'

## bench-readme       puts the tables of the last make bench into README.md
bench-readme:
	@$(GO) run ./test/bench -out bin/bench.md -readme README.md

## differ             LINES drawn command lines of seed SEED, ours beside cryptsetup 2.6.1 and 2.7.5 (LINES=20000 SEED=1)
LINES ?= 20000
.PHONY: differ
differ: setup
	ORTHRUS_DIFFER=$(LINES) ORTHRUS_SEED=$(SEED) $(test) -timeout 300m -v -run 'TestCommandLinesAgree' ./test/interop

## bench-boot         size of images and time to the root, beside Debian's own
.PHONY: bench-boot
bench-boot: setup
	$(GO) run ./test/vm/poweron/measure

## fuzz               every fuzz target for FUZZTIME (10m)
fuzz:
	@./scripts/fuzz $(FUZZTIME)

## crash              the crash simulator: over a million states that faults leave on a disk, as a table; ten minutes
crash:
	$(GO) run ./test/crash/cmd -images $(IMAGES) -thin $(THIN) -seed $(SEED)

## crash-far          the same for the far header and for changes of size, which take more time; hours
.PHONY: crash-far
crash-far:
	$(GO) run ./test/crash/cmd -dear -images $(IMAGES) -thin $(THIN) -seed $(SEED)

## test-crash         the crash simulator's own tests
test-crash:
	$(test) ./test/crash/...

## man                bin/man: manual pages, one for each action and an overview
man:
	@rm -rf bin/man
	$(GO) run ./cmd/internal/manual/generate man bin/man

## completions        bin/completions: for bash, zsh and fish
completions:
	@rm -rf bin/completions
	$(GO) run ./cmd/internal/manual/generate completions bin/completions

## install            program, man pages, completions and the guard's service to $(DESTDIR)$(PREFIX); DESTDIR= PREFIX=/usr/local INIT=systemd
install: build man completions
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5
	install -m 755 bin/orthrus $(DESTDIR)$(SBINDIR)/orthrus
	install -m 644 bin/man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 bin/man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -D -m 644 bin/completions/bash/orthrus $(DESTDIR)$(DATADIR)/bash-completion/completions/orthrus
	install -D -m 644 bin/completions/zsh/_orthrus $(DESTDIR)$(DATADIR)/zsh/site-functions/_orthrus
	install -D -m 644 bin/completions/fish/orthrus.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/orthrus.fish
	@PREFIX=$(PREFIX) SBINDIR=$(SBINDIR) DATADIR=$(DATADIR) INIT=$(INIT) ./scripts/guard/install "$(DESTDIR)"
	@SBINDIR=$(SBINDIR) HOOKDIR=$(HOOKDIR) INIT=$(INIT) ./scripts/install-hooks "$(DESTDIR)"

## install-cryptsetup the same, with a link named cryptsetup beside it
install-cryptsetup: install
	ln -sf orthrus $(DESTDIR)$(SBINDIR)/cryptsetup

## clean              removes bin and what test-long remembers
clean:
	rm -rf bin .cache

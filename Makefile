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
IMAGES   ?= 1000000
# What make monkey and make monkey-races play.
SEQUENCES ?= 10000
PAIRS    ?= 5000
THIN     ?= 1
CRASH_THIN ?= 20
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
# How long one package's tests take at most on a quiet machine; test/pace makes the limit for this one of it.
quiet    = 10m
limit    = $$($(GO) -C $(CURDIR) run ./test/pace/limit $(quiet))
# make check vets everything once. What a test starts as a program of its own, and the machine it runs on, are
# no part of what go test knows a result by: nothing is taken from its cache. Memory is there; collecting it
# less often saves a sixth of the time.
test     = GOGC=400 $(GO) test -vet=off -count=1 -timeout $(limit) $(GOTESTFLAGS)
arches  := arm64 riscv64 386 s390x

# Packages that touch neither files nor the kernel: they also run on 386.
pure    := ./dm/target ./dm/sm3 ./dm/verity/... ./luks/convert ./luks/inspect ./luks/repair ./luks/rescue ./luks/af ./luks/digest ./luks/hashalg ./luks/header ./luks/far ./luks/commit ./luks/kdf/... \
	./luks/keyslot ./luks/plain ./luks/luks1 ./luks/luks2 ./luks/sealed ./luks/sector ./luks/unlock $(wildcard ./luks/signature) ./luks/fault ./luks/layout ./luks/plaintext \
	./luks/restore ./luks/view ./cmd/internal/cli ./cmd/internal/boot/crypttab ./cmd/internal/boot/cmdline ./cmd/internal/boot/plan
# Those of them that take minutes where an emulator runs them.
dear32  := luks/(inspect|rescue|signature|kdf/(argon2|pbkdf2))$$
# Unit tests that need root: sockets in network namespaces, /dev/mapper/control, locks in /run.
rooted  := $(module)/(cmd/orthrus|udev)
asroot  := $(shell [ "$$(id -u)" = 0 ] || echo -exec sudo)
# The guard's own tests play what happens to disks, which takes longer than all other unit tests; .ci/run has them.
guards  := $(module)/(test/guard|cmd/internal/guard)
# Parts of `make test` that have a line of their own.
apart   := $(module)/test/(vm|interop|referee|crash|monkey)

.PHONY: all build demo setup help clean man completions install install-cryptsetup \
	test test-long test-unit test-guard test-386 test-emulated test-referee test-interop test-interop-slice test-interop-dear test-interop-long test-monkey \
	test-vm test-vm-slice test-vm-dear test-vm-long test-machine test-guard-vm test-guard-long test-uml test-callers test-boot test-engine \
	check fmt vet staticcheck shellcheck arch cross deadcode bench bench-readme bench-boot fuzz crash crash-far test-crash

all: build

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## build              bin/orthrus, static and reproducible, and bin/cryptsetup and bin/veritysetup as links to it
build:
	@mkdir -p bin
	$(build) -o bin/orthrus ./cmd/orthrus
	@ln -sf orthrus bin/cryptsetup
	@ln -sf orthrus bin/veritysetup
	@size=$$(wc -c <bin/orthrus); echo "bin/orthrus: $$size bytes ($$((size * 100 / 1048576 / 100)).$$(printf %02d $$((size * 100 / 1048576 % 100))) MiB), stripped"

setup:
	@./scripts/setup

## demo               the main job in a virtual machine, under a minute
demo: setup
	@$(GO) run ./test/vm/demo

# Parts of make test, the longest first, and the tests that .ci/run has beside them.
parts   := test-unit test-vm-slice test-interop-slice test-crash test-monkey
later   := test-guard test-386 test-referee test-vm-dear test-interop-dear test-machine test-guard-vm test-uml test-engine test-boot test-callers crash crash-far fuzz

## test               unit tests, slices of interoperability, crashes and monkey, one virtual machine
test: setup
	@JOBS=2 LATER='$(later)' ./scripts/run-parts $(parts)

## test-unit          unit tests alone
test-unit:
	$(test) $$($(GO) list ./... | grep -Ev '^($(apart)(/|$$)|($(rooted)|$(guards))$$)')
	$(test) $(asroot) $$($(GO) list ./... | grep -E '^$(rooted)$$')

## test-guard         the guard on images
test-guard:
	$(test) $$($(GO) list ./... | grep -E '^$(guards)$$')

## test-386           the pure packages as 32-bit programs
test-386:
	@if [ "$$(./scripts/arch32)" = 386 ]; then GOARCH=386 $(test) $(pure); exit; fi; \
	echo 'This kernel runs no 386 programs. An emulated ARM has 32 bits as well.'; \
	all=$$($(GO) list $(pure)); some=$$(echo "$$all" | grep -Ev '$(dear32)'); \
	if [ -n "$$ORTHRUS_LONG" ]; then some=$$all; else \
		echo "test-386: $$(echo "$$all" | grep -Ec '$(dear32)') of $$(echo "$$all" | wc -l) packages not run" >>"$${ORTHRUS_NOT_RUN:-/dev/stderr}"; fi; \
	GOARCH=arm $(test) -exec qemu-arm-static $$some

## test-emulated      key derivation and ciphers on an emulated arm64 (assembly) and s390x (big-endian); wants qemu-user-static
test-emulated:
	@for emulator in qemu-aarch64-static qemu-s390x-static; do \
		command -v $$emulator >/dev/null || { echo "$$emulator is missing: install qemu-user-static"; exit 1; }; done
	GOARCH=arm64 $(test) -exec qemu-aarch64-static ./luks/kdf/... ./luks/sector ./luks/af ./luks/hashalg
	GOARCH=s390x $(test) -exec qemu-s390x-static ./luks/kdf/... ./luks/sector ./luks/af ./luks/hashalg

## test-referee       the same tables and uevents through independent modules
test-referee:
	cd test/referee && $(test) ./...

## test-interop       us and cryptsetup on the same image files (RUN=pattern)
test-interop: setup
	$(test) -run '$(RUN)' ./test/interop/...

# Tests beside cryptsetup that take longest; .ci/run has them.
dearpeer := ^(TestEveryActionInBothDirections|TestThirtyKeyChangesAtOnceLoseNone|TestHostileHeadersAreRefusedAtOnce|$\
	TestCommandLinesAgree|TestKeysOnStandardInput|TestMalformedVolumes|TestExitCodesOfBadCommandLines|$\
	TestKeyMaterialBeforeByte4096|TestVerityImages.*|TestHeaderFrom.*|TestMetadataAreaGrowsUnderCryptsetup|$\
	TestCheckOfAThousandImages|TestRecordedSessionsOnOtherProcessors|TestEachWorksOnWhatTheOtherMade|$\
	TestUnequalHeadsOfAReencryptionAreLeftAlone|TestEveryChangeKeepsWhatNobodyKnows|TestRescue.*|$\
	TestFormatsAreEqual|TestConversionsAreThoseOfCryptsetup|TestKeyslotsOfBothKeysOfAReencryptionCount|$\
	TestHeaderFilesOnAFullDisk|TestChangeKeysOfAFullLUKS1Header|TestRequirementsAreHonouredAndKept|$\
	TestVolumesThatEncryptNothing|TestVolumesInTheKernelsNotation|TestVectorsOfByteOffsets)$$
test-interop-slice: setup
	$(test) -skip '$(dearpeer)' ./test/interop/...
test-interop-dear:
	@$(MAKE) --no-print-directory test-interop RUN='$(subst $$,$$$$,$(dearpeer))'

## test-vm            tests in the virtual machine (RUN=pattern)
test-vm: quiet = 20m
test-vm: setup
	$(test) -run '$(RUN)' ./test/vm

# Tests of the virtual machine that take longest; .ci/run has them.
dearvm  := ^(TestInteroperability|TestEveryPowerCut.*|TestSectorCipher.*|TestMissingModules|TestTablesAreThoseOfCryptsetup|$\
	TestNothingIsLoadedOverASuspendedMapping|TestAnUnpluggedMappingHangsNothing|TestAFlakyDiskIsNoSuccess|$\
	TestABadSectorInTheHeadsStopsNothing|TestEveryMappingActionInBothDirections|TestRecordedSessionsOnARealKernel|$\
	TestVerity.*|TestMountedVolumeFollows.*|TestFailedAndReadOnlyMappings|TestImagesOnAReadOnlyFileSystem|$\
	TestMappingsAreNamedByNameAndByPath|TestPersistentFlagsAreShared|TestUdev.*|TestDeferredClose|$\
	TestLoopDevicesGoWithTheMapping|TestFullDisk|TestOthersThanRootAreTold|TestPlainMappingsAreThoseOfCryptsetup|$\
	TestManyAtOnce|TestLongNamesCutTheUUID|TestCookiesWithRealUdev|TestHoldersNamesMappingMountAndProcess|$\
	TestConversionsOfMappedVolumesAreRefused|TestWhatIsInUseIsRefused)$$
test-vm-slice: quiet = 20m
test-vm-slice: setup
	$(test) -skip '$(dearvm)' ./test/vm
test-vm-dear:
	@$(MAKE) --no-print-directory test-vm RUN='$(subst $$,$$$$,$(dearvm))'

## test-machine       the virtual machine itself: outcomes, disks, power cuts
test-machine: setup
	$(test) -run '$(RUN)' ./test/vm/machine

## test-guard-vm      the guard in the virtual machine: disks that come damaged, go and grow (RUN=pattern)
test-guard-vm: setup
	$(test) -run '$(RUN)' ./test/vm/guard

## test-uml           header operations on disks that lose, fail and log writes, in User-Mode Linux (RUN=pattern)
test-uml: setup
	$(test) -run '$(RUN)' ./test/vm/uml

## test-callers       programs that call cryptsetup, on a Debian in the virtual machine (RUN=pattern)
test-callers: quiet = 15m
test-callers: setup
	$(test) -v -run '$(RUN)' ./test/vm/callers

## test-boot          machines with an encrypted root, from power on to a login (RUN=pattern); an hour without KVM
test-boot: quiet = 60m
test-boot: setup
	$(test) -v -run '$(RUN)' ./test/vm/poweron

## test-engine        the boot engine on a real kernel: disks, keys, prompts, frontends (RUN=pattern)
test-engine: setup
	$(test) -v -run '$(RUN)' ./test/vm/boot

## test-long          everything that takes long; each part is a target too, and finished parts are not run again
test-long: setup
	@ORTHRUS_LONG=1 RESUME=.cache/test-long ./scripts/run-parts test-unit test-guard test-386 test-referee test-emulated \
		test-interop-long test-vm-long test-guard-long test-callers crash crash-far fuzz

test-interop-long: quiet = 60m
test-interop-long: setup
	ORTHRUS_LONG=1 $(test) -v ./test/interop/...

## guard-sequences    what happens to disks, drawn at random in sequences of ten, under the guard's eyes (SEQUENCES=number)
.PHONY: guard-sequences
SEQUENCES ?= 5000
guard-sequences:
	GUARD_SEQUENCES=$(SEQUENCES) $(test) -v -run 'TestNothingThatHappens' ./cmd/internal/guard

test-guard-long: quiet = 30m
test-guard-long:
	ORTHRUS_LONG=1 $(test) -v ./test/guard/...

# The cells of the interoperability matrix that passed on this tree are not run again.
test-vm-long: quiet = 120m
test-vm-long: setup
	@mkdir -p .cache/test-long
	ORTHRUS_LONG=1 ORTHRUS_RESUME=$(CURDIR)/.cache/test-long/matrix-$$(./scripts/state) $(test) -v $$($(GO) list ./test/vm/... | grep -v /callers)

test-monkey: setup
	$(test) ./test/monkey/...

## check              gofumpt, vet, staticcheck, the import table, builds for other processors; needs no root
check: fmt vet staticcheck deadcode shellcheck arch cross
	@echo "check: all is well"

fmt:
	@bad=$$($(tool) gofumpt -l cmd dm luks test $(wildcard udev)); [ -z "$$bad" ] || { echo "not formatted (gofumpt -w):"; echo "$$bad"; exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(tool) staticcheck ./...

deadcode:
	./scripts/deadcode $(tool) deadcode

# Every shell script there is.
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

## verity-matrix      SETS drawn sets of parameters of verified images, ours beside veritysetup 2.6.1 and 2.7.5 (SETS=2000, FIRST=0)
SETS  ?= 2000
FIRST ?= 0
.PHONY: verity-matrix verity-damages
verity-matrix: setup
	$(GO) test -vet=off -count=1 -timeout 300m -v -run 'TestVerityImagesAreTheSame' ./test/interop -verity-sets $(SETS) -verity-from $(FIRST)

## verity-damages     DAMAGES random damages of data, trees, parity and superblocks of verified images (DAMAGES=100000, FIRST=0)
DAMAGES ?= 100000
verity-damages:
	$(GO) test -vet=off -count=1 -timeout 300m -v -run 'TestNoDamageIsOverlooked' ./dm/verity -damages $(DAMAGES) -damages-from $(FIRST)

## bench-boot         size of images and time to the root, beside Debian's own
bench-boot: setup
	$(GO) run ./test/vm/poweron/measure

## fuzz               every fuzz target for FUZZTIME (10m)
fuzz:
	@./scripts/fuzz $(FUZZTIME)

## crash              the crash simulator: what faults leave of operations on drawn and on recorded volumes, as tables
crash:
	$(GO) run ./test/crash/cmd -drawn -images $(IMAGES) -seed $(SEED)
	$(GO) run ./test/crash/cmd -images 20000 -thin $(CRASH_THIN) -seed $(SEED)

## crash-far          the same for the far header and for changes of size, which take more time; hours
crash-far:
	$(GO) run ./test/crash/cmd -dear -drawn -images $(IMAGES) -seed $(SEED)
	$(GO) run ./test/crash/cmd -dear -images $(IMAGES) -thin $(THIN) -seed $(SEED)

## test-crash         the crash simulator's own tests, and a slice of its images
test-crash:
	$(test) ./test/crash/...

## monkey             random commands on random volumes, ours and cryptsetup's: SEQUENCES= or FOR=2m, SEED=; a failing one as a script
.PHONY: monkey monkey-races
monkey: setup
	$(GO) run ./test/monkey/cmd -sequences $(SEQUENCES) -seed $(SEED) $(if $(FOR),-for $(FOR))

## monkey-races       the same for pairs of commands at once (PAIRS=, FOR=)
monkey-races: setup
	$(GO) run ./test/monkey/cmd -pairs $(PAIRS) -seed $(SEED) $(if $(FOR),-for $(FOR))

## man                bin/man: manual pages, one for each action and an overview; bin/guard: a guard.conf to begin with
man:
	@rm -rf bin/man bin/guard
	$(GO) run ./cmd/internal/manual/generate man bin/man
	$(GO) run ./cmd/internal/manual/generate guard bin/guard

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
	install -D -m 644 bin/guard/guard.conf $(DESTDIR)$(DATADIR)/orthrus/guard.conf
	@PREFIX=$(PREFIX) SBINDIR=$(SBINDIR) DATADIR=$(DATADIR) INIT=$(INIT) ./scripts/guard/install "$(DESTDIR)"
	@SBINDIR=$(SBINDIR) HOOKDIR=$(HOOKDIR) INIT=$(INIT) ./scripts/install-hooks "$(DESTDIR)"

## install-cryptsetup the same, with links named cryptsetup and veritysetup beside it
install-cryptsetup: install
	ln -sf orthrus $(DESTDIR)$(SBINDIR)/cryptsetup
	ln -sf orthrus $(DESTDIR)$(SBINDIR)/veritysetup

## clean              removes bin and what test-long remembers
clean:
	rm -rf bin .cache

# SPDX-License-Identifier: Apache-2.0
#
# make demo    the main job, in a virtual machine, as a short transcript
# make test    everything that a change must pass
# make help    the other targets

GO       ?= go
# Where things are installed, and which: scripts/install says what each means.
DESTDIR  ?=
PREFIX   ?= /usr/local
SBINDIR  ?= $(PREFIX)/sbin
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
INIT     ?= systemd
HOOKDIR  ?= /usr
HOOKS    ?=
MANIFEST ?= yes
# What the program says of itself. git knows, or the archive that git made; packagers may say it.
known    := $(shell ./scripts/version)
VERSION  ?= $(word 1,$(known))
COMMIT   ?= $(filter-out unknown,$(word 2,$(known)))
# Seconds since 1970: the time of all that is packed.
SOURCE_DATE_EPOCH ?= $(word 3,$(known))
# What make release builds for, where it puts that, and a command that signs the file whose name follows it:
# SIGN='minisign -S -s key -m' or SIGN='signify -S -s key.sec -m'
RELEASE  ?= $(arches)
RELEASES ?= bin/release
SIGN     ?=

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
# Flags of packagers decide how the program is built, and nothing about how it is tested. Flags for a C linker,
# which is not called, are left out; the program stays static, which its work as an init needs.
packagers := $(GOFLAGS)
override GOFLAGS =
export GOFLAGS
export GOAMD64 = v1
export GOARM   = 6
comma   := ,
linker   = $(filter-out -Wl$(comma)% -L% -l% -f% -g% -m% -O% -specs=% -static% -pie,$(LDFLAGS))

module  := github.com/orthrus-luks/orthrus
tool    := $(GO) tool -modfile=scripts/tools/go.mod
# Copies of small functions in their callers are worth their bytes where much is computed, and nowhere else: without
# them elsewhere the program is half a MiB smaller.
busy    := dm/integrity dm/kernelhash dm/sm3 dm/verity dm/verity/rs luks/af luks/hashalg luks/kdf/... luks/plaintext \
	luks/sector/...
cold    := context encoding/json errors fmt golang.org/x/sys/unix log os/... os runtime strings syscall time reflect bufio \
	internal/poll io/fs io encoding/hex encoding/base64 bytes compress/... path/... sync
compact  = $(cold:%=-gcflags '%=-l') -gcflags '$(module)/...=-l' $(busy:%=-gcflags '$(module)/%=')
# The collector of Go before 1.26, where there is a choice, is 40 KiB smaller; the heap here is small.
collects := $(shell GOEXPERIMENT=nogreenteagc $(GO) env GOEXPERIMENT >/dev/null 2>&1 && echo GOEXPERIMENT=nogreenteagc)
build    = $(collects) GOFLAGS='$(packagers)' $(GO) build -trimpath -buildmode=exe -buildvcs=false $(compact) \
	-ldflags "-s -w -buildid= -X main.version=$(VERSION) -X main.revision=$(COMMIT) $$(GO='$(GO)' ./scripts/entry $$arch) $(linker)"
# What runs while building runs here, whatever is built for. It is compiled as the program is, and so only once.
run      = GOOS= GOARCH= GOFLAGS='$(packagers)' $(GO) run -trimpath -buildvcs=false
# How long one package's tests take at most on a quiet machine; test/pace makes the limit for this one of it.
quiet    = 10m
limit    = $$($(GO) -C $(CURDIR) run ./test/pace/limit $(quiet))
# make check vets everything once. What a test starts as a program of its own, and the machine it runs on, are
# no part of what go test knows a result by: nothing is taken from its cache. Memory is there; collecting it
# less often saves a sixth of the time.
test     = GOGC=400 $(GO) test -vet=off -count=1 -timeout $(limit) $(GOTESTFLAGS)
vetted  := arm64 riscv64 386 s390x
arches  := amd64 $(vetted) arm ppc64le loong64 mips64le

# Packages that touch neither files nor the kernel: they also run on 386.
pure    := ./dm/target ./dm/sm3 ./dm/verity/... ./luks/convert ./luks/inspect ./luks/repair ./luks/rescue ./luks/af ./luks/digest ./luks/hashalg ./luks/header ./luks/far ./luks/foreign/... ./luks/commit ./luks/kdf/... \
	./luks/keyslot ./luks/plain ./luks/luks1 ./luks/luks2 ./luks/sealed ./luks/sector ./luks/unlock $(wildcard ./luks/signature) ./luks/fault ./luks/layout ./luks/plaintext \
	./luks/restore ./luks/view ./cmd/internal/cli ./cmd/internal/boot/crypttab ./cmd/internal/boot/cmdline ./cmd/internal/boot/plan
# Those of them that take minutes where an emulator runs them.
dear32  := luks/(foreign/(bitlk|fvault2|tcrypt)|inspect|rescue|signature|kdf/(argon2|pbkdf2))$$
# Unit tests that need root: sockets in network namespaces, /dev/mapper/control, locks in /run, roots of their own.
rooted  := $(module)/(cmd/orthrus|cmd/internal/initramfs|udev)
asroot  := $(shell [ "$$(id -u)" = 0 ] || echo -exec sudo)
# The guard's own tests play what happens to disks, which takes longer than all other unit tests; .ci/run has them.
guards  := $(module)/(test/guard|cmd/internal/guard)
# Parts of `make test` that have a line of their own.
apart   := $(module)/test/(vm|interop|referee|crash|monkey|outside)

.PHONY: all build demo setup help clean man completions install install-cryptsetup uninstall release tarballs sources deb \
	test test-long test-unit test-guard test-386 test-emulated test-referee test-outside test-interop test-interop-slice test-interop-dear test-interop-long test-monkey \
	test-vm test-vm-slice test-vm-dear test-vm-slow test-vm-long test-machine test-guard-vm test-guard-long test-uml test-callers test-boot test-packages test-engine test-release test-release-all \
	check fmt vet staticcheck shellcheck arch cross deadcode bench bench-readme bench-boot fuzz crash crash-far test-crash

## all                what make install installs
all: build man completions

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## build              bin/orthrus, static and reproducible, and links to it: bin/cryptsetup, bin/veritysetup, bin/integritysetup
build:
	@mkdir -p bin
	$(build) -o bin/orthrus ./cmd/orthrus
	@ln -sf orthrus bin/cryptsetup
	@ln -sf orthrus bin/veritysetup
	@ln -sf orthrus bin/integritysetup
	@size=$$(wc -c <bin/orthrus); echo "bin/orthrus: $$size bytes ($$((size * 100 / 1048576 / 100)).$$(printf %02d $$((size * 100 / 1048576 % 100))) MiB), stripped"

setup:
	@./scripts/setup

## demo               the main job in a virtual machine, under a minute
demo: setup
	@$(GO) run ./test/vm/demo

# Parts of make test, the longest first, and the tests that .ci/run has beside them.
parts   := test-unit test-vm-slice test-interop-slice test-crash test-monkey
later   := test-guard test-386 test-referee test-outside test-vm-dear test-vm-slow test-interop-dear test-machine test-guard-vm test-uml test-engine test-boot test-callers crash crash-far fuzz

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

## test-outside       programs of others, in a module of their own, with the race detector
test-outside:
	$(test) ./test/outside

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
	TestVolumesThatEncryptNothing|TestVolumesInTheKernelsNotation|TestVectorsOfByteOffsets|TestBitLocker.*|$\
	TestEveryProtectorOfABitLockerVolumeOpensInCryptsetup)$$
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
	TestVerity.*|TestInterruptedReencryptionsOpen|TestBitLocker.*|TestMountedVolumeFollows.*|TestFailedAndReadOnlyMappings|TestImagesOnAReadOnlyFileSystem|$\
	TestMappingsAreNamedByNameAndByPath|TestPersistentFlagsAreShared|TestUdev.*|TestDeferredClose|$\
	TestLoopDevicesGoWithTheMapping|TestFullDisk|TestOthersThanRootAreTold|TestPlainMappingsAreThoseOfCryptsetup|$\
	TestManyAtOnce|TestLongNamesCutTheUUID|TestCookiesWithRealUdev|TestHoldersNamesMappingMountAndProcess|$\
	TestConversionsOfMappedVolumesAreRefused|TestWhatIsInUseIsRefused|TestEveryVerbInEveryStateOfAMapping|$\
	TestCiphersOfTheKernelAreThoseOfCryptsetup|TestDriversOfTheKernelAreRefused|$\
	TestFileVault.*|TestLoopAES.*|TestAuthenticated.*|TestOneCall.*|TestAnOldSecondHeader.*|$\
	TestVolumesThatEncryptNothingAreMappedOnDemand|TestPayloadFollowsTheAlignmentOffset|TestHeadersOnAFullFileSystemAreMapped)$$
# Those that take an hour where no processor helps: their derivations and sums run on an emulated one.
slowvm  := ^(TestIntegrity|TestTrueCrypt|TestVeraCrypt)
test-vm-slice: quiet = 20m
test-vm-slice: setup
	$(test) -skip '$(dearvm)|$(slowvm)' ./test/vm
test-vm-dear:
	@$(MAKE) --no-print-directory test-vm RUN='$(subst $$,$$$$,$(dearvm))'
	@echo 'make test-vm-slow: not run' >>"$${ORTHRUS_NOT_RUN:-/dev/stderr}"

## test-vm-slow       mappings of dm-integrity, TrueCrypt and VeraCrypt beside their peers, in the virtual machine
test-vm-slow: quiet = 120m
test-vm-slow:
	@$(MAKE) --no-print-directory test-vm RUN='$(slowvm)'

## test-machine       the virtual machine itself: outcomes, disks, power cuts
test-machine: setup
	$(test) -run '$(RUN)' ./test/vm/machine

## test-guard-vm      the guard in the virtual machine: disks that come damaged, go and grow (RUN=pattern)
test-guard-vm: setup
	$(test) -run '$(RUN)' ./test/vm/guard

## test-uml           header operations on disks that lose, fail and log writes, in User-Mode Linux (RUN=pattern)
test-uml: quiet = 20m
test-uml: setup
	$(test) -run '$(RUN)' ./test/vm/uml

## test-callers       programs that call cryptsetup, on a Debian in the virtual machine (RUN=pattern)
test-callers: quiet = 25m
test-callers: setup
	$(test) -v -run '$(RUN)' ./test/vm/callers

## test-boot          machines with an encrypted root, from power on to a login (RUN=pattern); an hour without KVM
test-boot: quiet = 75m
test-boot: setup
	$(test) -v -run '$(RUN)' ./test/vm/poweron

## test-packages      Debian's packages of the last commit: built, linted, installed on an encrypted machine in cryptsetup-bin's
##                    place, booted, and purged again
test-packages:
	@$(MAKE) --no-print-directory test-boot RUN=TestDebianPackages

## test-engine        the boot engine on a real kernel: disks, keys, prompts, frontends (RUN=pattern)
test-engine: setup
	$(test) -v -run '$(RUN)' ./test/vm/boot

## test-long          everything that takes long; each part is a target too, and finished parts are not run again
test-long: setup
	@ORTHRUS_LONG=1 RESUME=.cache/test-long ./scripts/run-parts test-unit test-guard test-386 test-referee test-emulated \
		test-interop-long test-vm-long test-guard-long test-callers test-release-all crash crash-far fuzz

test-interop-long: quiet = 60m
test-interop-long: setup
	ORTHRUS_LONG=1 $(test) -v ./test/interop/...

## guard-sequences    what happens to disks, drawn at random in sequences of ten, under the guard's eyes (GUARD_SEQUENCES=number)
.PHONY: guard-sequences
GUARD_SEQUENCES ?= 5000
guard-sequences:
	GUARD_SEQUENCES=$(GUARD_SEQUENCES) $(test) -v -run 'TestNothingThatHappens' ./cmd/internal/guard

## guard-matrix       what happens to disks, on volumes of every shape in User-Mode Linux, with the guard up, down and killed
.PHONY: guard-matrix
guard-matrix: quiet = 60m
guard-matrix: setup
	GUARD_MATRIX=full $(test) -v -run 'TestGuardMatrix' ./test/vm/uml

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
	@bad=$$($(tool) gofumpt -l cmd dm luks scripts test $(wildcard udev)); [ -z "$$bad" ] || { echo "not formatted (gofumpt -w):"; echo "$$bad"; exit 1; }

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

# Tests are vetted where words are of another size, order or kind; for its other processors the program is built.
cross:
	@for arch in $(vetted); do echo "vet for $$arch"; GOARCH=$$arch $(GO) vet ./... || exit 1; done
	@for arch in $(filter-out $(shell $(GO) env GOHOSTARCH) $(vetted),$(arches)); do \
		echo "build for $$arch"; GOOS=linux GOARCH=$$arch $(build) -o /dev/null ./cmd/orthrus || exit 1; done

## bench              Go benchmarks, and tables of whole processes beside the installed cryptsetup (bin/bench.md)
bench: build setup
	$(GO) test -run '^$$' -bench . -benchtime 50ms -benchmem $$($(GO) list ./... | grep -Ev '^$(apart)(/|$$)') >bin/bench.txt || { cat bin/bench.txt; exit 1; }
	@$(GO) build -o bin/bench ./test/bench
	@bin/bench -out bin/bench.md
	@$(MAKE) --no-print-directory bench-boot
	@echo; echo 'bin/bench.md has these tables, bin/bench.txt the Go benchmarks; make bench-readme quotes the tables in cmd/pages/speed.md'

## bench-readme       puts the tables of the last make bench into cmd/pages/speed.md
bench-readme:
	@$(GO) run ./test/bench -out bin/bench.md -readme cmd/pages/speed.md

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
	VERSION='$(VERSION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' $(run) ./cmd/internal/manual/generate man bin/man
	$(run) ./cmd/internal/manual/generate guard bin/guard

## completions        bin/completions: for bash, zsh and fish
completions:
	@rm -rf bin/completions
	$(run) ./cmd/internal/manual/generate completions bin/completions

places   = DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SBINDIR='$(SBINDIR)' MANDIR='$(MANDIR)' DATADIR='$(DATADIR)' \
	HOOKDIR='$(HOOKDIR)' HOOKS='$(HOOKS)' INIT='$(INIT)' MANIFEST='$(MANIFEST)'

## install            puts what make has built into its places, with the guard's service; DESTDIR= PREFIX=/usr/local INIT=systemd
##                    HOOKS="initramfs-tools dracut mkinitcpio mkinitfs openrc systemd": what unlocks at boot; none unless named
install:
	@$(places) ./scripts/install

## install-cryptsetup the same, with links named cryptsetup, veritysetup and integritysetup beside it
install-cryptsetup:
	@$(places) ./scripts/install program guard hooks cryptsetup

## uninstall          takes away what install has put there
uninstall:
	@$(places) ./scripts/install remove

## release            bin/release: sources with their modules, tarballs for RELEASE="amd64 arm64 …" built from these, a list of
##                    what each is made of (SPDX), and SHA256SUMS; SIGN=command signs these
release:
	@if [ -d vendor ]; then $(MAKE) --no-print-directory tarballs; else \
		$(MAKE) --no-print-directory sources && rm -rf bin/tree && mkdir -p bin/tree && \
		tar -x -z -f $(RELEASES)/orthrus-$(VERSION).tar.gz -C bin/tree --strip-components=1 && \
		$(MAKE) --no-print-directory -C bin/tree tarballs RELEASES='$(abspath $(RELEASES))'; fi

# Modules in vendor leave out of the program what go.sum says of them: releases are built from there, so that all are equal.
tarballs: man completions
	@for arch in $(RELEASE); do \
		to=$(RELEASES)/orthrus-$(VERSION)-linux-$$arch; echo "$$to"; \
		./scripts/release/stage $$to && GOOS=linux GOARCH=$$arch $(build) -o $$to/bin/orthrus ./cmd/orthrus || exit 1; done
	@$(packed)

# The sources with all modules, for whoever builds without a network.
sources:
	@./scripts/release/sources $(RELEASES)/orthrus-$(VERSION)
	@$(packed)

## deb                Debian packages from the sources that make release has packed, into bin/release, with lintian's word
deb:
	@./scripts/packaging/deb $(RELEASES)

packed   = $(run) ./scripts/release -version '$(VERSION)' -commit '$(COMMIT)' -time '$(SOURCE_DATE_EPOCH)' $(RELEASES) && \
	if [ -n '$(SIGN)' ]; then cd $(RELEASES) && $(SIGN) SHA256SUMS; fi

## test-release       a release twice, the second from packed sources in another folder; installed into an empty root, and
##                    removed; for this processor, or RELEASE="amd64 arm64 …"
test-release: setup
	@RELEASE='$(if $(filter-out undefined file,$(origin RELEASE)),$(RELEASE))' ./scripts/release/prove
	@$(if $(filter undefined file,$(origin RELEASE)),[ -z "$$ORTHRUS_NOT_RUN" ] || \
		echo 'make test-release-all: $(words $(filter-out $(shell $(GO) env GOHOSTARCH),$(arches))) other processors not run' >>"$$ORTHRUS_NOT_RUN")

## test-release-all   the same for all processors
test-release-all:
	@$(MAKE) --no-print-directory test-release RELEASE='$(arches)'

## clean              removes bin and what test-long remembers
clean:
	rm -rf bin .cache

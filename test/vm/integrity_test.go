// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// integritysetups are ours by that name, and the real one that lies beside the real cryptsetup.
func integritysetups(t *testing.T) (mine, theirs program) {
	t.Helper()
	for _, module := range []string{
		"loop", "dm-integrity", "crc32_generic", "xxhash_generic", "sha1_generic", "sha256_generic", "sha512_generic",
		"hmac", "ctr", "cbc",
	} {
		machine.LoadModule(t, module)
	}
	link := filepath.Join(t.TempDir(), "integritysetup")
	if err := os.Symlink(ours().path, link); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("integritysetup")
	if err != nil {
		t.Fatal(err)
	}
	return program{"orthrus", link}, program{"integritysetup", path}
}

const integritySize = 4 * mib

// integrityBench has keys of 32 bytes.
func integrityBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	for _, key := range []string{"k32", "j32", "c32"} {
		b.write(key, bytes.Repeat([]byte(key[:1]), 32))
	}
	return b
}

// integrityKind is what a device is formatted with, and what open and verify are told again.
type integrityKind struct{ format, both []string }

func integrityKinds() map[string]integrityKind {
	words := strings.Fields
	mac := words("--journal-integrity hmac-sha256 --journal-integrity-key-file j32 --journal-integrity-key-size 32")
	hmac := words("-I hmac-sha256 --integrity-key-file k32 --integrity-key-size 32")
	return map[string]integrityKind{
		"crc32c":        {},
		"crc32":         {nil, words("-I crc32")},
		"xxhash64":      {nil, words("-I xxhash64")},
		"sha1":          {words("-t 4"), words("-I sha1")},
		"sha256, 4096":  {words("-s 4096"), words("-I sha256")},
		"sha512, 1024":  {words("-s 1024"), words("-I sha512")},
		"hmac":          {nil, hmac},
		"journal's MAC": {nil, append(append([]string{}, hmac...), mac...)},
		"encrypted, ctr": {nil, append(words("--journal-crypt ctr-aes --journal-crypt-key-file c32 "+
			"--journal-crypt-key-size 32"), mac...)},
		"encrypted, cbc": {nil, words("--journal-crypt cbc-aes --journal-crypt-key-file c32 --journal-crypt-key-size " +
			"32")},
		"interleave": {words("--interleave-sectors 256 --journal-size 1048576"), nil},
		"legacy":     {words("--integrity-legacy-padding --integrity-legacy-hmac"), nil},
	}
}

func (b *bench) args(first []string, more ...[]string) []string {
	all := append([]string{}, first...)
	for _, words := range more {
		all = append(all, words...)
	}
	return all
}

// written writes the pattern through an open mapping, in two places, and syncs it.
func (b *bench) written(name string, size int) {
	b.t.Helper()
	node, err := os.OpenFile("/dev/mapper/"+name, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer node.Close()
	data := verityData(size)
	for _, off := range []int64{0, integritySize / 2} {
		if _, err := node.WriteAt(data, off); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := node.Sync(); err != nil {
		b.t.Fatal(err)
	}
}

// readAll reads a mapping; the kernel compares every tag.
func (b *bench) readAll(name string) []byte {
	b.t.Helper()
	data, err := os.ReadFile("/dev/mapper/" + name)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// Each formats, the other maps and is written through; ours verifies without a mapping, also a copy of the device
// that was never closed, whose journal holds what was written last; and the kernel reads from it what ours says.
func TestIntegrityDevicesGoBothWays(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := integritysetups(t)
		for name, kind := range integrityKinds() {
			t.Run(name, func(t *testing.T) {
				for _, pair := range [][2]program{{mine, theirs}, {theirs, mine}} {
					b := integrityBench(t)
					b.image("img", integritySize)
					b.expect(pair[0], 0, b.args([]string{"format", "-q", "img"}, kind.format, kind.both)...)
					b.expect(mine, 0, b.args([]string{"verify", "img"}, kind.both)...)
					b.expect(pair[1], 0, b.args([]string{"open", "img", "i"}, kind.both)...)
					b.readAll("i")
					b.written("i", 20480)
					want := b.readAll("i")
					b.write("copy", b.content("img"))
					b.expect(mine, 5, b.args([]string{"verify", "img"}, kind.both)...)
					b.expect(pair[1], 0, "close", "i")
					b.expect(mine, 0, b.args([]string{"verify", "img"}, kind.both)...)
					got := b.expect(mine, 0, b.args([]string{"verify", "copy"}, kind.both)...)
					if !strings.Contains(got.stdout, "The journal holds") {
						t.Errorf("%s formatted: no block is in the journal\n%s", pair[0].name, got.stdout)
					}
					b.expect(pair[0], 0, b.args([]string{"open", "copy", "i"}, kind.both)...)
					if !bytes.Equal(b.readAll("i"), want) {
						t.Error("the replayed copy has other data")
					}
					b.expect(pair[0], 0, "close", "i")
				}
			})
		}
	})
}

// The wipe of the other, the tags of ours: the same but for the salt, which legacy HMAC is without.
func TestIntegrityFormatsAreTheSame(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := integritysetups(t)
		b := integrityBench(t)
		for _, options := range [][]string{
			{"--integrity-legacy-hmac"},
			{"--integrity-legacy-hmac", "-I", "sha256", "-s", "4096"},
			{"--integrity-legacy-hmac", "-I", "crc32", "--interleave-sectors", "64"},
			{"--integrity-legacy-hmac", "--no-wipe"},
		} {
			b.image("a", integritySize)
			b.image("b", integritySize)
			one := b.expect(mine, 0, b.args([]string{"format", "a"}, options)...)
			other := b.expect(theirs, 0, b.args([]string{"format", "b"}, options)...)
			if !bytes.Equal(b.content("a"), b.content("b")) {
				t.Errorf("%v: the devices differ\n%s%s", options, one.stdout, other.stdout)
			}
		}
	})
}

var (
	withoutLoop    = regexp.MustCompile(`(?m)^ *loop:.*\n|loop\d+`)
	integrityUnits = regexp.MustCompile(
		`(?m)(( \[512-byte units\])? \(\d+ \[bytes\]\)| \[?(bytes|512-byte units|ms|sectors)\]?)? *$`)
)

func TestIntegrityTablesAreThoseOfIntegritysetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := integritysetups(t)
		b := integrityBench(t)
		b.image("img", integritySize)
		b.expect(mine, 0, "format", "-q", "img")
		for _, options := range []string{
			"", "-D", "-R", "-B", "-B --bitmap-sectors-per-bit 64 --bitmap-flush-time 5000",
			"--journal-watermark 70 --journal-commit-time 500", "--buffer-sectors 8", "--allow-discards",
			"--integrity-recalculate", "--integrity-recalculate-reset",
		} {
			var tables, status []string
			for _, p := range []program{mine, theirs} {
				b.expect(p, 0, b.args([]string{"open", "img", "i"}, strings.Fields(options))...)
				tables = append(tables, mappingText(t, "i"))
				one := b.expect(mine, 0, "status", "i").stdout
				other := b.expect(theirs, 0, "status", "i").stdout
				status = append(status, one)
				if integrityWords(one) != integrityWords(other) {
					t.Errorf("%s: status:\n%s\ntheirs:\n%s", options, one, other)
				}
				b.expect(p, 0, "close", "i")
			}
			if tables[0] != tables[1] {
				t.Errorf("%s:\n%s%s", options, tables[0], tables[1])
			}
			t.Logf("%s: %s%s", options, tables[0], status[0])
		}
	})
}

// integrityWords is a status without what the releases do not agree on.
func integrityWords(status string) string {
	status = withoutLoop.ReplaceAllString(status, "")
	return integrityUnits.ReplaceAllString(status, "")
}

func TestIntegrityMappingsRefuseAChangedSector(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, _ := integritysetups(t)
		b := integrityBench(t)
		b.image("img", integritySize)
		b.expect(mine, 0, "format", "-q", "img")
		b.expect(mine, 0, "open", "img", "i")
		b.expect(mine, 5, "open", "img", "i")
		b.expect(mine, 0, "close", "i")
		b.expect(mine, 4, "close", "i")
		b.expect(mine, 4, "status", "i")
		b.flip("img", integritySize/2)
		got := b.expect(mine, 2, "verify", "--where", "img")
		if !strings.Contains(got.stdout, "1 sectors") {
			t.Errorf("verify:\n%s", got.stdout)
		}
		b.expect(mine, 0, "open", "img", "i")
		if _, err := os.ReadFile("/dev/mapper/i"); err == nil {
			t.Error("a changed sector is read")
		}
		if got := b.expect(mine, 0, "status", "i"); !regexp.MustCompile(`failures: [1-9]`).MatchString(got.stdout) {
			t.Errorf("status:\n%s", got.stdout)
		}
		b.expect(mine, 0, "close", "i")
	})
}

func TestIntegrityMappingsGrowWithTheirDevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := integritysetups(t)
		for _, options := range [][]string{nil, {"--wipe"}} {
			b := integrityBench(t)
			var sizes []string
			for _, p := range []program{mine, theirs} {
				b.image("img", integritySize)
				b.expect(p, 0, "format", "-q", "img")
				b.expect(p, 0, "open", "img", "i")
				b.expect(mine, 1, "resize", "i", "--size", "1000000")
				b.expect(p, 0, "resize", "i", "--size", "1024")
				shrunk := mappingText(t, "i")
				if err := os.Truncate(b.path("img"), 2*integritySize); err != nil {
					t.Fatal(err)
				}
				b.expect(p, 0, b.args([]string{"resize", "-q", "i"}, options)...)
				sizes = append(sizes, shrunk[:8]+strings.Fields(mappingText(t, "i"))[1])
				b.readAll("i")
				b.expect(p, 0, "close", "i")
				b.expect(mine, 0, "verify", "img")
			}
			if sizes[0] != sizes[1] {
				t.Errorf("%v: %v", options, sizes)
			}
		}
	})
}

func TestIntegrityWithADataDevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := integritysetups(t)
		for _, pair := range [][2]program{{mine, theirs}, {theirs, mine}} {
			b := integrityBench(t)
			b.image("meta", mib)
			b.image("data", integritySize)
			b.expect(pair[0], 0, "format", "-q", "--data-device", "data", "meta")
			b.expect(pair[1], 0, "open", "--data-device", "data", "meta", "i")
			b.readAll("i")
			b.written("i", 20480)
			b.expect(mine, 0, "status", "i")
			b.expect(pair[1], 0, "close", "i")
			b.expect(mine, 0, "verify", "--data-device", "data", "meta")
			b.expect(mine, 1, "verify", "meta")
			b.expect(mine, 1, "open", "meta", "i")
		}
	})
}

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

// veritysetups are ours by that name, and the real one that lies beside the real cryptsetup.
func veritysetups(t *testing.T) (mine, theirs program) {
	t.Helper()
	link := filepath.Join(t.TempDir(), "veritysetup")
	if err := os.Symlink(ours().path, link); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("veritysetup")
	if err != nil {
		t.Fatal(err)
	}
	return program{"orthrus", link}, program{"veritysetup", path}
}

// verityBench has an image of 300 blocks with parity, made by ours.
func verityBench(t *testing.T, mine program) (b *bench, root string) {
	t.Helper()
	b = newBench(t)
	data := make([]byte, 300*4096)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	b.write("data", data)
	got := b.run(mine, "format", "data", "hash", "--fec-device", "fec", "--salt", "aabbcc",
		"--uuid", "11111111-2222-3333-4444-555555555555", "--root-hash-file", "root")
	if got.code != 0 {
		t.Fatalf("format: exit %d\n%s", got.code, got.stderr)
	}
	return b, string(b.content("root"))
}

func (b *bench) content(name string) []byte {
	b.t.Helper()
	content, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return content
}

// expect runs a command line that has to end with a code.
func (b *bench) expect(p program, code int, args ...string) outcome {
	b.t.Helper()
	got := b.run(p, args...)
	if got.code != code {
		b.t.Fatalf("%s %s: exit %d, want %d\n%s%s", p.name, strings.Join(args, " "), got.code, code, got.stdout, got.stderr)
	}
	return got
}

// flip changes one byte of a file.
func (b *bench) flip(name string, at int) {
	b.t.Helper()
	content := b.content(name)
	content[at] ^= 0xff
	b.write(name, content)
}

var loopNumber = regexp.MustCompile(`\b7:\d+|loop\d+`)

// mappingText is the table without the numbers of loop devices.
func mappingText(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("dmsetup", "table", name).CombinedOutput()
	if err != nil {
		t.Fatalf("dmsetup table: %v\n%s", err, out)
	}
	return loopNumber.ReplaceAllString(string(out), "LOOP")
}

func TestVerityTablesAreThoseOfVeritysetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := veritysetups(t)
		b, root := verityBench(t, mine)
		for _, options := range [][]string{
			nil,
			{"--fec-device", "fec"},
			{"--ignore-corruption", "--check-at-most-once"},
			{"--restart-on-corruption", "--ignore-zero-blocks"},
			{"--panic-on-corruption", "--fec-device", "fec", "--check-at-most-once"},
			{"--use-tasklets"},
		} {
			var tables []string
			var status []string
			for _, p := range []program{mine, theirs} {
				args := append([]string{"open", "data", "v", "hash", root}, options...)
				if got := b.run(p, args...); got.code != 0 {
					t.Fatalf("%s %v: exit %d\n%s", p.name, args, got.code, got.stderr)
				}
				tables = append(tables, mappingText(t, "v"))
				status = append(status, b.expect(mine, 0, "status", "v").stdout)
				b.expect(p, 0, "close", "v")
			}
			if tables[0] != tables[1] {
				t.Errorf("%v:\n%s%s", options, tables[0], tables[1])
			}
			for _, line := range []string{"type:        VERITY", "status:      verified", "root hash:   " + root} {
				if !strings.Contains(status[0], line) {
					t.Errorf("%v: %q is not in\n%s", options, line, status[0])
				}
			}
		}
	})
}

func TestVerityMappingReadsDamageAndIsRepairedByTheKernel(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, _ := veritysetups(t)
		b, root := verityBench(t, mine)
		sound := b.content("data")
		b.expect(mine, 0, "open", "data", "v", "hash", root)
		if got, err := os.ReadFile("/dev/mapper/v"); err != nil || !bytes.Equal(got, sound) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		b.expect(mine, 5, "open", "data", "v", "hash", root)
		b.expect(mine, 0, "close", "v")
		b.expect(mine, 4, "close", "v")
		b.expect(mine, 4, "status", "v")

		b.flip("data", 100000)
		b.expect(mine, 0, "open", "data", "v", "hash", root)
		if _, err := os.ReadFile("/dev/mapper/v"); err == nil {
			t.Error("a damaged block is read")
		}
		if got := b.expect(mine, 0, "status", "v"); !strings.Contains(got.stdout, "status:      corrupted") {
			t.Errorf("status:\n%s", got.stdout)
		}
		b.expect(mine, 0, "close", "v")

		b.expect(mine, 0, "open", "data", "v", "hash", root, "--fec-device", "fec")
		if got, err := os.ReadFile("/dev/mapper/v"); err != nil || !bytes.Equal(got, sound) {
			t.Errorf("with FEC: %d bytes, %v", len(got), err)
		}
		b.expect(mine, 0, "close", "v")
		b.expect(mine, 2, "verify", "data", "hash", root, "--fec-device", "fec")
	})
}

func TestVerityRefusalsComeBeforeTheMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, _ := veritysetups(t)
		b, root := verityBench(t, mine)
		wrong := strings.Repeat("00", 32)
		b.expect(mine, 1, "open", "data", "v", "hash", wrong)
		b.write("signature", []byte("no signature"))
		if got := b.run(mine, "open", "data", "v", "hash", root, "--root-hash-signature", "signature"); got.code == 0 {
			t.Error("the kernel takes a root hash that nobody signed")
		}
		if got := b.run(mine, "open", "data", "v", "hash", root, "--panic-on-corruption", "--error-as-corruption"); got.code != 5 ||
			!strings.Contains(got.stderr, "panic_on_error, which Linux 6.12 has") {
			t.Errorf("exit %d\n%s", got.code, got.stderr)
		}
		b.expect(mine, 4, "status", "v")
	})
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
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
	machine.LoadModule(t, "loop")
	b = newBench(t)
	b.write("data", verityData(300*4096))
	got := b.run(mine, "format", "data", "hash", "--fec-device", "fec", "--salt", "aabbcc",
		"--uuid", "11111111-2222-3333-4444-555555555555", "--root-hash-file", "root")
	if got.code != 0 {
		t.Fatalf("format: exit %d\n%s", got.code, got.stderr)
	}
	return b, string(b.content("root"))
}

func verityData(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
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
		b.t.Fatalf("%s %s: exit %d, want %d\n%s%s", p.name, strings.Join(args, " "), got.code, code, got.stdout,
			got.stderr)
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

// sameWords is a status without what the releases do not agree on: units, the FEC's file, and flags,
// which they join to one word.
func sameWords(status string) string {
	return strings.ReplaceAll(verityUnits.ReplaceAllString(status, ""), "[512-byte units]", "sectors")
}

var verityUnits = regexp.MustCompile(`(?m)^ *(flags|FEC loop):.*\n| \[bytes\]$| \(\d+ \[bytes\]\)$`)

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
			var status, theirWords []string
			for _, p := range []program{mine, theirs} {
				args := append([]string{"open", "data", "v", "hash", root}, options...)
				if got := b.run(p, args...); got.code != 0 {
					t.Fatalf("%s %v: exit %d\n%s", p.name, args, got.code, got.stderr)
				}
				tables = append(tables, mappingText(t, "v"))
				status = append(status, b.expect(mine, 0, "status", "v").stdout)
				theirWords = append(theirWords, b.expect(theirs, 0, "status", "v").stdout)
				b.expect(p, 0, "close", "v")
			}
			if tables[0] != tables[1] {
				t.Errorf("%v:\n%s%s", options, tables[0], tables[1])
			}
			for i := range status {
				if sameWords(status[i]) != sameWords(theirWords[i]) {
					t.Errorf("%v: status:\n%s\ntheirs:\n%s", options, status[i], theirWords[i])
				}
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
		if got := b.run(mine, "open", "data", "v", "hash", root, "--panic-on-corruption", "--error-as-corruption"); got.code != 5 ||
			!strings.Contains(got.stderr, "panic_on_error, which Linux 6.12 has") {
			t.Errorf("exit %d\n%s", got.code, got.stderr)
		}
		b.expect(mine, 4, "status", "v")
	})
}

// A signature of the root hash of verityBench by a key that no kernel trusts: PKCS#7, DER.
const strangersSignature = "" +
	"MIIBBwYJKoZIhvcNAQcCoIH5MIH2AgEBMQ8wDQYJYIZIAWUDBAIBBQAwCwYJKoZIhvcNAQcBMYHSMIHPAgEBMCkwETEPMA0GA1UE" +
	"AwwGbm9ib2R5AhQhkdWjx0XROpoVKi08f7TNIICHlDANBglghkgBZQMEAgEFADANBgkqhkiG9w0BAQEFAASBgMFmeM6Iclsh+beR" +
	"Guyf7icNk8Ffq6vmrLiHeww7gnKP3nFPegYN5cXj/J8Ce3V5jzk/JR6Lat1vyExnJaqGIttz+jKXtBp/t3bcz2QU7iSTk3b61t1A" +
	"Mwpm5xONLKHoKg+eT+as3hs1nxPC4vP1ZnK4j5eQ6sX+NL6dNvkwWEjy"

func TestVeritySignaturesThatNobodyTrustsAreRefused(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, theirs := veritysetups(t)
		b, root := verityBench(t, mine)
		signature, err := base64.StdEncoding.DecodeString(strangersSignature)
		if err != nil {
			t.Fatal(err)
		}
		b.write("stranger", signature)
		b.write("garbage", []byte("no signature"))
		b.write("empty", nil)
		tests := []struct{ file, says string }{
			{"stranger", "The kernel trusts no key"},
			{"garbage", "The kernel refuses the signature"},
			{"empty", "Invalid signature file empty."},
			{"missing", "Invalid signature file missing."},
		}
		for _, test := range tests {
			args := []string{"open", "data", "v", "hash", root, "--root-hash-signature", test.file}
			a, other := b.run(mine, args...), b.run(theirs, args...)
			t.Logf("%s: exit %d, theirs %d\n%s%s", test.file, a.code, other.code, a.stderr, other.stderr)
			if a.code == 0 || other.code == 0 || !strings.Contains(a.stderr, test.says) {
				t.Errorf("%s: exit %d, theirs %d\n%s", test.file, a.code, other.code, a.stderr)
			}
			b.expect(mine, 4, "status", "v")
		}
	})
}

// The kernel judges what ours has written: trees and parity of every kind that it can map.
func TestVerityImagesOfManyKindsAreReadAndRepairedByTheKernel(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mine, _ := veritysetups(t)
		b, _ := verityBench(t, mine)
		for _, options := range [][]string{
			{"--salt", "-"},
			{"--format", "0", "--hash", "sha1"},
			{"--hash", "sha512", "--fec-roots", "24", "--salt", strings.Repeat("5a", 256)},
			{"--hash", "sha384", "--fec-roots", "3"},
			{"--hash", "sha224", "--data-block-size", "1024", "--hash-block-size", "1024", "--fec-roots", "5"},
			{"--data-block-size", "512", "--hash-block-size", "512", "--fec-roots", "2"},
			{"--hash-offset", "8192", "--fec-roots", "7"},
			{"--hash-offset", "1228800", "--data-blocks", "300"},
			{"--no-superblock", "--salt", "00ff"},
		} {
			b.mapped(mine, options)
		}
	})
}

// mapped makes an image, has it read, damages it by a burst that the parity can repair, and has it read again.
func (b *bench) mapped(mine program, options []string) {
	b.t.Helper()
	sound := verityData(300 * 4096)
	b.write("data", sound)
	b.write("hash", nil)
	b.write("fec", nil)
	hash := "hash"
	if slices.Contains(options, "--data-blocks") {
		hash = "data"
	}
	format := []string{"format", "data", hash, "--fec-device", "fec", "--root-hash-file", "r"}
	made := b.expect(mine, 0, append(format, options...)...)
	open := []string{"open", "data", "v", hash, "--root-hash-file", "r"}
	fec := []string{"--fec-device", "fec"}
	for i, word := range options {
		switch {
		case word == "--hash-offset":
			open = append(open, options[i:i+2]...)
		case word == "--fec-roots":
			fec = append(fec, options[i:i+2]...)
		case word == "--no-superblock":
			open = append(open, options...)
		}
	}
	b.readsAs(mine, open, sound, true)
	content := b.content("data")
	for i := range 2 * 4096 {
		content[40000+i] ^= 0x77
	}
	b.write("data", content)
	b.readsAs(mine, open, sound, false)
	b.readsAs(mine, append(open, fec...), sound, true)
	b.t.Logf("%v\n%s", options, made.stdout)
}

// readsAs maps an image and compares what is read.
func (b *bench) readsAs(mine program, open []string, want []byte, right bool) {
	b.t.Helper()
	if got := b.run(mine, open...); got.code != 0 {
		b.t.Errorf("%v: exit %d\n%s", open, got.code, got.stderr)
		return
	}
	got, err := os.ReadFile("/dev/mapper/v")
	if right != (err == nil && bytes.Equal(got, want)) {
		b.t.Errorf("%v: read %d bytes, %v; want them right: %v", open, len(got), err, right)
	}
	b.expect(mine, 0, "close", "v")
}

// What the kernel does at a bad block, as it was told, and what it says then.
func TestVerityOrdersForCorruptionEndTheMachine(t *testing.T) {
	if machine.IsInside() {
		return
	}
	dir := t.TempDir()
	data, hash, root := verityFiles(t, dir)
	for _, test := range []struct{ option, says string }{
		{"--restart-on-corruption", "Restarting system"},
		{"--panic-on-corruption", "dm-verity device corrupted"},
	} {
		t.Run(test.option, func(t *testing.T) {
			m, err := machine.Start(t.Context(), machine.Config{
				Modules:  []string{"dm-mod", "dm-verity", "sha256_generic"},
				Programs: []string{"sh", "dd", "cat"},
				Build:    []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
				Disks: []machine.Disk{
					{Name: "data", File: data, ReadOnly: true}, {Name: "hash", File: hash, ReadOnly: true},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			open := "orthrus verity open /dev/vda v /dev/vdb " + root + " " + test.option +
				" && dd if=/dev/mapper/v of=/dev/null bs=4096 count=20"
			code, err := m.Run(t.Context(), machine.Command{Args: []string{"sh", "-c", open}})
			if err != nil || code != 0 {
				t.Fatalf("reading sound blocks: exit %d, %v", code, err)
			}
			code, err = m.Run(t.Context(), machine.Command{Args: []string{"cat", "/dev/mapper/v"}})
			if !errors.Is(err, machine.ErrDead) {
				t.Errorf("reading a bad block: exit %d, %v", code, err)
			}
			if tail := m.Console().Tail(80); !strings.Contains(tail, test.says) {
				t.Errorf("%q is not on the console:\n%s", test.says, tail)
			}
		})
	}
}

// verityFiles are an image of 1000 blocks of which the 901st is bad, its tree, and the root hash.
func verityFiles(t *testing.T, dir string) (data, hash, root string) {
	t.Helper()
	content := verityData(1000 * 4096)
	p := verity.Params{Format: 1, Algorithm: "sha256", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 1000}
	raw, err := (&verity.Superblock{Params: p}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	data, hash = filepath.Join(dir, "data"), filepath.Join(dir, "hash")
	file, err := os.Create(hash)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	im := &verity.Image{Params: p, Data: bytes.NewReader(content), FirstBlock: 1}
	sum, err := im.Build(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	content[900*4096+7] ^= 1
	if err := os.WriteFile(data, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return data, hash, hex.EncodeToString(sum)
}

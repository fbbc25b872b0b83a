// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// field is a part of an on-disk header, bytes.
type field struct {
	name     string
	at, size int
}

var binaryHeader2 = []field{
	{"magic", 0, 6},
	{"version", 6, 2},
	{"hdr_size", 8, 8},
	{"seqid", 16, 8},
	{"label", 24, 48},
	{"csum_alg", 72, 32},
	{"salt", 104, 64},
	{"uuid", 168, 40},
	{"subsystem", 208, 48},
	{"hdr_offset", 256, 8},
	{"padding", 264, 184},
	{"csum", 448, 64},
	{"padding4096", 512, 3584},
	{"JSON", 4096, 4096},
}

var header1 = []field{
	{"magic", 0, 6},
	{"version", 6, 2},
	{"cipherName", 8, 32},
	{"cipherMode", 40, 32},
	{"hashSpec", 72, 32},
	{"payloadOffset", 104, 4},
	{"keyBytes", 108, 4},
	{"mkDigest", 112, 20},
	{"mkDigestSalt", 132, 32},
	{"mkDigestIterations", 164, 4},
	{"uuid", 168, 40},
	{"keyslot 0 active", 208, 4},
	{"keyslot 0 iterations", 212, 4},
	{"keyslot 0 salt", 216, 32},
	{"keyslot 0 keyMaterialOffset", 248, 4},
	{"keyslot 0 stripes", 252, 4},
}

// damages are the ways in which a field is made wrong.
var damages = []struct {
	name string
	do   func(p []byte)
}{
	{"first byte changed", func(p []byte) { p[0] ^= 0x41 }},
	{"last byte changed", func(p []byte) { p[len(p)-1] ^= 0x02 }},
	{"zero", func(p []byte) { clear(p) }},
	{"all ones", func(p []byte) {
		for i := range p {
			p[i] = 0xff
		}
	}},
}

// wreck is a damaged image, on which both programs end alike.
type wreck struct {
	name   string
	damage func(image []byte) []byte
	// ours are our exit codes where they are not cryptsetup's, on purpose; why says it.
	ours map[string]int
	why  string
}

// refusedByAll is what is no LUKS volume to us.
var refusedByAll = map[string]int{"isLuks": 1, "luksDump": 1, "open": 1}

// odd1 are the LUKS1 headers that cryptsetup describes although nothing can be opened by them, but
// for the uuid without an end, which it opens.
var odd1 = map[string]string{
	"cipherName first byte changed": "a name with a control character",
	"cipherName zero":               "no cipher",
	"cipherName all ones":           "a field without an end",
	"cipherMode all ones":           "a field without an end",
	"uuid all ones":                 "a field without an end",
	"mkDigestIterations zero":       "no iterations",
}

var looks = []string{"isLuks w.img", "luksDump w.img", "open --test-passphrase --key-file k1 w.img"}

// compare holds exit codes against each other, and makes sure that our looking has written nothing.
func (w wreck) compare(b *bed, p tool, image []byte) {
	broken := w.damage(append([]byte{}, image...))
	restore := func() {
		if err := os.WriteFile(b.path("w.img"), broken, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	restore()
	var ours []result
	for _, verb := range looks {
		ours = append(ours, b.run(bench.ours, words(verb)...))
	}
	if !bytes.Equal(b.read("w.img"), broken) {
		b.t.Error("looking wrote to the image")
	}
	for i, verb := range looks {
		if i == len(looks)-1 {
			restore() // cryptsetup's luksDump repairs
		}
		got, want := ours[i], b.run(p, words(verb)...).code
		if code, told := w.ours[words(verb)[0]]; told {
			want = code
		}
		if got.code != want {
			b.t.Errorf("%s: exit %d, want %d\n%s", verb, got.code, want, got.stderr)
		}
		brief(b, words(verb)[0], got, "w.img", "eyslot", "No key available with this passphrase.")
	}
}

// brief asks for an error of one line that names the thing, and at most one more with the way out.
func brief(b *bed, verb string, got result, names ...string) {
	b.t.Helper()
	if got.code == 0 || verb == "isLuks" && got.stderr == "" {
		return
	}
	lines := errorLines(got.stderr)
	named := func(name string) bool { return strings.Contains(lines[0], name) }
	if len(lines) > 2 || !slices.ContainsFunc(names, named) {
		b.t.Errorf("%s: exit %d with %q, want one line that names one of %q, and at most one more", verb, got.code, got.stderr, names)
	}
}

func allWrecks(t *testing.T, version string, more []string, wrecks []wreck) {
	b := newBed(t)
	b.image("v.img", 5<<19)
	k := kind{version: version, cipher: "aes-xts-plain64", keyBits: 256, pbkdf: "pbkdf2", hash: "sha256", sectorSize: 512}
	args := append(k.format(), "v.img")
	b.must(bench.bookworm, append(args, more...)...)
	image := b.read("v.img")
	var same atomic.Int32
	t.Run("wreck", func(t *testing.T) {
		for _, w := range wrecks {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				w.compare(newBed(t), bench.bookworm, image)
				if !t.Failed() {
					same.Add(1)
				}
			})
		}
	})
	var others []string
	for _, w := range wrecks {
		if w.why != "" {
			others = append(others, fmt.Sprintf("  otherwise on purpose: %s: %s\n", w.name, w.why))
		}
	}
	fmt.Printf("damaged %s headers: %d of %d pass: %d end as with cryptsetup 2.6.1, %d otherwise on purpose; nothing written\n%s",
		version, same.Load(), len(wrecks), len(wrecks)-len(others), len(others), strings.Join(others, ""))
}

// TestEachFieldOfLUKS2Wrong: in the first head, in the second, in both, and in both with checksums
// that say all is well.
func TestEachFieldOfLUKS2Wrong(t *testing.T) {
	var wrecks []wreck
	for _, f := range binaryHeader2 {
		for where, which := range map[string][]int{"first head": {0}, "second head": {1}, "both heads": {0, 1}} {
			w := wreck{name: f.name + " wrong in " + where, damage: func(image []byte) []byte {
				copies := heads(image)
				for _, i := range which {
					damages[0].do(copies[i][f.at : f.at+f.size])
				}
				return image
			}}
			if w.name == "version wrong in first head" {
				w.ours, w.why = map[string]int{"isLuks": 0, "luksDump": 0, "open": 0}, "the second head is in order and is used"
			}
			wrecks = append(wrecks, w)
		}
		if f.name == "csum" {
			continue
		}
		for _, d := range damages {
			wrecks = append(wrecks, wreck{name: f.name + " " + d.name + ", checksums right", damage: func(image []byte) []byte {
				for _, head := range heads(image) {
					d.do(head[f.at : f.at+f.size])
					seal(head)
				}
				return image
			}})
		}
	}
	allWrecks(t, "luks2", words("--luks2-keyslots-size 512k"), wrecks)
}

func TestEachFieldOfLUKS1Wrong(t *testing.T) {
	var wrecks []wreck
	for _, f := range header1 {
		for _, d := range damages {
			if d.name == "all ones" && (f.name == "mkDigestIterations" || f.name == "keyslot 0 iterations") {
				continue // four thousand million iterations
			}
			if d.name == "first byte changed" && (f.name == "mkDigestIterations" || f.name == "keyslot 0 iterations") {
				continue // a thousand million
			}
			w := wreck{name: f.name + " " + d.name, damage: func(image []byte) []byte {
				d.do(image[f.at : f.at+f.size])
				return image
			}}
			if why, odd := odd1[w.name]; odd {
				w.ours, w.why = refusedByAll, why
			}
			if w.name == "cipherMode zero" {
				w.ours, w.why = map[string]int{"open": 2}, "ECB, as in the first version of the format; the key does not fit"
			}
			wrecks = append(wrecks, w)
		}
	}
	allWrecks(t, "luks1", nil, wrecks)
}

func TestTruncatedImages(t *testing.T) {
	sizes := []int{0, 1, 6, 100, 511, 512, 592, 1023, 1024, 4095, 4096, 8192, 16383, 16384, 16384 + 512, 20480, 32767, 32768, 36864, 163840, 1 << 20, 1<<20 + 512, 2 << 20}
	for _, version := range []string{"luks1", "luks2"} {
		var wrecks []wreck
		for _, size := range sizes {
			wrecks = append(wrecks, wreck{name: fmt.Sprintf("cut to %d bytes", size), damage: func(image []byte) []byte { return image[:size] }})
		}
		var more []string
		if version == "luks2" {
			more = words("--luks2-keyslots-size 512k")
		}
		t.Run(version, func(t *testing.T) { allWrecks(t, version, more, wrecks) })
	}
}

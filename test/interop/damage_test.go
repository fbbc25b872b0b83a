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

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// wreck is a malformed volume, on which both programs end alike.
type wreck struct {
	vectors.Malformed
	verdict bool // is asked for too
	// ours are our exit codes where they are not cryptsetup's, on purpose; why says it.
	ours map[string]int
	why  string
}

// refusedByAll is what is no LUKS volume to us.
var refusedByAll = map[string]int{"isLuks": 1, "luksDump": 1, "open": 1}

// different are the volumes on which our exit codes are not cryptsetup's, on purpose.
var different = map[string]struct {
	ours map[string]int
	why  string
}{
	"2 version wrong in first head": {map[string]int{"isLuks": 0, "luksDump": 0, "open": 0}, "the second head is in order and is used"},

	"2 keyring token with more": {refusedByAll, "the format allows no other member; cryptsetup sees it when it writes"},
	"2 priority a string":       {refusedByAll, "the format has an integer"},
	"2 kdf salt short":          {map[string]int{"open": 2}, "the salt is used as it is"},
	"2 digest without salt":     {refusedByAll, "nothing could be verified"},
	"2 digest without digest":   {refusedByAll, "nothing could be verified; cryptsetup takes any key"},

	// cryptsetup describes these although nothing can be opened by them, but for the uuid, which it opens.
	"1 cipherName first byte changed": {refusedByAll, "a name with a control character"},
	"1 cipherName zero":               {refusedByAll, "no cipher"},
	"1 cipherName all ones":           {refusedByAll, "a field without an end"},
	"1 cipherMode all ones":           {refusedByAll, "a field without an end"},
	"1 uuid all ones":                 {refusedByAll, "a field without an end"},
	"1 mkDigestIterations zero":       {refusedByAll, "no iterations"},
	"1 cipherMode zero":               {map[string]int{"open": 2}, "ECB, as in the first version of the format; the key does not fit"},
}

var looks = []string{"isLuks w.img", "luksDump w.img", "open --test-passphrase --key-file k1 w.img"}

// compare holds exit codes against each other, and makes sure that our looking has written nothing.
func (w wreck) compare(b *bed, p tool, image []byte) {
	broken := w.Damage(append([]byte{}, image...))
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

// verdicts asks both for theirs and holds them against what is stated.
func (w wreck) verdicts(b *bed, p tool, image []byte) {
	broken := w.Damage(append([]byte{}, image...))
	ours, peer := settle(b, own(b), broken, "--undo", "undo"), settle(b, p, broken)
	want := w.Peer
	if want == "" {
		want = w.Expect
	}
	if ours != w.Expect || peer != want || (w.Peer != "") != (w.Why != "") {
		b.t.Errorf("stated: %s, cryptsetup %s (%s); seen:\n%d\t%s\t%s\t%s", w.Expect, want, w.Why, w.Version, w.Name, ours, peer)
	}
}

// settle lets a tool repair the image, and then describe it.
func settle(b *bed, p tool, image []byte, options ...string) vectors.Verdict {
	b.t.Helper()
	if err := os.WriteFile(b.path("s.img"), image, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.run(p, append(words("repair -q s.img"), options...)...)
	_ = os.Remove(b.path("undo"))
	described := b.run(p, words("luksDump s.img")...).code == 0
	switch changed := !bytes.Equal(b.read("s.img"), image); {
	case !described:
		return vectors.Refuse
	case changed:
		return vectors.Repair
	}
	return vectors.Accept
}

// wrecksOf are the malformed volumes of a version: one in four, and one verdict in twelve; in the long run
// every one.
func wrecksOf(t *testing.T, version int) []wreck {
	t.Helper()
	var list []wreck
	judged, all := 0, 0
	for i, m := range vectors.MalformedVolumes() {
		if m.Version != version {
			continue
		}
		if all++; i%4 != 0 && !part.Whole() {
			continue
		}
		d := different[fmt.Sprintf("%d %s", version, m.Name)]
		w := wreck{Malformed: m, verdict: i%12 == 0 || part.Whole(), ours: d.ours, why: d.why}
		if w.verdict {
			judged++
		}
		list = append(list, w)
	}
	part.Note(t, "malformed volumes", len(list), all)
	part.Note(t, "verdicts of repair", judged, all)
	return list
}

// TestMalformedVolumes: hundreds of volumes with one thing wrong each get the same exit codes and the same
// verdict (accept, repair or refuse) from us and from cryptsetup, or are listed with the reason why not.
func TestMalformedVolumes(t *testing.T) {
	t.Run("luks2", func(t *testing.T) { allWrecks(t, "luks2", words("--luks2-keyslots-size 512k"), wrecksOf(t, 2)) })
	t.Run("luks1", func(t *testing.T) { allWrecks(t, "luks1", nil, wrecksOf(t, 1)) })
}

func allWrecks(t *testing.T, version string, more []string, wrecks []wreck) {
	b := newBed(t)
	b.image("v.img", 5<<19)
	k := kind{version: version, cipher: "aes-xts-plain64", keyBits: 256, pbkdf: "pbkdf2", hash: "sha256", sectorSize: 512}
	args := append(k.format(), "v.img")
	b.must(bench.bookworm, append(args, more...)...)
	image := b.read("v.img")
	var same, judged atomic.Int32
	t.Run("wreck", func(t *testing.T) {
		for _, w := range wrecks {
			t.Run(w.Name, func(t *testing.T) {
				t.Parallel()
				w.compare(newBed(t), bench.bookworm, image)
				if w.verdict {
					judged.Add(1)
					w.verdicts(newBed(t), bench.bookworm, image)
				}
				if !t.Failed() {
					same.Add(1)
				}
			})
		}
	})
	var others []string
	for _, w := range wrecks {
		if w.why != "" {
			others = append(others, fmt.Sprintf("  otherwise on purpose: %s: %s\n", w.Name, w.why))
		}
		if w.Why != "" {
			others = append(others, fmt.Sprintf("  otherwise on purpose: %s: %s, cryptsetup %s: %s\n", w.Name, w.Expect, w.Peer, w.Why))
		}
	}
	fmt.Printf("malformed %s volumes: %d of %d pass against cryptsetup 2.6.1, %d with their verdict; nothing written by looking\n%s",
		version, same.Load(), len(wrecks), judged.Load(), strings.Join(others, ""))
}

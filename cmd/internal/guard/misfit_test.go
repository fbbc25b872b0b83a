// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/luks"
)

// rewritten returns contents with another text in the metadata of those copies of the head, a greater seqid and a
// right checksum.
func rewritten(t *testing.T, contents []byte, was, is string, copies ...int) []byte {
	t.Helper()
	p := bytes.Clone(contents)
	for _, i := range copies {
		head := p[i*headSize : (i+1)*headSize]
		text := head[4096:]
		end := bytes.IndexByte(text, 0)
		next := bytes.Replace(text[:end], []byte(was), []byte(is), 1)
		if bytes.Equal(next, text[:end]) {
			t.Fatalf("no %s in %s", was, text[:end])
		}
		clear(text)
		copy(text, next)
		binary.BigEndian.PutUint64(head[16:], 99)
		clear(head[448:512])
		sum := sha256.Sum256(head)
		copy(head[448:], sum[:])
	}
	return p
}

// misfits are changes of the metadata that leave it valid and make it one of no such device.
var misfits = map[string][2]string{
	"sectors of no kernel":     {`"sector_size":512`, `"sector_size":1048576`},
	"beyond the device":        {`"size":"13631488"`, `"size":"4294967296"`},
	"over the far header":      {`"size":"13631488"`, `"size":"15728640"`},
	"data that begin past it":  {`"offset":"1048576","size":"13631488"`, `"offset":"1073741824","size":"13631488"`},
	"a cipher that nobody has": {`"encryption":"aes-xts-plain64","sector_size"`, `"encryption":"bes-xts-plain64","sector_size"`},
}

func TestAHeadThatDoesNotFitTheDeviceIsNotSpread(t *testing.T) {
	_, contents := newBench(t, "").farImage("a")
	for name, change := range misfits {
		for copies, places := range map[string][]int{"both": {0, 1}, "primary": {0}} {
			t.Run(name+", "+copies, func(t *testing.T) {
				b := newBench(t, "repair = proven\ngrow = yes\nstore = full")
				path := filepath.Join(b.dir, "a.img")
				b.put(path, contents)
				uuid := b.look(path).UUID
				before, _ := b.kept(uuid)
				bad := rewritten(t, contents, change[0], change[1], places...)
				b.put(path, bad)
				v := b.look(path)
				if v.Verdict == "healthy" || v.Did != "" || !strings.Contains(strings.Join(v.Because, "\n"), "does not fit") {
					t.Errorf("%+v", v)
				}
				b.holds(path, bad)
				if after, _ := b.kept(uuid); len(before) != 1 || len(after) != 1 || after[0] != before[0] {
					t.Errorf("kept %+v, and before %+v", after, before)
				}
				if _, err := b.Accept(t.Context(), path); !errors.Is(err, ErrNothingToAccept) {
					t.Errorf("accepted: %v", err)
				}
				b.put(path, contents)
				if v := b.look(path); v.Verdict != "healthy" || v.Would != "" {
					t.Errorf("back in order: %+v", v)
				}
			})
		}
	}
}

// TestRuinedMaterialIsNotCopiedOverTheFarHeader: where the volume is known it comes back from there first.
func TestRuinedMaterialIsNotCopiedOverTheFarHeader(t *testing.T) {
	for name, known := range map[string]bool{"known": true, "never seen": false} {
		b := newBench(t, "repair = proven")
		path, _ := b.farImage("a")
		if known {
			b.look(path)
		}
		b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
		stale, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := damaged(slices.Clone(stale), 2*headSize, 6*headSize)
		b.put(path, bad)
		v := b.look(path)
		if (v.Did != "") != known || !known && v.Would != string(verdict.Repair) {
			t.Errorf("%s: %+v", name, v)
		}
		if !known {
			b.holds(path, bad)
			continue
		}
		b.holds(path, stale)
		if v := b.look(path); !strings.Contains(v.Did, "far header brought into step") || v.Verdict != "healthy" {
			t.Errorf("%s, the next look: %+v", name, v)
		}
	}
}

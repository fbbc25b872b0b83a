// SPDX-License-Identifier: Apache-2.0

package repair

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// disk is an image in memory; reads of bad sectors fail, and writes cure them.
type disk struct {
	image  []byte
	bad    map[int64]bool
	writes []string
	lose   bool
}

func vector(name string) *disk {
	image, _ := vectors.Open(name)
	return &disk{image: image, bad: map[int64]bool{}}
}

func (d *disk) Size() int64 { return int64(len(d.image)) }
func (d *disk) Sync() error { return nil }

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	for s := off / 512; s*512 < off+int64(len(p)); s++ {
		if d.bad[s] {
			return 0, syscall.EIO
		}
	}
	return bytes.NewReader(d.image).ReadAt(p, off)
}

func (d *disk) ReadAround(p []byte, off int64, bad func(off, length int64, err error)) (int, error) {
	for at := 0; at < len(p); at += 512 {
		if _, err := d.ReadAt(p[at:at+512], off+int64(at)); err != nil {
			bad(off+int64(at), 512, err)
		}
	}
	return len(p), nil
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.writes = append(d.writes, fmt.Sprintf("%d+%d", off, len(p)))
	if d.lose {
		return len(p), nil
	}
	for s := off / 512; s*512 < off+int64(len(p)); s++ {
		delete(d.bad, s)
	}
	return copy(d.image[off:], p), nil
}

func plan(t *testing.T, d *disk, keep Keep) Plan {
	t.Helper()
	p, err := Make(d, keep, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.writes) > 0 {
		t.Fatal("planning wrote")
	}
	return p
}

func TestRepairAndGoBack(t *testing.T) {
	const name = "luks2-metadata-64k"
	for what, harm := range map[string]func(d *disk){
		"primary":              func(d *disk) { clear(d.image[:512]) },
		"middle of the JSON":   func(d *disk) { d.image[5000] ^= 4 },
		"secondary":            func(d *disk) { copy(d.image[65536:], "something else") },
		"unreadable primary":   func(d *disk) { d.bad[9] = true },
		"unreadable secondary": func(d *disk) { d.bad[65536/512+1] = true },
	} {
		d := vector(name)
		harm(d)
		damaged, unreadable := bytes.Clone(d.image), len(d.bad)
		p := plan(t, d, KeepNone)
		kept, err := p.Keep(d)
		if err != nil {
			t.Fatal(err)
		}
		undo := Undo{UUID: p.UUID, SeqID: p.SeqID, DeviceSize: uint64(d.Size()), Ranges: kept}
		if err := Apply(d, p); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if c, err := header.Choose(header.Read(d)); err != nil || !c.Healthy() || c.Copy.Header.SeqID != p.SeqID {
			t.Errorf("%s: %v %v", what, c.Reason, err)
		}
		undo = reread(t, undo)
		if err := undo.Check(d); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := undo.Revert(d); err != nil {
			t.Fatal(err)
		}
		if unreadable == 0 && !bytes.Equal(d.image, damaged) {
			t.Errorf("%s: going back gives other bytes", what)
		}
		if unreadable != len(undo.Ranges[0].Unreadable) {
			t.Errorf("%s: unreadable %+v", what, undo.Ranges[0].Unreadable)
		}
		if err := undo.Check(d); !errors.Is(err, ErrMovedOn) {
			t.Errorf("%s: going back twice: %v", what, err)
		}
	}
}

// reread takes the record through its file form.
func reread(t *testing.T, u Undo) Undo {
	t.Helper()
	p, err := u.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeUndo(p)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestGoingBackIsRefusedAfterAnyChange(t *testing.T) {
	d := vector("luks2-unbound")
	d.image[100] ^= 1
	p := plan(t, d, KeepNone)
	kept, err := p.Keep(d)
	if err != nil {
		t.Fatal(err)
	}
	undo := Undo{DeviceSize: uint64(d.Size()), Ranges: kept}
	if err := Apply(d, p); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 4095, 4096, 16383} {
		d.image[at] ^= 1
		if err := undo.Check(d); !errors.Is(err, ErrMovedOn) {
			t.Errorf("byte %d: %v", at, err)
		}
		d.image[at] ^= 1
	}
	d.image = append(d.image, 0)
	if err := undo.Check(d); !errors.Is(err, ErrMovedOn) {
		t.Errorf("grown device: %v", err)
	}
}

func TestDamagedUndoCopiesAreRefused(t *testing.T) {
	good, err := Undo{DeviceSize: 512, Ranges: []Range{{Length: 512, After: make([]byte, 32), Before: make([]byte, 512)}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x20
		if _, err := DecodeUndo(bad); !errors.Is(err, ErrUndoFormat) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if _, err := DecodeUndo(good[:at]); !errors.Is(err, ErrUndoFormat) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
	for _, r := range []Range{{Offset: 1, Length: 512}, {Offset: 1<<64 - 1, Length: 512}, {Length: 513}} {
		r.Before, r.After = make([]byte, 512), make([]byte, 32)
		p, err := Undo{DeviceSize: 512, Ranges: []Range{r}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeUndo(p); !errors.Is(err, ErrUndoFormat) {
			t.Errorf("range %+v: %v", r, err)
		}
	}
}

func FuzzDecodeUndo(f *testing.F) {
	good, err := Undo{DeviceSize: 512}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, p []byte) {
		u, err := DecodeUndo(p)
		if err == nil {
			reread(t, u)
		}
	})
}

func TestConflictNeedsAChoice(t *testing.T) {
	for keep, want := range map[Keep]string{KeepPrimary: "", KeepSecondary: "other"} {
		d := vector("luks2-unbound")
		c, err := header.Choose(header.Read(d))
		if err != nil {
			t.Fatal(err)
		}
		c.Copy.Header.Label, c.Copy.Header.Offset = "other", c.Copy.Header.Size
		p, err := luks2.Encode(c.Copy)
		if err != nil {
			t.Fatal(err)
		}
		copy(d.image[c.Copy.Header.Size:], p)
		refused, err := Make(d, KeepNone, rand.Reader)
		if !errors.Is(err, header.ErrConflict) || refused.Conflict == nil || len(refused.Writes) > 0 {
			t.Fatalf("%v, %+v", err, refused.Conflict)
		}
		if err := Apply(d, plan(t, d, keep)); err != nil {
			t.Fatal(err)
		}
		if c, err = header.Choose(header.Read(d)); err != nil || !c.Healthy() || c.Copy.Header.Label != want {
			t.Errorf("label %q, %v, %v", c.Copy.Header.Label, c.Reason, err)
		}
	}
	if _, err := Make(vector("luks2-unbound"), KeepPrimary, rand.Reader); !errors.Is(err, ErrNoConflict) {
		t.Errorf("choice without a conflict: %v", err)
	}
	if _, err := Make(vector("luks1-sha1"), KeepPrimary, rand.Reader); !errors.Is(err, ErrNoConflict) {
		t.Errorf("choice in LUKS1: %v", err)
	}
}

// The first sector of a copy tells how new it is. Where that one cannot be read, a person decides.
func TestACopyThatMayBeNewerIsGivenUpOnlyByChoice(t *testing.T) {
	for first, keep := range map[int64]Keep{0: KeepSecondary, luks2.MinSize / 512: KeepPrimary} {
		d := vector("luks2-unbound")
		d.bad[first] = true
		if _, err := Make(d, KeepNone, rand.Reader); !errors.Is(err, header.ErrUnreadable) || !errors.Is(err, syscall.EIO) {
			t.Errorf("sector %d: %v", first, err)
		}
		if _, err := Make(d, KeepPrimary+KeepSecondary-keep, rand.Reader); !errors.Is(err, ErrNotValid) {
			t.Errorf("sector %d, the unreadable copy chosen: %v", first, err)
		}
		if err := Apply(d, plan(t, d, keep)); err != nil {
			t.Fatal(err)
		}
		if c, err := header.Choose(header.Read(d)); err != nil || !c.Healthy() {
			t.Errorf("sector %d: %v, %v", first, c.Reason, err)
		}
	}
}

func TestAnUnreadableCopyThatIsNewerIsLeftAlone(t *testing.T) {
	d := vector("luks2-unbound")
	h := header.Read(d)
	newer := h.Secondary.Copy
	newer.Header.SeqID++
	p, err := luks2.Encode(newer)
	if err != nil {
		t.Fatal(err)
	}
	copy(d.image[h.Secondary.Offset:], p)
	d.bad[int64(h.Secondary.Offset/512)+20] = true
	if p, err := Make(d, KeepNone, rand.Reader); !errors.Is(err, header.ErrUnreadable) || len(p.Writes) > 0 {
		t.Errorf("%v, %d writes", err, len(p.Writes))
	}
}

func TestGlitchesOfLUKS1AreMended(t *testing.T) {
	d := vector("luks1-sha1")
	whole := bytes.Clone(d.image)
	copy(d.image[72:], "SHA1")
	clear(d.image[208+7*48:][:4])
	p := plan(t, d, KeepNone)
	if len(p.Writes) != 2 || !strings.Contains(p.Writes[0].Why, "hash in upper case (SHA1, becomes sha1)") {
		t.Fatalf("%+v", p.Writes)
	}
	if err := Apply(d, p); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.image, whole) {
		t.Error("mended header differs from the whole one")
	}
	d.image[111] = 0 // no key
	if _, err := Make(d, KeepNone, rand.Reader); !errors.Is(err, luks1.ErrInvalid) {
		t.Errorf("beyond mending: %v", err)
	}
}

func TestGenerationTellsEveryChange(t *testing.T) {
	base := plan(t, vector("luks2-unbound"), KeepNone).Generation
	again := plan(t, vector("luks2-unbound"), KeepNone).Generation
	if base != again {
		t.Error("the same header has two generations")
	}
	hurt := vector("luks2-unbound")
	hurt.image[20000] ^= 1
	if plan(t, hurt, KeepNone).Generation == base || plan(t, vector("luks2-serpent"), KeepNone).Generation == base {
		t.Error("another header has the same generation")
	}
}

func TestLostWriteIsNoSuccess(t *testing.T) {
	d := vector("luks2-unbound")
	d.image[0] = 0
	p := plan(t, d, KeepNone)
	d.lose = true
	if err := Apply(d, p); !errors.Is(err, commit.ErrReadBack) {
		t.Errorf("error %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package header

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// disk is an image in memory with unreadable 512-byte sectors.
type disk struct {
	image  []byte
	bad    map[int64]bool // sector numbers
	writes []int64        // offsets
}

func (d *disk) Size() int64 { return int64(len(d.image)) }

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if off >= d.Size() {
		return 0, io.EOF
	}
	for sector := off / 512; sector*512 < off+int64(len(p)); sector++ {
		if d.bad[sector] {
			return 0, syscall.EIO
		}
	}
	n := copy(p, d.image[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.writes = append(d.writes, off)
	return copy(d.image[off:], p), nil
}

func (d *disk) Sync() error { return nil }

func (d *disk) carryOut(p Plan) {
	for _, w := range p.Writes {
		copy(d.image[w.Offset:], w.Bytes)
	}
}

func volume(t *testing.T) *disk {
	t.Helper()
	image, _ := vectors.Open("luks2-argon2id-4096")
	return &disk{image: image, bad: map[int64]bool{}}
}

func chosen(t *testing.T, d Device) (Heads, Choice) {
	t.Helper()
	h := Read(d)
	c, err := Choose(h)
	if err != nil {
		t.Fatal(err)
	}
	return h, c
}

func TestNewerAcrossTheWrap(t *testing.T) {
	cases := []struct {
		a, b uint64
		want bool
	}{
		{2, 1, true},
		{1, 2, false},
		{1, 1, false},
		{0, math.MaxUint64, true},
		{math.MaxUint64, 0, false},
		{wrapWindow - 1, 1<<64 - wrapWindow, true},
		{wrapWindow, 1<<64 - wrapWindow, false},
		{wrapWindow, 1<<64 - wrapWindow - 1, false},
		{1<<64 - wrapWindow, wrapWindow, true},
		{1<<64 - wrapWindow - 1, 0, true},
		{math.MaxUint64, math.MaxUint64 - 1, true},
	}
	for _, c := range cases {
		if got := Newer(c.a, c.b); got != c.want {
			t.Errorf("Newer(%d, %d) = %v", c.a, c.b, got)
		}
	}
}

// headsOf builds Heads with the states and numbers given.
func headsOf(t *testing.T, p, s State, pSeq, sSeq uint64, differ bool) Heads {
	t.Helper()
	image, _ := vectors.Open("luks2-argon2id-4096")
	c, err := luks2.Decode(image, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := Heads{
		Primary:    Found{Place: Primary, State: p, Err: luks2.ErrChecksum, Copy: c},
		Secondary:  Found{Place: Secondary, State: s, Err: syscall.EIO, Offset: c.Header.Size, Copy: c},
		DeviceSize: 1 << 30,
	}
	h.Primary.Copy.Header.SeqID, h.Secondary.Copy.Header.SeqID = pSeq, sSeq
	h.Secondary.Copy.Header.Offset = c.Header.Size
	if differ {
		h.Secondary.Copy.Header.Label = "other"
	}
	return h
}

func TestChoiceForEveryCombinationOfStates(t *testing.T) {
	invalid := []State{Absent, Damaged, Unreadable}
	for _, p := range invalid {
		for _, s := range invalid {
			_, err := Choose(headsOf(t, p, s, 5, 5, false))
			var none *NoHeaderError
			if !errors.As(err, &none) || !errors.Is(err, ErrNoHeader) || none.Absent() != (p == Absent && s == Absent) {
				t.Errorf("%v and %v: %v", p, s, err)
			}
		}
		if c, err := Choose(headsOf(t, Valid, p, 5, 9, true)); err != nil || c.Reason != OnlyPrimary || c.Place != Primary {
			t.Errorf("valid and %v: %v %v", p, c.Reason, err)
		}
		if c, err := Choose(headsOf(t, p, Valid, 9, 5, true)); err != nil || c.Reason != OnlySecondary || c.Place != Secondary {
			t.Errorf("%v and valid: %v %v", p, c.Reason, err)
		}
	}
	both := []struct {
		pSeq, sSeq uint64
		differ     bool
		want       Reason
		place      Place
	}{
		{5, 5, false, BothAgree, Primary},
		{5, 5, true, Conflicting, Primary},
		{6, 5, true, PrimaryNewer, Primary},
		{5, 6, true, SecondaryNewer, Secondary},
		{5, 6, false, SecondaryNewer, Secondary},
		{0, math.MaxUint64, true, PrimaryNewer, Primary},
		{math.MaxUint64, 0, true, SecondaryNewer, Secondary},
	}
	for _, b := range both {
		c, err := Choose(headsOf(t, Valid, Valid, b.pSeq, b.sSeq, b.differ))
		if err != nil || c.Reason != b.want || c.Place != b.place {
			t.Errorf("%+v: %v from the %v, %v", b, c.Reason, c.Place, err)
		}
	}
}

func TestHeaderLargerThanTheDeviceIsRefused(t *testing.T) {
	h := headsOf(t, Valid, Valid, 5, 5, false)
	h.DeviceSize = 32768 + 786432 - 1
	var size *SizeError
	if _, err := Choose(h); !errors.As(err, &size) {
		t.Errorf("error %v", err)
	}
	h.DeviceSize++
	if _, err := Choose(h); err != nil {
		t.Errorf("exact fit: %v", err)
	}
}

func TestOneBadSectorAnywhereInTheHeadsLeavesAChoice(t *testing.T) {
	for sector := range int64(2 * luks2.MinSize / 512) {
		d := volume(t)
		d.bad[sector] = true
		h, c := chosen(t, d)
		want, hurt := OnlySecondary, h.Primary
		if sector >= luks2.MinSize/512 {
			want, hurt = OnlyPrimary, h.Secondary
		}
		if c.Reason != want || hurt.State != Unreadable || !errors.Is(hurt.Err, syscall.EIO) {
			t.Errorf("sector %d: %v, %v (%v)", sector, c.Reason, hurt.State, hurt.Err)
		}
		// The first sector says how new a copy is; behind any other nothing newer can hide.
		first := sector%(luks2.MinSize/512) == 0
		if doubt := Doubt(h, c); errors.Is(doubt, ErrUnreadable) != first || hurt.Titled == first {
			t.Errorf("sector %d: doubt %v, titled %v", sector, doubt, hurt.Titled)
		}
		if len(d.writes) != 0 {
			t.Fatal("reading wrote")
		}
	}
}

func TestSecondaryIsFoundAtEachOfTheNineOffsets(t *testing.T) {
	image, _ := vectors.Open("luks2-argon2id-4096")
	c, err := luks2.Decode(image, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range luks2.Sizes() {
		d := &disk{image: make([]byte, 32<<20), bad: map[int64]bool{}}
		next := luks2.Copy{Header: c.Header, Metadata: luks2.NewMetadata(size, 16<<20)}
		next.Header.Size = size
		next.Metadata.AddCrypt(luks2.Segment{Offset: 16<<20 + 2*size, Dynamic: true, Encryption: "aes-xts-plain64", SectorSize: 512})
		if _, err := next.Metadata.AddDigest(luks2.Digest{Type: "pbkdf2", Segments: []int{0}, Hash: "sha256", Iterations: 1000}); err != nil {
			t.Fatal(err)
		}
		plan, err := PlanFormat(next, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d.carryOut(plan)
		clear(d.image[:512])
		if h, choice := chosen(t, d); choice.Reason != OnlySecondary || h.Secondary.Offset != size {
			t.Errorf("size %d: %v at %d", size, choice.Reason, h.Secondary.Offset)
		}
		if size == luks2.MinSize {
			continue
		}
		d.bad[luks2.MinSize/512] = true
		h, choice := chosen(t, d)
		if doubt := Doubt(h, choice); choice.Reason != OnlySecondary || !errors.Is(doubt, ErrUnreadable) {
			t.Errorf("size %d, and a place before it that cannot be read: %v, doubt %v", size, choice.Reason, doubt)
		}
	}
}

func TestHealingGivesBackTheSameBytesButForTheSalt(t *testing.T) {
	for _, at := range []int{0, 600, 5000, luks2.MinSize, luks2.MinSize + 5000} {
		d := volume(t)
		before := bytes.Clone(d.image)
		d.image[at] ^= 0xff
		h, c := chosen(t, d)
		plan, err := PlanHeal(h, c, nil, rand.Reader)
		if err != nil || len(plan.Writes) != 1 {
			t.Fatalf("plan %d writes, %v", len(plan.Writes), err)
		}
		d.carryOut(plan)
		h, c = chosen(t, d)
		if c.Reason != BothAgree {
			t.Errorf("byte %d: %v after healing", at, c.Reason)
		}
		healed := at / luks2.MinSize * luks2.MinSize
		copy(before[healed+104:healed+168], d.image[healed+104:]) // salt
		copy(before[healed+448:healed+512], d.image[healed+448:]) // checksum
		if !bytes.Equal(before, d.image) {
			t.Errorf("byte %d: healing changed more than salt and checksum", at)
		}
		if plan, err := PlanHeal(h, c, nil, rand.Reader); err != nil || len(plan.Writes) != 0 {
			t.Errorf("a healthy volume has %d writes to do, %v", len(plan.Writes), err)
		}
	}
}

func TestHealingRefusesForeignSignaturesAndConflicts(t *testing.T) {
	d := volume(t)
	d.image[0] = 0
	h, c := chosen(t, d)
	if _, err := PlanHeal(h, c, []Foreign{{Kind: "ext4", Offset: 1080, Length: 2}}, rand.Reader); !errors.Is(err, ErrForeign) {
		t.Errorf("foreign: %v", err)
	}
	h = headsOf(t, Valid, Valid, 5, 5, true)
	c, err := Choose(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PlanHeal(h, c, nil, rand.Reader); !errors.Is(err, ErrConflict) {
		t.Errorf("heal: %v", err)
	}
	if _, err := PlanUpdate(h, c, c.Copy, rand.Reader); !errors.Is(err, ErrConflict) {
		t.Errorf("update: %v", err)
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	for _, err := range []error{
		&NoHeaderError{Heads: headsOf(t, Damaged, Unreadable, 1, 1, false)},
		&SizeError{Needed: 2, Device: 1},
		&ForeignError{Foreign{Kind: "ext4", Offset: 1080}},
	} {
		if text := fmt.Sprint(err); text == "" || bytes.ContainsAny([]byte(text), "\n") {
			t.Errorf("%q", text)
		}
	}
}

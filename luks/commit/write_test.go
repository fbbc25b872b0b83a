// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// disk is an image in memory with unreadable 512-byte sectors and switchable faults.
type disk struct {
	image     []byte
	bad       map[int64]bool // sector numbers
	dropWrite bool
	failSyncs map[int]bool // which ones, counted from 0
	syncs     int
	writes    []int64 // offsets
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
	if !d.dropWrite {
		copy(d.image[off:], p)
	}
	return len(p), nil
}

func (d *disk) Sync() error {
	d.syncs++
	if d.failSyncs[d.syncs-1] {
		return syscall.EIO
	}
	return nil
}

func volume(t *testing.T) *disk {
	t.Helper()
	image, _ := vectors.Open("luks2-argon2id-4096")
	return &disk{image: image, bad: map[int64]bool{}}
}

func chosen(t *testing.T, d header.Device) (header.Heads, header.Choice) {
	t.Helper()
	h := header.Read(d)
	c, err := header.Choose(h)
	if err != nil {
		t.Fatal(err)
	}
	return h, c
}

func planOf(heads header.Plan) Plan {
	var p Plan
	p.heads(heads)
	return p
}

// update commits a new label and returns the error of Apply.
func update(t *testing.T, d header.Device, label string) error {
	t.Helper()
	h, c := chosen(t, d)
	next := c.Copy
	next.Header.Label = label
	plan, err := header.PlanUpdate(h, c, next, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Apply(d, planOf(plan))
}

func TestUpdateRaisesTheNumberKeepsSaltsAndStartsWithTheWeakerCopy(t *testing.T) {
	cases := []struct {
		name  string
		hurt  func(*disk)
		first int64
	}{
		{"both healthy", func(*disk) {}, luks2.BinarySize},
		{"damaged primary", func(d *disk) { d.image[9] ^= 1 }, luks2.BinarySize},
		// Its binary header goes first.
		{"damaged secondary", func(d *disk) { d.image[luks2.MinSize+20] ^= 1 }, luks2.MinSize},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			d := volume(t)
			tc.hurt(d)
			h, c := chosen(t, d)
			if err := update(t, d, "new"); err != nil {
				t.Fatal(err)
			}
			if d.writes[0] != tc.first {
				t.Errorf("first write at %d, want %d", d.writes[0], tc.first)
			}
			after, now := chosen(t, d)
			if now.Reason != header.BothAgree || now.Copy.Header.SeqID != c.Copy.Header.SeqID+1 || now.Copy.Header.Label != "new" {
				t.Errorf("after: %v, %+v", now.Reason, now.Copy.Header)
			}
			for _, place := range []header.Place{header.Primary, header.Secondary} {
				old := h.At(place)
				if kept := old.Copy.Header.Salt == after.At(place).Copy.Header.Salt; kept != (old.State == header.Valid) {
					t.Errorf("%v: salt kept %v", place, kept)
				}
			}
		})
	}
}

func TestUpdateWrapsTheSequenceNumber(t *testing.T) {
	d := volume(t)
	_, c := chosen(t, d)
	next := c.Copy
	next.Header.SeqID = math.MaxUint64
	plan, err := header.PlanFormat(next, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(d, planOf(plan)); err != nil {
		t.Fatal(err)
	}
	if err := update(t, d, "wrapped"); err != nil {
		t.Fatal(err)
	}
	if _, c := chosen(t, d); c.Reason != header.BothAgree || c.Copy.Header.SeqID != 0 || c.Copy.Header.Label != "wrapped" {
		t.Errorf("%v, %+v", c.Reason, c.Copy.Header)
	}
}

func TestLostWritesAndFailedSyncsAreNeverSuccess(t *testing.T) {
	lost := volume(t)
	lost.dropWrite = true
	if err := update(t, lost, "x"); !errors.Is(err, ErrReadBack) {
		t.Errorf("lost write: %v", err)
	}
	if len(lost.writes) != 2 {
		t.Errorf("%d writes; the second copy was touched after the first failed", len(lost.writes))
	}
	unsynced := volume(t)
	unsynced.failSyncs = map[int]bool{0: true}
	err := update(t, unsynced, "x")
	var w *WriteError
	if !errors.As(err, &w) || w.Op != "sync" || !errors.Is(err, syscall.EIO) {
		t.Errorf("failed sync: %v", err)
	}
	if len(unsynced.writes) != 0 {
		t.Errorf("%d writes, and what was read is not known to be durable", len(unsynced.writes))
	}
}

// What a sync failed for reads well and may never be durable: it is written and synced once more, and where
// that fails too, what was there is put back. The second copy is not touched in either case.
func TestWhatASyncFailedForIsWrittenAgainOrTakenBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		fail   map[int]bool
		writes []int64
		kept   bool // the heads say what they said
	}{
		{"once", map[int]bool{1: true}, []int64{luks2.BinarySize, 0, luks2.BinarySize, 0}, false},
		{
			"twice",
			map[int]bool{1: true, 2: true},
			[]int64{luks2.BinarySize, 0, luks2.BinarySize, 0, luks2.BinarySize, 0},
			true,
		},
	} {
		d := volume(t)
		_, before := chosen(t, d)
		d.failSyncs = c.fail
		err := update(t, d, "new")
		var w *WriteError
		if !errors.As(err, &w) || w.Op != "sync" || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", c.name, err)
		}
		if !slices.Equal(d.writes, c.writes) {
			t.Errorf("%s: writes at %d", c.name, d.writes)
		}
		_, now := chosen(t, d)
		if kept := now.Copy.Header == before.Copy.Header; kept != c.kept || now.Healthy() != c.kept {
			t.Errorf("%s: label %q, %v", c.name, now.Copy.Header.Label, now.Reason)
		}
	}
}

func TestWriteErrorsAreOneLine(t *testing.T) {
	text := fmt.Sprint(&WriteError{"primary header", "sync", 0, syscall.EIO})
	if text == "" || strings.Contains(text, "\n") {
		t.Errorf("%q", text)
	}
}

func TestSessionsBeginWithASync(t *testing.T) {
	for name, begin := range map[string]func(header.Device) error{
		"luks2-argon2id-4096": func(d header.Device) error { _, err := Begin(d, Options{}); return err },
		"luks1-sha1":          func(d header.Device) error { _, err := Begin1(d, ""); return err },
	} {
		image, _ := vectors.Open(name)
		d := &disk{image: image}
		if err := begin(d); err != nil || d.syncs != 1 || len(d.writes) != 0 {
			t.Errorf("%s: %d syncs, %d writes, %v", name, d.syncs, len(d.writes), err)
		}
		d = &disk{image: image, failSyncs: map[int]bool{0: true}}
		if err := begin(d); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: what was written before is not durable, and the session begins: %v", name, err)
		}
	}
}

// TestACopyThatWasCutOffIsNeverCompleted has an update cut off behind the binary header of one copy, which the next
// writer of that copy has a JSON for.
func TestACopyThatWasCutOffIsNeverCompleted(t *testing.T) {
	plans := map[string]func(h header.Heads, c header.Choice) (header.Plan, error){
		"healing": func(h header.Heads, c header.Choice) (header.Plan, error) {
			return header.PlanHeal(h, c, nil, rand.Reader)
		},
		"another update": func(h header.Heads, c header.Choice) (header.Plan, error) {
			next := c.Copy
			next.Header.Label = "another"
			return header.PlanUpdate(h, c, next, rand.Reader)
		},
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			d := volume(t)
			_, before := chosen(t, d)
			cutOffUpdate(t, d)
			h, c := chosen(t, d)
			heads, err := plan(h, c)
			if err != nil {
				t.Fatal(err)
			}
			areas := areasOfSecondary(t, planOf(heads))
			for _, a := range areas[:len(areas)-1] { // in the order of writing, without the last one
				copy(d.image[a.Offset:], a.Bytes)
				if _, now := chosen(t, d); now.Copy.Header.Label != before.Copy.Header.Label {
					t.Fatalf("after %s at byte %d, the label is %q", a.What, a.Offset, now.Copy.Header.Label)
				}
			}
		})
	}
}

// cutOffUpdate leaves a secondary that has the binary header of an update, and nothing of its JSON.
func cutOffUpdate(t *testing.T, d *disk) {
	t.Helper()
	old := slices.Clone(d.image)
	if err := update(t, d, "cut off"); err != nil {
		t.Fatal(err)
	}
	binary := slices.Clone(d.image[luks2.MinSize : luks2.MinSize+luks2.BinarySize])
	copy(d.image, old)
	clear(d.image[luks2.MinSize+luks2.BinarySize : 2*luks2.MinSize])
	copy(d.image[luks2.MinSize:], binary)
}

// areasOfSecondary are those that a plan writes to the damaged secondary.
func areasOfSecondary(t *testing.T, p Plan) (areas []Area) {
	t.Helper()
	for _, s := range p.Stages {
		for _, a := range s.Areas {
			if a.Offset >= luks2.MinSize && a.Offset < 2*luks2.MinSize {
				areas = append(areas, a)
			}
		}
	}
	if len(areas) < 2 {
		t.Fatalf("the plan writes %v", p)
	}
	return areas
}

// TestABadSectorThatTakesNoWriteCostsNoTitle: the JSON of a copy cannot be read and not be written, and what wants to
// heal or to change the copy leaves its binary header as it was.
func TestABadSectorThatTakesNoWriteCostsNoTitle(t *testing.T) {
	plans := map[string]func(h header.Heads, c header.Choice) (header.Plan, error){
		"healing": func(h header.Heads, c header.Choice) (header.Plan, error) {
			return header.PlanHeal(h, c, nil, rand.Reader)
		},
		"an update": func(h header.Heads, c header.Choice) (header.Plan, error) {
			return header.PlanUpdate(h, c, c.Copy, rand.Reader)
		},
	}
	for name, plan := range plans {
		for _, start := range []int64{0, luks2.MinSize} {
			t.Run(fmt.Sprintf("%s, copy at %d", name, start), func(t *testing.T) {
				d := volume(t)
				d.bad[start/512+luks2.BinarySize/512] = true
				before := slices.Clone(d.image)
				heads, err := plan(chosen(t, d))
				if err != nil {
					t.Fatal(err)
				}
				if first := planOf(heads).Stages[0].Areas[0]; first.Offset != uint64(start)+luks2.BinarySize {
					t.Errorf("first is written at byte %d, not the JSON", first.Offset)
				}
				if err := Apply(deafDisk{d}, planOf(heads)); !errors.Is(err, syscall.EIO) {
					t.Errorf("got %v", err)
				}
				if !slices.Equal(d.image, before) {
					t.Error("the disk has changed")
				}
			})
		}
	}
}

// deafDisk takes no write to a bad sector.
type deafDisk struct{ *disk }

func (d deafDisk) WriteAt(p []byte, off int64) (int, error) {
	for sector := off / 512; sector*512 < off+int64(len(p)); sector++ {
		if d.bad[sector] {
			return 0, syscall.EIO
		}
	}
	return d.disk.WriteAt(p, off)
}

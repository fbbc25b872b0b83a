// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// letters is an image of n sectors filled with the letters a, b, c …
func letters(n int) *Image {
	var content []byte
	for i := range n {
		content = append(content, bytes.Repeat([]byte{'a' + byte(i)}, SectorSize)...)
	}
	return NewImage(content)
}

// show gives the first byte of each sector.
func show(m *Image) string {
	var out []byte
	content := m.Bytes()
	for at := 0; at < len(content); at += SectorSize {
		out = append(out, content[at])
	}
	return string(out)
}

func sectors(s string) []byte {
	var p []byte
	for _, c := range []byte(s) {
		p = append(p, bytes.Repeat([]byte{c}, SectorSize)...)
	}
	return p
}

func write(t *testing.T, d *Recorder, first int64, s string) {
	t.Helper()
	if n, err := d.WriteAt(sectors(s), first*SectorSize); err != nil || n != len(s)*SectorSize {
		t.Fatalf("writing %q: %d, %v", s, n, err)
	}
}

func TestReadAtBehavesAsAFileDoes(t *testing.T) {
	m := letters(3)
	p := make([]byte, 600)
	if n, err := m.ReadAt(p, 500); n != 600 || err != nil || p[0] != 'a' || p[12] != 'b' || p[524] != 'c' {
		t.Errorf("across sectors: %d, %v", n, err)
	}
	if n, err := m.ReadAt(p, 1000); n != 536 || !errors.Is(err, io.EOF) {
		t.Errorf("across the end: %d, %v", n, err)
	}
	if n, err := m.ReadAt(p, 9999); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	if _, err := m.ReadAt(p, -1); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("before the start: %v", err)
	}
}

func TestImagesAreNotChangedByThoseMadeOfThem(t *testing.T) {
	m := letters(4)
	n := m.WithBytes([]byte("XY"), SectorSize-1)
	if show(m) != "abcd" || n.Bytes()[SectorSize-1] != 'X' || n.Bytes()[SectorSize] != 'Y' || n.Bytes()[SectorSize+1] != 'b' {
		t.Fatal("bytes at the border of two sectors")
	}
	if flipped := m.WithBitFlipped(8*3*SectorSize + 1); show(flipped) != "abcf" || show(m) != "abcd" {
		t.Fatalf("bit flipped: %s", show(flipped))
	}
	if show(m.Resized(2*SectorSize)) != "ab" || show(m.Resized(5*SectorSize)) != "abcd\x00" {
		t.Fatal("resizing")
	}
}

func TestUnreadableSectorsFailUntilTheyAreWritten(t *testing.T) {
	m := letters(4).WithUnreadable(2)
	p := make([]byte, SectorSize)
	if _, err := m.ReadAt(p, 2*SectorSize); !errors.Is(err, syscall.EIO) || !m.Unreadable() {
		t.Fatalf("unreadable: %v", err)
	}
	if _, err := m.ReadAt(p, SectorSize); err != nil {
		t.Fatalf("the sector before: %v", err)
	}
	if m.Sum() == letters(4).Sum() {
		t.Fatal("an unreadable sector does not show in the sum")
	}
	cured := m.WithBytes(sectors("c"), 2*SectorSize)
	if cured.Unreadable() || cured.Sum() != letters(4).Sum() {
		t.Fatal("writing does not cure")
	}
	d := NewRecorder(m, Fault{})
	if _, err := d.ReadAt(p, 2*SectorSize); !errors.Is(err, syscall.EIO) {
		t.Fatalf("recorder: %v", err)
	}
	write(t, d, 2, "x")
	if _, err := d.ReadAt(p, 2*SectorSize); err != nil || p[0] != 'x' {
		t.Fatalf("recorder, written: %v", err)
	}
}

func TestSumTellsContentsHoweverTheyWereMade(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := letters(12)
		for range rapid.IntRange(0, 4).Draw(rt, "layers") {
			var runs []Run
			for range rapid.IntRange(0, 3).Draw(rt, "runs") {
				first := rapid.Int64Range(0, 8).Draw(rt, "first")
				run := m.row(sectors(rapid.StringMatching("[a-f]{1,4}").Draw(rt, "letters")), first*SectorSize)
				mask := rapid.IntRange(0, 15).Draw(rt, "mask")
				runs = append(runs, run.Only(func(i int) bool { return mask>>i&1 == 1 }))
			}
			m = m.With(runs...)
		}
		plain := NewImage(m.Bytes())
		if m.Sum() != plain.Sum() {
			rt.Fatalf("%s has two sums", show(m))
		}
		r := Range{rapid.Int64Range(0, 11).Draw(rt, "from") * SectorSize, 3 * SectorSize}
		if m.SumOf(r) != plain.SumOf(r) {
			rt.Fatalf("%s: part has two sums", show(m))
		}
	})
	if NewImage(sectors("ab")).Sum() == NewImage(sectors("ba")).Sum() {
		t.Fatal("exchanged sectors have one sum")
	}
}

func TestRecorderKeepsWritesAndFlushes(t *testing.T) {
	d := NewRecorder(letters(6), Fault{})
	write(t, d, 0, "AB")
	write(t, d, 1, "C")
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	write(t, d, 5, "F")
	trace := d.Trace(nil)
	epochs := trace.Epochs()
	if len(epochs) != 2 || len(epochs[0].Pending) != 2 || len(epochs[1].Pending) != 1 || !epochs[1].Last || epochs[0].Last {
		t.Fatalf("epochs: %+v", epochs)
	}
	if show(epochs[0].Durable) != "abcdef" || show(epochs[1].Durable) != "ACcdef" || show(trace.After()) != "ACcdeF" {
		t.Fatalf("durable: %s, %s, after: %s", show(epochs[0].Durable), show(epochs[1].Durable), show(trace.After()))
	}
	if len(trace.Writes()) != 3 || trace.Writes()[1] != (Range{SectorSize, SectorSize}) {
		t.Fatalf("writes: %v", trace.Writes())
	}
}

func TestWritesBeyondTheEndAreRefused(t *testing.T) {
	d := NewRecorder(letters(2), Fault{})
	if _, err := d.WriteAt(sectors("xy"), SectorSize); !errors.Is(err, io.ErrShortWrite) || show(d.Trace(nil).After()) != "ab" {
		t.Fatalf("%v, %s", err, show(d.Trace(nil).After()))
	}
}

func TestFaultsDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		fault        Fault
		read, after  string // what reads show, what is on the disk
		failed, gone string // which of the three writes fail, and which reads and flushes ("r", "s")
	}{
		{Fault{}, "ABCDef", "ABCDef", "", ""},
		{Fault{Call: Write, N: 1, Do: Fail}, "ABcDef", "ABcDef", "1", ""},
		{Fault{Call: Write, N: 0, Do: Fail, Keep: 1}, "AbCDef", "AbCDef", "0", ""},
		{Fault{Call: Write, N: 0, Do: Fail, Keep: 9, Sticky: true}, "ABCDef", "ABCDef", "012", ""},
		{Fault{Call: Write, N: 0, Do: Drop}, "abCDef", "abCDef", "", ""},
		{Fault{Call: Write, N: 1, Do: Drop, Sticky: true}, "ABcdef", "ABcdef", "", ""},
		{Fault{Call: Write, N: 0, Do: Lie}, "ABCDef", "abCDef", "", ""},
		{Fault{Call: Write, N: 2, Do: Misplace, Shift: 2}, "ABCdeD", "ABCdeD", "", ""},
		{Fault{Call: Write, N: 0, Do: Misplace, Shift: -1}, "BbCDef", "BbCDef", "", ""},
		{Fault{Call: Sync, N: 0, Do: Fail}, "ABCDef", "ABCDef", "", "s"},
		{Fault{Call: Read, N: 0, Do: Fail}, "ABCDef", "ABCDef", "", "r"},
		{Fault{Call: Write, N: 1, Do: Unplug}, "ABcdef", "ABcdef", "12", "rs"},
	} {
		d := NewRecorder(letters(6), c.fault)
		failed, gone := "", ""
		for i, s := range []string{"AB", "C", "D"} {
			if _, err := d.WriteAt(sectors(s), []int64{0, 2, 3}[i]*SectorSize); err != nil {
				failed += string(rune('0' + i))
			}
		}
		if _, err := d.ReadAt(make([]byte, 1), 0); err != nil {
			gone += "r"
		}
		if d.Sync() != nil {
			gone += "s"
		}
		if failed != c.failed || gone != c.gone || seen(d) != c.read || show(d.Trace(nil).After()) != c.after {
			t.Errorf("%v: writes %q and %q fail, reads show %s, disk has %s", c.fault, failed, gone, seen(d), show(d.Trace(nil).After()))
		}
	}
}

// seen shows what reads of the device return.
func seen(d *Recorder) string { return show(&Image{table: d.view.table, length: d.size / SectorSize}) }

func TestAFailedFlushLeavesItsWritesInDoubtForGood(t *testing.T) {
	d := NewRecorder(letters(4), Fault{Call: Sync, N: 0, Do: Fail})
	write(t, d, 0, "AB")
	if d.Sync() == nil {
		t.Fatal("the flush succeeds")
	}
	write(t, d, 1, "X")
	write(t, d, 3, "D")
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	epochs := d.Trace(nil).Epochs()
	last := epochs[len(epochs)-1]
	if show(last.Durable) != "aXcD" || last.Doubt != 1 || len(last.Pending) != 1 {
		t.Fatalf("durable %s, %d in doubt", show(last.Durable), last.Doubt)
	}
	if got := show(last.Durable.With(last.Pending...)); got != "AXcD" {
		t.Fatalf("with what is in doubt: %s", got)
	}
}

func BenchmarkCrashState(b *testing.B) {
	m := NewImage(make([]byte, 1<<20))
	run := m.row(bytes.Repeat([]byte("x"), 256<<10), 32<<10)
	p := make([]byte, 16<<10)
	for i := range b.N {
		state := m.With(run.Part(0, 1+rand.New(rand.NewPCG(1, uint64(i))).IntN(500)))
		_ = state.Sum()
		_, _ = state.ReadAt(p, 0)
	}
}

// SPDX-License-Identifier: Apache-2.0

package block

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

// Any sequence of reads and writes of any alignment does to the medium what it does to a slice,
// whatever the sector size, through signals and short transfers.
func TestReadsAndWritesOfAnyAlignmentMatchAByteSlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sector := rapid.SampledFrom([]int{512, 4096}).Draw(rt, "sector")
		size := 16 * sector
		m := &badMedium{
			bytes: pattern(size), sector: sector,
			direct:  rapid.Bool().Draw(rt, "direct"),
			atMost:  sector * rapid.IntRange(0, 3).Draw(rt, "sectors at most"),
			signals: rapid.IntRange(0, 2).Draw(rt, "signals"),
		}
		d, model := on(t, m), pattern(size)
		for range rapid.IntRange(1, 8).Draw(rt, "operations") {
			off := rapid.IntRange(0, size).Draw(rt, "offset")
			n := rapid.IntRange(0, size-off).Draw(rt, "length")
			if rapid.Bool().Draw(rt, "write") {
				p := rapid.SliceOfN(rapid.Byte(), n, n).Draw(rt, "bytes")
				if got, err := d.WriteAt(p, int64(off)); got != n || err != nil {
					rt.Fatalf("write %d at %d: %d, %v", n, off, got, err)
				}
				copy(model[off:], p)
			}
			p := make([]byte, n)
			if got, err := d.ReadAt(p, int64(off)); got != n || err != nil || !bytes.Equal(p, model[off:off+n]) {
				rt.Fatalf("read %d at %d: %d, %v", n, off, got, err)
			}
		}
		if !bytes.Equal(m.bytes, model) {
			rt.Fatal("medium and model differ")
		}
	})
}

func TestTransfersLargerThanTheBounceBuffer(t *testing.T) {
	m := &badMedium{bytes: pattern(3 * bounceSize), sector: 4096, direct: true}
	d := on(t, m)
	p := make([]byte, 2*bounceSize+777)
	if n, err := d.ReadAt(p, 333); n != len(p) || err != nil || !bytes.Equal(p, m.bytes[333:333+len(p)]) {
		t.Fatalf("read: %d, %v", n, err)
	}
	clear(p)
	if n, err := d.WriteAt(p, 333); n != len(p) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	want := pattern(3 * bounceSize)
	clear(want[333 : 333+len(p)])
	if !bytes.Equal(m.bytes, want) {
		t.Fatal("written bytes differ")
	}
}

func TestReadPastTheEndGivesEOF(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprint("direct ", direct), func(t *testing.T) {
			m := &badMedium{bytes: pattern(4096 + 512), sector: 4096, direct: direct}
			d := on(t, m)
			p := make([]byte, 4096)
			n, err := d.ReadAt(p, 4000)
			if n != 608 || err != io.EOF || !bytes.Equal(p[:n], m.bytes[4000:]) {
				t.Fatalf("across the end: %d, %v", n, err)
			}
			if n, err := d.ReadAt(p, 8192); n != 0 || err != io.EOF {
				t.Fatalf("past the end: %d, %v", n, err)
			}
			failed := ioError(t, d.ReadFull(p, 4000))
			if !errors.Is(failed, io.ErrUnexpectedEOF) || failed.Offset != 4608 {
				t.Fatalf("ReadFull: %v", failed)
			}
		})
	}
}

func TestWritePastTheEndWritesNothing(t *testing.T) {
	m := &badMedium{bytes: pattern(8192), sector: 512}
	d := on(t, m)
	for _, off := range []int64{8192, 8191, -1, 1 << 62} {
		n, err := d.WriteAt(make([]byte, 2), off)
		if n != 0 || err == nil || m.written != nil {
			t.Errorf("at %d: %d, %v, wrote %v", off, n, err, m.written)
		}
	}
	if _, err := d.WriteAt(make([]byte, 2), 8191); !errors.Is(err, ErrBeyondEnd) {
		t.Errorf("%v is not ErrBeyondEnd", err)
	}
}

func TestReadErrorNamesItsPlaceAndKeepsWhatCameBefore(t *testing.T) {
	m := &badMedium{bytes: pattern(8192), sector: 512, direct: true, bad: map[int64]bool{5: true}}
	d := on(t, m)
	p := make([]byte, 8000)
	n, err := d.ReadAt(p, 100)
	failed := ioError(t, err)
	if n != 5*512-100 || failed.Offset != 5*512 || failed.Op != "read" || !errors.Is(err, unix.EIO) {
		t.Fatalf("%d, %v", n, err)
	}
	if !bytes.Equal(p[:n], m.bytes[100:5*512]) {
		t.Fatal("bytes before the bad sector differ")
	}
}

func TestPartialWriteOverAnUnreadableSectorFailsWithoutWriting(t *testing.T) {
	m := &badMedium{bytes: pattern(8192), sector: 512, direct: true, bad: map[int64]bool{2: true}}
	d := on(t, m)
	_, err := d.WriteAt([]byte("x"), 1030)
	if failed := ioError(t, err); failed.Op != "read" || failed.Offset != 1024 || m.written != nil {
		t.Fatalf("%v, wrote %v", err, m.written)
	}
	if n, err := d.WriteAt(make([]byte, 512), 1024); n != 512 || err != nil {
		t.Fatalf("a whole sector: %d, %v", n, err)
	}
}

func TestFailedWriteCountsWhatWasWritten(t *testing.T) {
	m := &badMedium{bytes: pattern(8192), sector: 512, direct: true, atMost: 1024, failing: true}
	d := on(t, m)
	n, err := d.WriteAt(make([]byte, 4000), 100)
	if failed := ioError(t, err); n != 924 || failed.Op != "write" || failed.Offset != 1024 {
		t.Fatalf("%d, %v", n, err)
	}
}

func TestWriteTouchesOnlyTheSectorsAsked(t *testing.T) {
	m := &badMedium{bytes: pattern(65536), sector: 4096, direct: true}
	d := on(t, m)
	if _, err := d.WriteAt(make([]byte, 5000), 9000); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.written {
		if s.from < 8192 || s.to > 16384 {
			t.Errorf("wrote [%d, %d)", s.from, s.to)
		}
	}
}

func TestReadAroundTellsWhichSectorsAreUnreadable(t *testing.T) {
	type run struct{ off, n int64 }
	tests := []struct {
		name   string
		bad    []int64 // sectors of 512
		off, n int64
		want   []run
		length int
		err    error
	}{
		{"none", nil, 0, 8192, nil, 8192, nil},
		{"one", []int64{3}, 0, 8192, []run{{1536, 512}}, 8192, nil},
		{"neighbours are one run", []int64{3, 4, 5}, 0, 8192, []run{{1536, 1536}}, 8192, nil},
		{"first and last", []int64{0, 15}, 0, 8192, []run{{0, 512}, {7680, 512}}, 8192, nil},
		{"clipped to what was asked", []int64{0, 2}, 10, 1100, []run{{10, 502}, {1024, 86}}, 1100, nil},
		{"within one sector", []int64{1}, 600, 20, []run{{600, 20}}, 20, nil},
		{"end of the device", []int64{14}, 7000, 4096, []run{{7168, 512}}, 1192, io.EOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &badMedium{bytes: pattern(8192), sector: 512, direct: true, bad: map[int64]bool{}}
			for _, s := range test.bad {
				m.bad[s] = true
			}
			want := append(bytes.Clone(m.bytes), make([]byte, 8192)...)[test.off : test.off+test.n]
			var got []run
			p := bytes.Repeat([]byte{0xee}, int(test.n))
			n, err := on(t, m).ReadAround(p, test.off, func(off, n int64, err error) {
				if !errors.Is(err, unix.EIO) {
					t.Errorf("bad run with %v", err)
				}
				clear(want[off-test.off : off-test.off+n])
				got = append(got, run{off, n})
			})
			if fmt.Sprint(got) != fmt.Sprint(test.want) || n != test.length || err != test.err {
				t.Fatalf("%v, %d, %v; want %v, %d, %v", got, n, err, test.want, test.length, test.err)
			}
			if !bytes.Equal(p[:n], want[:n]) {
				t.Fatal("bytes differ")
			}
		})
	}
}

func TestZeroRangeZeroesExactlyThat(t *testing.T) {
	m := &badMedium{bytes: pattern(3 * bounceSize), sector: 512}
	want := bytes.Clone(m.bytes)
	clear(want[100 : 100+2*bounceSize])
	if err := on(t, m).ZeroRange(100, 2*bounceSize); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.bytes, want) {
		t.Fatal("bytes differ")
	}
	if err := on(t, m).ZeroRange(3*bounceSize-1, 2); !errors.Is(err, ErrBeyondEnd) {
		t.Fatalf("past the end: %v", err)
	}
}

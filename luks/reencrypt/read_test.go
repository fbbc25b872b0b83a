// SPDX-License-Identifier: Apache-2.0

package reencrypt_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

func keysOf(f interrupted.Family) reencrypt.Keys {
	return reencrypt.Keys{Old: f.Old.Key, New: f.New.Key}
}

// readable calls do for every recorded state in which data can be read.
func readable(t *testing.T, do func(name string, f interrupted.Family, s interrupted.State, v reencrypt.Verdict)) int {
	t.Helper()
	count := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			v := judge(t, s)
			if v.State == reencrypt.None || v.State == reencrypt.Foreign || s.Name == "moved-not-restored" {
				continue
			}
			do(f.Name+"/"+s.Name, f, s, v)
			count++
		}
	}
	return count
}

func TestEveryRecordedStateReadsBackWhole(t *testing.T) {
	count := readable(t, func(name string, f interrupted.Family, s interrupted.State, v reencrypt.Verdict) {
		keys := keysOf(f)
		if v.State == reencrypt.Concluded {
			keys.Old = nil
		}
		p, err := reencrypt.Open(t.Context(), v, open(s.Header), open(s.Data), uint64(len(s.Data)), keys)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer p.Close()
		got := make([]byte, f.Plain)
		if n, err := p.ReadAt(got, 0); n != len(got) || err != nil {
			t.Errorf("%s: %d of %d bytes, %v", name, n, p.Size(), err)
		}
		if !bytes.Equal(got, f.PlainData()) {
			t.Errorf("%s: %d sectors differ", name, different(got, f.PlainData()))
		}
	})
	if count != 64 {
		t.Errorf("%d states", count)
	}
}

func different(a, b []byte) int {
	n := 0
	for i := 0; i < len(a); i += 512 {
		if !bytes.Equal(a[i:i+512], b[i:i+512]) {
			n++
		}
	}
	return n
}

func TestAnyRangeReadsAsItDoesInTheWhole(t *testing.T) {
	var readers []*reencrypt.Plaintext
	var whole [][]byte
	readable(t, func(name string, f interrupted.Family, s interrupted.State, v reencrypt.Verdict) {
		if v.State != reencrypt.Hot && s.Name != "clean-1" {
			return
		}
		p, err := reencrypt.Open(t.Context(), v, open(s.Header), open(s.Data), uint64(len(s.Data)), keysOf(f))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		readers, whole = append(readers, p), append(whole, f.PlainData())
	})
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(readers)-1).Draw(t, "state")
		want := whole[i]
		at := rapid.IntRange(0, len(want)-1).Draw(t, "at")
		b := make([]byte, rapid.IntRange(1, len(want)-at).Draw(t, "length"))
		n, err := readers[i].ReadAt(b, int64(at))
		if n != len(b) || err != nil || !bytes.Equal(b, want[at:at+n]) {
			t.Fatalf("%d bytes at %d: %d, %v, or they differ", len(b), at, n, err)
		}
	})
	for _, p := range readers {
		end := p.Size()
		if n, err := p.ReadAt(make([]byte, 8), end-3); n != 3 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
		for _, at := range []int64{-1, end, end + 1} {
			if n, err := p.ReadAt(make([]byte, 1), at); n != 0 || err != io.EOF {
				t.Errorf("at %d of %d: %d, %v", at, end, n, err)
			}
		}
		p.Close()
	}
}

// find returns a recorded state.
func find(t *testing.T, family, state string) (interrupted.Family, interrupted.State) {
	t.Helper()
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if f.Name == family && s.Name == state {
				return f, s
			}
		}
	}
	t.Fatalf("no state %s/%s", family, state)
	return interrupted.Family{}, interrupted.State{}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	f, s := find(t, "reencrypt-checksum", "hot-2-data-half")
	v := judge(t, s)
	refused := v
	refused.Step = reencrypt.Refuse
	size := uint64(len(s.Data))
	forged, _ := find(t, "odd-metadata", "forged-decrypt")
	tests := []struct {
		name string
		v    reencrypt.Verdict
		size uint64
		keys reencrypt.Keys
		want error
	}{
		{"no run", reencrypt.Verdict{}, size, keysOf(f), reencrypt.ErrForeign},
		{"a forged one", judge(t, forged.States[3]), size, keysOf(forged), reencrypt.ErrForeign},
		{"old and new not to be told apart", refused, size, keysOf(f), reencrypt.ErrUnknowable},
		{"the keys the wrong way round", v, size, reencrypt.Keys{Old: f.New.Key, New: f.Old.Key}, reencrypt.ErrKey},
		{"one key only", v, size, reencrypt.Keys{New: f.New.Key}, reencrypt.ErrKey},
		{"a device that was cut", v, 331776, keysOf(f), fault.ErrGeometry},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := reencrypt.Open(t.Context(), test.v, open(s.Header), open(s.Data), test.size, test.keys)
			if p != nil || !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestErrorsOfTheDeviceComeOut(t *testing.T) {
	f, s := find(t, "reencrypt-checksum", "hot-2-data-half")
	v := judge(t, s)
	size := uint64(len(s.Data))
	for name, devices := range map[string][2][]byte{
		"the data end early": {s.Header, s.Data[:331776]}, "the area ends early": {s.Header[:294912], s.Data},
	} {
		p, err := reencrypt.Open(t.Context(), v, open(devices[0]), open(devices[1]), size, keysOf(f))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := p.ReadAt(make([]byte, f.Plain), 0); n != 16384 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if _, err := v.Run.Weigh(open(devices[0]), open(devices[1])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
	}
}

func TestTheDigestTellsMetadataOfTheKeysHolder(t *testing.T) {
	verified := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			v := judge(t, s)
			if v.Run == nil || v.Run.Digest == nil || s.Name == "moved-not-restored" {
				continue // no digest, or keys that were not recorded
			}
			var want error
			if s.Name == "tampered-final-offset" {
				want = reencrypt.ErrKey // its new key was not recorded
			}
			if err := v.Run.Verify(t.Context(), keysOf(f)); !errors.Is(err, want) {
				t.Errorf("%s/%s: %v", f.Name, s.Name, err)
			}
			verified++
		}
	}
	if verified < 60 {
		t.Errorf("only %d", verified)
	}
}

// Whatever of the metadata the digest covers is changed, the digest tells.
func TestTheDigestCoversTheEndsAndTheKeyslot(t *testing.T) {
	for _, from := range [][2]string{
		{"reencrypt-checksum", "clean-1"}, {"encrypt-datashift", "init"}, {"decrypt-datashift", "init"},
	} {
		f, s := find(t, from[0], from[1])
		changes := map[string]func(r *reencrypt.Run){
			"version":    func(r *reencrypt.Run) { r.Version++ },
			"mode":       func(r *reencrypt.Run) { r.Mode += "x" },
			"direction":  func(r *reencrypt.Run) { r.Direction = "" },
			"area":       func(r *reencrypt.Run) { r.Area.Offset += 4096 },
			"area's end": func(r *reencrypt.Run) { r.Area.Size += 4096 },
			"old offset": func(r *reencrypt.Run) { r.Old.Offset += 512 },
			"new offset": func(r *reencrypt.Run) { r.New.Offset += 512 },
			"old size":   func(r *reencrypt.Run) { r.Old.Dynamic, r.Old.Size = !r.Old.Dynamic, 512 },
			"new type":   func(r *reencrypt.Run) { r.New.Type += "x" },
			"long text":  func(r *reencrypt.Run) { r.Old.Type = string(bytes.Repeat([]byte("x"), 65)) },
		}
		if f.Name == "reencrypt-checksum" {
			changes["hash"] = func(r *reencrypt.Run) { r.Hash = "sha1" }
			changes["unit"] = func(r *reencrypt.Run) { r.UnitSize *= 2 }
			changes["cipher"] = func(r *reencrypt.Run) { r.Old.Encryption += "x" }
			changes["sectors"] = func(r *reencrypt.Run) { r.New.SectorSize = 512 }
			changes["tweak"] = func(r *reencrypt.Run) { r.New.IVTweak = 1 }
		} else {
			changes["shift"] = func(r *reencrypt.Run) { r.Shift += 512 }
			changes["moved"] = func(r *reencrypt.Run) { r.Moved = nil }
		}
		for name, change := range changes {
			run := *judge(t, s).Run
			if err := run.Verify(t.Context(), keysOf(f)); err != nil {
				t.Fatal(err)
			}
			change(&run)
			if err := run.Verify(t.Context(), keysOf(f)); !errors.Is(err, reencrypt.ErrDigest) {
				t.Errorf("%s, %s: %v", f.Name, name, err)
			}
		}
	}
}

func TestPiecesAreTheDataWithoutAGap(t *testing.T) {
	readable(t, func(name string, f interrupted.Family, s interrupted.State, v reencrypt.Verdict) {
		pieces, err := v.Run.Pieces(uint64(len(s.Data)))
		if err != nil || len(pieces) != len(v.Run.Parts) {
			t.Fatalf("%s: %d pieces, %v", name, len(pieces), err)
		}
		at := uint64(0)
		for _, p := range pieces {
			if p.Start != at || p.Size == 0 || p.Offset+p.Size > uint64(len(s.Data)) {
				t.Errorf("%s: %+v at %d", name, p, at)
			}
			at += p.Size
		}
		sides := slices.ContainsFunc(pieces, func(p reencrypt.Piece) bool { return p.Side == reencrypt.Between })
		if at < uint64(f.Plain) || sides != (v.State == reencrypt.Hot) {
			t.Errorf("%s: %d bytes, hot %v", name, at, sides)
		}
	})
}

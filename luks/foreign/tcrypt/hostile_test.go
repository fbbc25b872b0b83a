// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// seal puts sums into a header.
func seal(plain []byte) {
	binary.BigEndian.PutUint32(plain[72:], crc32.ChecksumIEEE(plain[256:]))
	binary.BigEndian.PutUint32(plain[252:], crc32.ChecksumIEEE(plain[64:252]))
}

// wellFormed is a decrypted header of a volume on a device of 1 MiB.
func wellFormed() []byte {
	p := make([]byte, HeaderSize)
	copy(p[64:], "VERA")
	binary.BigEndian.PutUint16(p[68:], 5)
	binary.BigEndian.PutUint64(p[100:], 512<<10)
	binary.BigEndian.PutUint64(p[108:], 128<<10)
	binary.BigEndian.PutUint64(p[116:], 512<<10)
	binary.BigEndian.PutUint32(p[128:], 512)
	seal(p)
	return p
}

func TestFieldsThatCannotBeAreNamed(t *testing.T) {
	for name, v := range map[string]struct {
		off, size int
		value     uint64
		field     string
	}{
		"version 0":           {68, 2, 0, "version"},
		"version 6":           {68, 2, 6, "version"},
		"sectors of 1":        {128, 4, 1, "sector size"},
		"sectors of 8192":     {128, 4, 8192, "sector size"},
		"sectors of 1536":     {128, 4, 1536, "sector size"},
		"odd hidden size":     {92, 8, 513, "hidden size"},
		"odd size":            {100, 8, 1<<40 + 1, "volume size"},
		"negative size":       {100, 8, 1 << 63, "volume size"},
		"odd start":           {108, 8, 100, "start"},
		"start at the end":    {108, 8, 1 << 63, "start"},
		"start beyond device": {108, 8, 1 << 40, "volume size"},
		"size beyond device":  {100, 8, 1 << 40, "volume size"},
		"sum wraps":           {108, 8, 1<<63 - 512, "volume size"},
		"no size":             {100, 8, 0, "volume size"},
	} {
		t.Run(name, func(t *testing.T) {
			p := wellFormed()
			b := binary.BigEndian.AppendUint64(nil, v.value)
			copy(p[v.off:v.off+v.size], b[8-v.size:])
			seal(p)
			h, err := parse(p)
			if err == nil {
				_, err = (&Volume{Header: h, Chain: Chain{"aes", modeXTS}}).Segment(1 << 20)
			}
			var field *FieldError
			if !errors.As(err, &field) || field.Field != v.field || !errors.Is(err, ErrField) {
				t.Errorf("%v, want the field %s", err, v.field)
			}
		})
	}
}

func TestEverySumIsLookedAt(t *testing.T) {
	for at := 64; at < HeaderSize; at++ {
		p := wellFormed()
		p[at] ^= 0x40
		if sound(p) {
			t.Errorf("byte %d may be anything", at)
		}
	}
	old := wellFormed()
	old[69], old[200] = 3, 1 // the second sum came with version 4
	if !sound(old) {
		t.Error("the second sum is looked at in version 3")
	}
}

func TestHiddenVolumesMustFitTheDevice(t *testing.T) {
	for _, size := range []uint64{0, 1 << 62, 1<<20 - 1535} {
		h := Header{Version: 3, HiddenSize: size, Start: 512}
		v := Volume{Header: h, Place: Place{Hidden: true}, Chain: Chain{"aes", modeXTS}}
		if s, err := v.Segment(1 << 20); !errors.Is(err, ErrField) {
			t.Errorf("%d bytes lie at %+v, %v", size, s, err)
		}
		if s, err := v.Segment(100); !errors.Is(err, ErrField) {
			t.Errorf("on nothing, %d bytes lie at %+v, %v", size, s, err)
		}
	}
}

func TestDevicesTooSmallForAHeaderAreTold(t *testing.T) {
	for _, w := range []Wanted{{}, {Hidden: true}, {Backup: true}, {System: true}, {Hidden: true, Backup: true}} {
		for size := uint64(0); size < 300<<10; size += 511 {
			places, err := w.Places(size)
			if (len(places) == 0) != errors.Is(err, ErrNoPlace) {
				t.Fatalf("%+v on %d bytes: %v, %v", w, size, places, err)
			}
			for _, p := range places {
				if p.Offset+HeaderSize > size {
					t.Errorf("%+v on %d bytes: %+v", w, size, p)
				}
			}
		}
	}
	if _, err := Read(bytes.NewReader(make([]byte, 600)), []Place{{Offset: 512}}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// What a header and a PIM may cost is bounded before anything is derived.
func TestCostsThatNobodyWaitsForAreNotTried(t *testing.T) {
	begun := time.Now()
	_, err := Search(t.Context(), make([]Sealed, 1), []byte("password"), Trial{PIM: maxPIM})
	if !errors.Is(err, ErrNoHeader) || !errors.Is(err, kdf.ErrCost) {
		t.Error(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("%v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Search(ctx, make([]Sealed, 1), nil, Trial{PIM: maxPIM, Hash: "sha512", AnyCost: true})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with any cost allowed it is not tried: %v", err)
	}
	if !errors.Is(CheckPIM(maxPIM+1), ErrPIM) || CheckPIM(maxPIM) != nil {
		t.Error("the greatest PIM is another")
	}
}

func TestASearchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := Search(ctx, make([]Sealed, 1), nil, Trial{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestPIMsGiveTheCostsOfVeraCrypt(t *testing.T) {
	for pim, want := range map[uint32][2]uint32{0: {6, 416 << 10}, 1: {3, 64 << 10}, 12: {6, 416 << 10}, 31: {13, 1 << 20}, 32: {14, 1 << 20}, 100: {82, 1 << 20}} {
		if p := argon2Params(pim); p.Time != want[0] || p.Memory != want[1] || p.CPUs != 1 {
			t.Errorf("Argon2id, PIM %d: %+v", pim, p)
		}
	}
	for _, d := range derivations {
		p := d.params(10)
		if want := uint32(25000); d.VeraCrypt && !d.System && !d.Argon2() && p.Iterations != want {
			t.Errorf("%v: %d iterations, want %d", d, p.Iterations, want)
		}
		if d.VeraCrypt && d.System && p.Iterations != 20480 {
			t.Errorf("%v of systems: %d iterations", d, p.Iterations)
		}
	}
}

// A filter that nothing passes finds nothing, at once.
func TestFiltersThatNothingPassesFindNothing(t *testing.T) {
	for _, trial := range []Trial{{Hash: "md5"}, {Cipher: "xtea"}, {Cipher: "aes", Hash: "x"}} {
		var none *NoHeaderError
		if _, err := Search(t.Context(), make([]Sealed, 2), nil, trial); !errors.As(err, &none) || none.Tried != 0 {
			t.Errorf("%+v: %v", trial, err)
		}
	}
}

// FuzzHeader: what lies at a volume's places is inside the device, whatever the header says.
func FuzzHeader(f *testing.F) {
	f.Add(wellFormed(), uint64(1<<20), uint8(0))
	f.Add(wellFormed(), uint64(1<<20), uint8(0xff))
	f.Fuzz(func(t *testing.T, plain []byte, size uint64, kind uint8) {
		plain = append(plain, make([]byte, HeaderSize)...)[:HeaderSize]
		seal(plain)
		h, err := parse(plain)
		if err != nil {
			if !errors.Is(err, ErrField) {
				t.Fatal(err)
			}
			return
		}
		v := Volume{
			Header: h, Chain: chains[int(kind>>2)%len(chains)], Place: Place{Hidden: kind&1 != 0, System: kind&2 != 0},
		}
		s, err := v.Segment(size)
		if err != nil {
			if !errors.Is(err, ErrField) {
				t.Fatal(err)
			}
			return
		}
		if s.Length == 0 || s.Length > size/unit || s.Offset > size/unit-s.Length {
			t.Fatalf("%+v on %d bytes", s, size)
		}
	})
}

// FuzzDecrypt: no key and no bytes make a chain fail or a volume that is none.
func FuzzDecrypt(f *testing.F) {
	f.Add([]byte("header"), []byte("key"))
	f.Fuzz(func(t *testing.T, header, key []byte) {
		from := &Sealed{}
		copy(from.Bytes[:], header)
		derived, err := secret.New(derivedSize)
		if err != nil {
			t.Fatal(err)
		}
		defer derived.Close()
		copy(derived.Bytes(), key)
		c := &candidate{from: from, size: derivedSize, derived: derived, done: []bool{true}}
		if v, err := c.try(chains, map[Chain]error{}); v != nil || err != nil {
			t.Fatalf("%v, %v", v, err)
		}
	})
}

// FuzzPassword: any key files and passphrase make a password of one of the two lengths.
func FuzzPassword(f *testing.F) {
	f.Add([]byte("passphrase"), []byte("file"), []byte{})
	f.Fuzz(func(t *testing.T, passphrase, one, other []byte) {
		files := []io.Reader{bytes.NewReader(one), bytes.NewReader(other)}
		p, err := Password(passphrase, files, true)
		if len(passphrase) > MaxVeraCrypt {
			if !errors.Is(err, ErrTooLong) {
				t.Fatal(err)
			}
			return
		}
		if err != nil || p.Len() != MaxTrueCrypt && p.Len() != MaxVeraCrypt {
			t.Fatalf("%d bytes, %v", p.Len(), err)
		}
		swapped, err := Password(passphrase, []io.Reader{bytes.NewReader(other), bytes.NewReader(one)}, true)
		if err != nil || !swapped.Equal(p.Bytes()) {
			t.Fatalf("the order of the files counts: %v", err)
		}
		p.Close()
		swapped.Close()
	})
}

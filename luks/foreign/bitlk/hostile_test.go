// SPDX-License-Identifier: Apache-2.0

package bitlk_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
)

// small is a volume that opens by its clear key, which costs nothing.
func small(o bitlkimage.Options) *bitlkimage.Image {
	o.ClearKey, o.Size = true, 640<<10
	return bitlkimage.Make(o)
}

var plainImage = sync.OnceValue(func() *bitlkimage.Image { return small(bitlkimage.Options{}) })

// allCopies changes each copy in the same way, with its sums made new.
func allCopies(change func(block []byte)) []byte {
	return small(bitlkimage.Options{Fields: func(_ int, block []byte) { change(block) }}).Bytes
}

// opens reads the image and opens it by its clear key.
func opens(image []byte) error {
	v, err := bitlk.Load(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return err
	}
	if err := v.Openable(); err != nil {
		return err
	}
	key, err := v.ClearKey()
	if err != nil {
		return err
	}
	if key == nil {
		return bitlk.ErrNoProtector
	}
	return key.Close()
}

func TestEveryFieldThatCannotBeIsRefused(t *testing.T) {
	le := binary.LittleEndian
	put16 := func(at int, n uint16) func([]byte) { return func(p []byte) { le.PutUint16(p[at:], n) } }
	put32 := func(at int, n uint32) func([]byte) { return func(p []byte) { le.PutUint32(p[at:], n) } }
	put64 := func(at int, n uint64) func([]byte) { return func(p []byte) { le.PutUint64(p[at:], n) } }
	for _, test := range []struct {
		name   string
		change func([]byte)
		want   error
	}{
		{"signature", func(p []byte) { p[0] = 'x' }, bitlk.ErrNoMetadata},
		{"size 0", put16(8, 0), bitlk.ErrNoMetadata},
		{"size of the headers alone", put16(8, 7), bitlk.ErrField},
		{"size of all", put16(8, 4096), bitlk.ErrField},
		{"greatest size", put16(8, 0xffff), bitlk.ErrField},
		{"version 1", put16(10, 1), bitlk.ErrField},
		{"version 3", put16(10, 3), bitlk.ErrField},
		{"paused", put16(12, 5), bitlk.ErrUnfinished},
		{"to be decrypted", put16(14, 1), bitlk.ErrUnfinished},
		{"another place", put64(32, 4096), bitlk.ErrField},
		{"metadata size 0", put32(64, 0), bitlk.ErrField},
		{"metadata size without entries", put32(64, 48), bitlk.ErrField},
		{"greatest metadata size", put32(64, 1<<32-1), bitlk.ErrField},
		{"metadata version", put32(68, 2), bitlk.ErrField},
		{"metadata header size", put32(72, 64), bitlk.ErrField},
		{"second metadata size", put32(76, 1), bitlk.ErrField},
		{"method", put16(100, 0x8006), bitlk.ErrMethod},
		{"method of a longer key", put16(100, 0x8005), bitlk.ErrField},
		{"method of a shorter key", put16(100, 0x8002), bitlk.ErrField},
		{"an entry of no bytes", put16(112, 0), bitlk.ErrField},
		{"an entry of 7 bytes", put16(112, 7), bitlk.ErrField},
		{"an entry behind the end", put16(112, 0xffff), bitlk.ErrField},
		{"an entry of a VMK of no bytes", put16(112+8+28, 0), bitlk.ErrField},
		{"an entry of a VMK behind its end", put16(112+8+28, 0xfff0), bitlk.ErrField},
		{"a VMK that is none", put16(112+2, 9), bitlk.ErrNoProtector},
		{"another protection", put16(112+8+26, 0x4000), bitlk.ErrNoProtector},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := opens(allCopies(test.change)); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestEveryBootSectorThatCannotBeIsRefused(t *testing.T) {
	for _, test := range []struct {
		at   int
		put  string
		want error
	}{
		{0, "\x00", bitlk.ErrBoot},
		{1, "\x52", bitlk.ErrVersion1},
		{3, "x", bitlk.ErrNotBitLocker},
		{3, "MSWIN4.1", bitlk.ErrNotBitLocker},
		{11, "\x00\x04", bitlk.ErrBoot},
		{11, "\x01\x02", bitlk.ErrBoot},
		{160, "x", bitlk.ErrBoot},
		{176, "\xff\xff\xff\xff\xff\xff\xff\xff", nil}, // the other copies are good
		{184, "\x00\x00\x00\x00\x00\x00\x00\x80", nil},
	} {
		t.Run(fmt.Sprintf("%d %x", test.at, test.put), func(t *testing.T) {
			image := bytes.Clone(plainImage().Bytes)
			copy(image[test.at:], test.put)
			if err := opens(image); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestEveryTruncationIsRefusedOrReadsOn(t *testing.T) {
	image := plainImage().Bytes
	for _, size := range []int{0, 1, 511, 512, 4096, 128 << 10, 192<<10 - 1, 192 << 10, 320 << 10, 448<<10 - 1, 456<<10 - 1} {
		if err := opens(image[:size]); err == nil {
			t.Errorf("%d bytes open", size)
		}
	}
	// The third copy is cut off; what it would have held is told by the layout, which no longer fits.
	if err := opens(image[:576<<10-1]); !errors.Is(err, bitlk.ErrNoMetadata) {
		t.Errorf("%v", err)
	}
}

func TestEveryByteOfACopyIsGuarded(t *testing.T) {
	im := plainImage()
	size := int(binary.LittleEndian.Uint16(im.Bytes[im.Offsets[0]+8:])) * 16
	for at := range size + 8 {
		image := bytes.Clone(im.Bytes[:im.Offsets[2]+65536])
		image[im.Offsets[0]+uint64(at)] ^= 0x10
		v := load(t, image)
		if f := v.Found[0]; at != size+1 && at != size && f.State == header.Valid || v.Index == 0 && f.State != header.Valid {
			t.Fatalf("byte %d: %v, copy %d used", at, f.State, v.Index)
		}
	}
}

func TestLayoutsThatOverlapOrLeaveTheDeviceAreRefused(t *testing.T) {
	for _, test := range []struct {
		name              string
		moved, movedBytes uint64
		ok                bool
	}{
		{"over the first copy", 128 << 10, 8192, false},
		{"into the second copy", 256<<10 - 512, 1024, false},
		{"behind the end", 640 << 10, 8192, false},
		{"over the end", 640<<10 - 512, 1024, false},
		{"over itself", 4096, 8192, false},
		{"no whole sectors", 448<<10 + 1, 8192, false},
		{"an odd length", 448 << 10, 8191, false},
		{"none", 448 << 10, 0, false},
		{"all there is", 448 << 10, 1<<64 - 512, false},
		{"overflowing", 1<<64 - 8192, 8192, false},
		{"right behind itself", 8192, 8192, true},
		{"right before a copy", 512<<10 - 8192, 8192, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := allCopies(func(p []byte) { moveEntry(p, test.moved, test.movedBytes) })
			err := opens(image)
			if test.ok != (err == nil) || !test.ok && !errors.Is(err, bitlk.ErrField) {
				t.Errorf("%v", err)
			}
		})
	}
}

// moveEntry writes the entry of the moved sectors, the last one of a copy.
func moveEntry(p []byte, offset, size uint64) {
	at := bytes.Index(p, []byte{24, 0, 0x0f, 0, 0x0f, 0, 1, 0})
	binary.LittleEndian.PutUint64(p[at+8:], offset)
	binary.LittleEndian.PutUint64(p[at+16:], size)
}

func TestTheHeaderSaysWhereTheFirstSectorsAreWithoutAnEntry(t *testing.T) {
	im := small(bitlkimage.Options{NoMovedEntry: true, SectorSize: 4096})
	v := load(t, im.Bytes)
	if v.Moved != (bitlk.Extent{Offset: im.Moved, Size: im.MovedSize}) {
		t.Errorf("%+v", v.Moved)
	}
}

func TestTheBestCopySpeaks(t *testing.T) {
	nonce := func(counters ...uint32) func(int, []byte) {
		return func(i int, p []byte) { binary.LittleEndian.PutUint32(p[96:], counters[i]) }
	}
	for _, test := range []struct {
		name   string
		fields func(int, []byte)
		spoil  []int
		index  int
		reason bitlk.Reason
	}{
		{"all equal", nil, nil, 0, bitlk.AllAgree},
		{"the first is damaged", nil, []int{0}, 1, bitlk.SomeValid},
		{"only the last is left", nil, []int{0, 1}, 2, bitlk.SomeValid},
		{"the second is newer", nonce(5, 6, 5), nil, 1, bitlk.Newest},
		{"the newest is damaged", nonce(5, 6, 5), []int{1}, 0, bitlk.SomeValid},
		{"the last is older", nonce(6, 6, 5), nil, 0, bitlk.Newest},
		{"they differ", func(i int, p []byte) { p[104] = byte(i) }, nil, 0, bitlk.Differ},
	} {
		t.Run(test.name, func(t *testing.T) {
			im := small(bitlkimage.Options{Fields: test.fields})
			for _, i := range test.spoil {
				im.Bytes[im.Offsets[i]+200] ^= 1
			}
			v := load(t, im.Bytes)
			if v.Index != test.index || v.Reason != test.reason || v.Reason.String() == "" {
				t.Errorf("copy %d, %v", v.Index, v.Reason)
			}
		})
	}
}

func TestUnfinishedConversionsSayHowFarTheyAre(t *testing.T) {
	for _, test := range []struct {
		name    string
		o       bitlkimage.Options
		percent int
		onWrite bool
	}{
		{"encrypting", bitlkimage.Options{Present: 2, Next: 4, Encrypted: 160 << 10}, 25, false},
		{"decrypting", bitlkimage.Options{Present: 2, Next: 1, Encrypted: 639 << 10}, 99, false},
		{"encrypt-on-write", bitlkimage.Options{OnWrite: true, Encrypted: 640 << 10}, 100, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c *bitlk.ConversionError
			err := opens(small(test.o).Bytes)
			if !errors.As(err, &c) || c.Percent() != test.percent || c.OnWrite != test.onWrite {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestMetadataThatTheOwnerDidNotWriteAreFoundOut(t *testing.T) {
	im := small(bitlkimage.Options{Tamper: func(covered []byte) { covered[80] ^= 1 }})
	if err := opens(im.Bytes); !errors.Is(err, bitlk.ErrTampered) {
		t.Errorf("%v", err)
	}
}

func TestACopyThatTheKeyDoesNotProveGivesWayToOneThatItProves(t *testing.T) {
	newer := func(p []byte) {
		p[96] += 7
		bitlkimage.SealCRC(p)
	}
	unsealed := func(p []byte) { p[16*(int(p[8])+int(p[9])<<8)+60] ^= 1 } // in the sealed hash, which no CRC covers
	for _, test := range []struct {
		name  string
		spoil map[int]func([]byte)
		index int
		want  error
		odd   bool // the copies' hashes differ, without a key
	}{
		{"a forged counter", map[int]func([]byte){1: newer}, 0, nil, false},
		{"a hash that is not the key's", map[int]func([]byte){0: unsealed}, 1, nil, true},
		{"two of three", map[int]func([]byte){0: unsealed, 2: newer}, 1, nil, true},
		{"all", map[int]func([]byte){0: newer, 1: newer, 2: newer}, 0, bitlk.ErrTampered, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			im := bitlkimage.Make(bitlkimage.Options{ClearKey: true})
			for i, spoil := range test.spoil {
				spoil(im.Bytes[im.Offsets[i]:][:bitlk.BlockSize])
			}
			v := load(t, im.Bytes)
			if v.ProofsDiffer() != test.odd {
				t.Error("the hashes are compared wrongly")
			}
			key, err := v.ClearKey()
			if !errors.Is(err, test.want) || v.Index != test.index {
				t.Fatalf("copy %d, %v", v.Index, err)
			}
			if test.want != nil {
				v.Unproved = true
				if key, err = v.ClearKey(); err != nil || !key.Unproved {
					t.Fatalf("%+v, %v", key, err)
				}
			}
			defer key.Close()
			if !key.Equal(im.VolumeKey) || key.Unproved != (test.want != nil) {
				t.Error("another key, or the wrong word on its proof")
			}
		})
	}
}

func TestAnUnprovedCopyNeverGivesWayToOneThatCannotBeOpened(t *testing.T) {
	im := bitlkimage.Make(bitlkimage.Options{ClearKey: true, Fields: func(i int, block []byte) {
		if i > 0 {
			block[12] = 2
		}
	}})
	p := im.Bytes[im.Offsets[0]:][:bitlk.BlockSize]
	p[96] += 7
	bitlkimage.SealCRC(p)
	if _, err := load(t, im.Bytes).ClearKey(); !errors.Is(err, bitlk.ErrTampered) {
		t.Error(err)
	}
}

func TestADamagedStartupKeyOfThisVolumeIsNoWrongPassphrase(t *testing.T) {
	im := bitlkimage.Make(bitlkimage.Options{Startup: true})
	v := load(t, im.Bytes)
	for name, p := range map[string][]byte{
		"short": im.BEK[:100], "the header alone": im.BEK[:48], "long": append(bytes.Clone(im.BEK), 0),
	} {
		if _, err := v.Unlock(t.Context(), p); !errors.Is(err, bitlk.ErrStartupKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []int{0, 4, 8, 48, 50, 52} {
		p := bytes.Clone(im.BEK)
		p[at] ^= 0x40
		if _, err := v.Unlock(t.Context(), p); !errors.Is(err, bitlk.ErrStartupKey) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

func TestWrongSecretsOpenNothing(t *testing.T) {
	im := bitlkimage.Make(bitlkimage.Options{Passphrase: "right", Startup: true, VolumeGUID: true})
	v := load(t, im.Bytes)
	another := bytes.Clone(im.BEK)
	another[16] ^= 1 // names another VMK
	foreign := bytes.Clone(im.BEK)
	foreign[bytes.Index(foreign, []byte{24, 0, 0x19, 0, 0x17, 0})+8] ^= 1
	for _, test := range []struct {
		given []byte
		want  error
	}{
		{[]byte("wrong"), bitlk.ErrKey},
		{[]byte("right\n"), bitlk.ErrKey},
		{another, bitlk.ErrKey},
		{foreign, bitlk.ErrOtherVolume},
	} {
		if key, err := v.Unlock(context.Background(), test.given); !errors.Is(err, test.want) || key != nil {
			t.Errorf("%q: %v", test.given, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := v.Unlock(ctx, []byte("right")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestOnlyATPMIsNothingToAskFor(t *testing.T) {
	im := bitlkimage.Make(bitlkimage.Options{TPM: true})
	if err := load(t, im.Bytes).ByAsking(); !errors.Is(err, bitlk.ErrNoProtector) {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	im := plainImage()
	f.Add(im.Bytes[:512], im.Bytes[im.Offsets[0]:im.Offsets[0]+1024])
	f.Fuzz(func(t *testing.T, boot, block []byte) {
		image := bytes.Clone(im.Bytes)
		copy(image[:512], boot)
		for _, offset := range im.Offsets {
			p := image[offset : offset+65536]
			copy(p, block)
			bitlkimage.SealCRC(p)
		}
		v, err := bitlk.Load(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			return
		}
		end := uint64(0)
		for _, p := range v.Pieces() {
			if p.Offset != end || p.Size == 0 || p.End() > uint64(len(image)) || !p.Zero && p.From+p.Size > uint64(len(image)) {
				t.Fatalf("%+v behind %d", p, end)
			}
			end = p.End()
		}
		if key, err := v.ClearKey(); err == nil && key != nil {
			key.Close()
		}
	})
}

func FuzzStartupKey(f *testing.F) {
	im := bitlkimage.Make(bitlkimage.Options{Startup: true, VolumeGUID: true, Size: 640 << 10})
	f.Add(im.BEK)
	// What names a master key of this volume is judged as a key file, whatever the rest of it is.
	f.Add(append(bytes.Clone(im.BEK), 0))
	v := load(f, im.Bytes)
	refusals := []error{bitlk.ErrKey, bitlk.ErrOtherVolume, bitlk.ErrStartupKey}
	f.Fuzz(func(t *testing.T, given []byte) {
		key, err := v.Unlock(t.Context(), given)
		if err != nil {
			known := slices.ContainsFunc(refusals, func(kind error) bool { return errors.Is(err, kind) })
			if key != nil || !known {
				t.Fatalf("%v", err)
			}
			return
		}
		defer key.Close()
		if !key.Equal(im.VolumeKey) {
			t.Fatal("another volume key")
		}
	})
}

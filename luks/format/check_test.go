// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

func usual(version int) Options {
	return Options{
		Version: version, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
	}
}

func TestCheckRefusesWhatCannotBe(t *testing.T) {
	const device = 64 << 20
	tests := []struct {
		name    string
		version int
		change  func(*Options)
		size    uint64
		want    error
	}{
		{"version 3", 3, nil, device, fault.ErrUnsupported},
		{"LUKS1 with large sectors", 1, func(o *Options) { o.SectorSize = 4096 }, device, fault.ErrUnsupported},
		{"LUKS1 with a label", 1, func(o *Options) { o.Label = "x" }, device, fault.ErrUnsupported},
		{"LUKS1 keyslot 8", 1, func(o *Options) { o.Keyslot.ID = unlock.At(8) }, device, luks2.ErrNoID},
		{"LUKS1 data too far", 1, func(o *Options) { o.DataOffset = 1 << 41 }, 0, fault.ErrGeometry},
		{"LUKS2 keyslot 32", 2, func(o *Options) { o.Keyslot.ID = unlock.At(32) }, device, luks2.ErrNoID},
		{"sectors of 3 bytes", 2, func(o *Options) { o.SectorSize = 3 }, device, fault.ErrGeometry},
		{"no key", 2, func(o *Options) { o.KeySize = 0 }, device, fault.ErrGeometry},
		{"heads of 20 KiB", 2, func(o *Options) { o.MetadataSize = 20 << 10 }, device, fault.ErrGeometry},
		{"keyslots off the grid", 2, func(o *Options) { o.KeyslotsSize = 4097 }, device, fault.ErrGeometry},
		{"data inside the metadata", 2, func(o *Options) { o.DataOffset, o.KeyslotsSize = 4096, 1<<20 }, device, fault.ErrGeometry},
		{"a device without room for data", 2, nil, 16 << 20, fault.ErrGeometry},
		{"half a sector of data", 2, func(o *Options) { o.SectorSize = 4096 }, device + 512, fault.ErrGeometry},
		{"a cipher that there is not", 2, func(o *Options) { o.Cipher = "foo-xts-plain64" }, device, sector.ErrUnsupported},
		{"a word for a cipher", 2, func(o *Options) { o.Cipher, o.KeySize = "foo", 32 }, device, sector.ErrUnsupported},
		{"a vector that there is not", 2, func(o *Options) { o.Cipher = "aes-xts-plain65" }, device, sector.ErrUnsupported},
		{"a mode that there is not", 2, func(o *Options) { o.Cipher = "aes-foo-plain64" }, device, sector.ErrUnsupported},
		{"a hash that there is not", 2, func(o *Options) { o.Cipher = "aes-cbc-essiv:foo" }, device, sector.ErrUnsupported},
		{"half a cipher", 2, func(o *Options) { o.Cipher = "aes-xts" }, device, sector.ErrSpec},
		{"a key that aes does not take", 2, func(o *Options) { o.KeySize = 47 }, device, sector.ErrKeySize},
		{"LUKS1 with a cipher that there is not", 1, func(o *Options) { o.Cipher = "foo-xts-plain64" }, device, sector.ErrUnsupported},
		{"a long label", 2, func(o *Options) { o.Label = string(make([]byte, luks2.LabelSize)) }, device, fault.ErrGeometry},
		{"a far header of a small device", 2, func(o *Options) { o.FarHeader = true }, 40 << 20, relocate.ErrNoFarRoom},
		{"a far header beside a detached one", 2, func(o *Options) { o.FarHeader, o.Detached = true, true }, device, relocate.ErrNoFar},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := usual(test.version)
			if test.change != nil {
				test.change(&o)
			}
			if _, err := o.Check(test.size); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// A device whose first natural boundary is at byte 3584, as those of emulated sectors behind an odd partition are.
func TestDataBeginsOnTheDevicesOwnBoundary(t *testing.T) {
	const device, shift = 64<<20 + 3584, 3584
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   [2]uint64 // of LUKS1 and of LUKS2, bytes
	}{
		{"as usual", nil, [2]uint64{2<<20 + shift, 16<<20 + shift}},
		{"aligned to 3 MiB", func(o *Options) { o.Alignment = 3 << 20 }, [2]uint64{3<<20 + shift, 18<<20 + shift}},
		{"at a place that was named", func(o *Options) { o.DataOffset = 32 << 20 }, [2]uint64{32 << 20, 32 << 20}},
		{"elsewhere than the header", func(o *Options) { o.Detached = true }, [2]uint64{0, 0}},
	} {
		for i, want := range test.want {
			o := usual(i + 1)
			o.AlignmentOffset = shift
			if test.change != nil {
				test.change(&o)
			}
			if g, err := o.Check(device); err != nil || g.DataOffset != want {
				t.Errorf("%s, LUKS%d: data at byte %d, want %d (%v)", test.name, i+1, g.DataOffset, want, err)
			}
		}
	}
	o := usual(2)
	o.AlignmentOffset, o.SectorSize = shift, 4096
	if _, err := o.Check(device); !errors.Is(err, fault.ErrGeometry) {
		t.Errorf("sectors of 4096 bytes that begin inside one: %v", err)
	}
}

func TestWhatCheckLetsThroughFitsTheDevice(t *testing.T) {
	let := 0
	rapid.Check(t, func(t *rapid.T) {
		o := usual(rapid.IntRange(1, 2).Draw(t, "version"))
		o.DataOffset = 512 * rapid.Uint64Range(0, 1<<16).Draw(t, "data offset")
		o.Alignment = 4096 << rapid.IntRange(0, 12).Draw(t, "alignment")
		o.Detached = rapid.Bool().Draw(t, "detached")
		if o.Version == 2 {
			o.MetadataSize = 16 << 10 << rapid.IntRange(0, 8).Draw(t, "metadata")
			o.KeyslotsSize = 4096 * rapid.Uint64Range(0, 1<<12).Draw(t, "keyslots")
			o.SectorSize = 512 << rapid.IntRange(0, 3).Draw(t, "sector")
		}
		sizes := rapid.OneOf(rapid.Uint64Range(1, 1<<18), rapid.Just(uint64(1<<18))) // small ones alone are all refused
		size := 512 * sizes.Draw(t, "size")
		g, err := o.Check(size)
		if err != nil {
			return
		}
		let++
		switch {
		case g.Room() > size:
			t.Errorf("%+v on %d bytes", g, size)
		case g.DataOffset != 0 && g.Room() > g.DataOffset:
			t.Errorf("%+v: data inside the metadata", g)
		case g.DataOffset >= size:
			t.Errorf("%+v: no data on %d bytes", g, size)
		}
	})
	if let == 0 {
		t.Error("everything was refused")
	}
}

// The kernel of another machine may have a cipher that this one has not.
func TestACipherIsNotTriedOutWhereTheCallerKnowsBetter(t *testing.T) {
	for version := 1; version <= 2; version++ {
		o := usual(version)
		o.Cipher, o.AnyCipher = "foo-xts-plain64", true
		if _, err := o.Check(64 << 20); err != nil {
			t.Errorf("LUKS%d: %v", version, err)
		}
	}
}

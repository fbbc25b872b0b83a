// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const mib = 1 << 20

func TestPlaceFollowsFromSizeAndLength(t *testing.T) {
	cases := []struct {
		name          string
		size, length  uint64
		locator, body uint64
	}{
		{"whole MiB", 512 * mib, 16 * mib, 511 * mib, 495 * mib},
		{"some sectors more", 512*mib + 7*512, 16 * mib, 511 * mib, 495 * mib},
		{"one byte short of a MiB", 512*mib - 1, 16 * mib, 510 * mib, 494 * mib},
		{"odd length", 512 * mib, 16*mib + 4096, 511 * mib, 494 * mib},
		{"smallest header", 3 * mib, 32768, 2 * mib, 1 * mib},
		{"as small as it gets", 2 * mib, mib, 1 * mib, 0},
		{"largest", 1 << 62, MaxLength, 1<<62 - mib, 1<<62 - mib - MaxLength},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := PlaceAt(c.size, c.length)
			if err != nil || p.Locator != c.locator || p.Body != (luks2.Extent{Offset: c.body, Size: c.length}) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	for _, c := range [][2]uint64{{0, mib}, {mib, 4096}, {2*mib - 1, 4096}, {16 * mib, 16 * mib}, {1 << 40, 0}, {1 << 40, MaxLength + 1}, {1 << 40, 1<<64 - 1}} {
		if p, err := PlaceAt(c[0], c[1]); !errors.Is(err, ErrPlace) {
			t.Errorf("length %d on %d bytes: %+v, %v", c[1], c[0], p, err)
		}
	}
}

func TestHostilePlacesAreRefused(t *testing.T) {
	const from, size = 16 * mib, 512 * mib
	good := Place{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 16 * mib}}
	if err := good.Check(from, size); err != nil {
		t.Fatal(err)
	}
	if err := good.Check(495*mib, 511*mib+SlotDistance+SlotSize); err != nil {
		t.Errorf("exact fit: %v", err)
	}
	bad := []Place{
		{},
		{511*mib + 512, good.Body},
		{511 * mib, luks2.Extent{Offset: 495*mib + 4096, Size: 15 * mib}},
		{512 * mib, good.Body},
		{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 16*mib + 4096}},
		{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 16*mib - 512}},
		{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 15 * mib}},
		{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 1<<64 - mib}},
		{511 * mib, luks2.Extent{Offset: 1<<64 - mib, Size: 16 * mib}},
		{1<<64 - mib, luks2.Extent{Offset: 1<<64 - 17*mib, Size: 16 * mib}},
		{495 * mib, luks2.Extent{Offset: 511 * mib, Size: 16 * mib}},
		{511 * mib, luks2.Extent{Offset: 510 * mib, Size: 4096}},
		{31 * mib, luks2.Extent{Offset: 15 * mib, Size: 16 * mib}},
	}
	for _, p := range bad {
		if err := p.Check(from, size); !errors.Is(err, ErrPlace) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

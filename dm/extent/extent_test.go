// SPDX-License-Identifier: Apache-2.0

package extent_test

import (
	"math"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"pgregory.net/rapid"
)

const last = math.MaxUint64

func TestRangesDoNotWrap(t *testing.T) {
	far := extent.Extent{Offset: last - 10, Size: 100}
	if far.End() != last || far.Overlaps(extent.Extent{Size: 50}) || far.Fits(last) {
		t.Errorf("ends at %d", far.End())
	}
	if whole := (extent.Extent{Size: last}); !whole.Contains(far) || !whole.Overlaps(extent.Extent{Offset: 5, Size: 1}) {
		t.Error("all bytes contain any")
	}
}

func TestRangesThatTouchShareNothing(t *testing.T) {
	a, b := extent.Extent{Offset: 0, Size: 10}, extent.Extent{Offset: 10, Size: 5}
	if a.Overlaps(b) || b.Overlaps(a) || !a.Overlaps(extent.Extent{Offset: 9, Size: 1}) {
		t.Error("touching is not sharing")
	}
	if !b.Fits(15) || b.Fits(14) || a.Contains(b) {
		t.Error("the end counts")
	}
}

func TestRoundingIsToTheNearestMultiple(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<62).Draw(t, "n")
		unit := rapid.Uint64Range(1, 1<<40).Draw(t, "unit")
		down, up := extent.Down(n, unit), extent.Up(n, unit)
		if down%unit != 0 || up%unit != 0 || down > n || up < n || n-down >= unit || up-n >= unit {
			t.Fatalf("%d..%d", down, up)
		}
	})
}

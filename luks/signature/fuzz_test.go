// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"slices"
	"testing"
)

// FuzzDetect puts bytes at the start and at the end of a device and overlays them on a fixture's
// sectors, and holds what must be true of any answer.
func FuzzDetect(f *testing.F) {
	for _, name := range fixtures(f) {
		d := fixture(f, name)
		head := make([]byte, 4096)
		_, _ = d.ReadAt(head, 0)
		f.Add(head, int64(1024), d.size)
	}
	for _, d := range crafted() {
		head := make([]byte, 4096)
		_, _ = d.ReadAt(head, 0)
		f.Add(head, int64(65536), d.size)
	}
	f.Fuzz(func(t *testing.T, content []byte, off, size int64) {
		if len(content) > 1<<17 {
			return
		}
		size = max(0, size)
		d := &sparse{size: size, sectors: map[int64][]byte{}}
		for _, at := range []int64{0, off & 0x1ffff, size - int64(len(content))} {
			if at >= 0 && at <= size-int64(len(content)) {
				d.put(at, string(content))
			}
		}
		found, err := Detect(d, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			checkSane(t, s, size)
		}
		again, _ := Detect(d, size)
		if !slices.Equal(found, again) {
			t.Fatalf("%+v, then %+v", found, again)
		}
	})
}

func checkSane(t *testing.T, s Signature, size int64) {
	t.Helper()
	if s.Kind == "" || s.Usage == "" || s.MagicLength <= 0 || s.Extent < 0 {
		t.Fatalf("%+v", s)
	}
	if s.Offset < 0 || s.Offset > size-int64(s.MagicLength) {
		t.Fatalf("%+v on %d bytes", s, size)
	}
	if s.Damaged && s.Extent != 0 {
		t.Fatalf("%+v", s)
	}
}

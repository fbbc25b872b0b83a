// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// states returns the header after each write of a list, the whole image applied so far.
func states(onDisk []byte, list []Write) [][]byte {
	var all [][]byte
	now := bytes.Clone(onDisk)
	for _, w := range list {
		copy(now[w.Offset:], w.Data)
		all = append(all, bytes.Clone(now))
	}
	return all
}

// whole fails unless the header in b keeps what Changes promises about the way from old to next.
func whole(t interface{ Fatalf(string, ...any) }, b []byte, old, next Header) {
	h, err := Decode(b)
	if err != nil {
		t.Fatalf("not decodable: %v", err)
	}
	if err := h.Validate(0); err != nil {
		t.Fatalf("not valid: %v", err)
	}
	allOld, allNew := true, true
	for i, k := range h.Keyslots {
		if k.Enabled() && k != old.Keyslots[i] && k != next.Keyslots[i] {
			t.Fatalf("keyslot %d is a mixture: %+v", i, k)
		}
		was, will := old.Keyslots[i].Enabled(), next.Keyslots[i].Enabled()
		if was && will && !k.Enabled() {
			t.Fatalf("keyslot %d is gone for a while", i)
		}
		allOld = allOld && (!was || k.Enabled())
		allNew = allNew && (!will || k.Enabled())
	}
	if !allOld && !allNew {
		t.Fatalf("neither the old nor the new keyslots are there: %v", h.EnabledKeyslots())
	}
}

func TestChangesOfOneKindTakeTheFewestWrites(t *testing.T) {
	h := sample(t)
	for _, c := range []struct {
		name string
		next Header
		want string // sectors in order
	}{
		{"nothing", h, "[]"},
		{"uuid", h.WithUUID("other"), "[0]"},
		{"add 1", h.WithKeyslot(1, 5, salt(9)), "[0]"},
		{"add 7", h.WithKeyslot(7, 5, salt(9)), "[1]"},
		{"kill 0", h.WithoutKeyslot(0), "[0]"},
		{"kill 6", h.WithoutKeyslot(6), "[0 1]"},
		{"move 0 to 7", h.WithKeyslot(7, 5, salt(9)).WithoutKeyslot(0), "[1 0]"},
		{"move 6 to 7", h.WithKeyslot(7, 5, salt(9)).WithoutKeyslot(6), "[1 0 1]"},
		{"move 6 to 1", h.WithKeyslot(1, 5, salt(9)).WithoutKeyslot(6), "[0 1]"},
		{"rewrite 0", h.WithKeyslot(0, 5, salt(9)), "[0]"},
		{"iterations of 6", h.WithKeyslot(6, 5, h.Keyslots[6].Salt), "[0]"},
	} {
		list, err := Changes(encoded(t, h), c.next)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		sectors := []int64{}
		for _, w := range list {
			sectors = append(sectors, w.Offset/SectorSize)
			if len(w.Data) != SectorSize {
				t.Errorf("%s: write of %d bytes", c.name, len(w.Data))
			}
		}
		if got := fmt.Sprint(sectors); got != c.want {
			t.Errorf("%s: sectors %s, want %s", c.name, got, c.want)
		}
		for _, b := range states(encoded(t, h), list) {
			whole(t, b, h, c.next)
		}
	}
}

func TestAddingKeyslotSixWritesItsTailFirst(t *testing.T) {
	old := sample(t).WithoutKeyslot(6)
	list, err := Changes(encoded(t, old), old.WithKeyslot(6, 7, salt(9)))
	if err != nil || len(list) != 2 || list[0].Offset != SectorSize || list[1].Offset != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	first, err := Decode(states(encoded(t, old), list)[0])
	if err != nil || first.Keyslots[6].Enabled() {
		t.Fatalf("keyslot 6 is enabled before it is whole (%v)", err)
	}
}

func TestEnabledKeyslotSixIsNotRewrittenInPlace(t *testing.T) {
	h := sample(t)
	_, err := Changes(encoded(t, h), h.WithKeyslot(6, 7, salt(9)))
	var field *FieldError
	if !errors.As(err, &field) || !errors.Is(err, ErrStraddles) || field.Keyslot != 6 {
		t.Fatalf("%v, want ErrStraddles", err)
	}
}

func TestChangesLeaveForeignBytesAlone(t *testing.T) {
	h := sample(t)
	b := encoded(t, h)
	copy(b[HeaderSize:], "somebody else's")
	copy(b[offCipherName+8:], "tail")
	list, err := Changes(b, h.WithKeyslot(7, 5, salt(9)).WithUUID("other"))
	if err != nil {
		t.Fatal(err)
	}
	after := states(b, list)[len(list)-1]
	if !bytes.Equal(after[HeaderSize:], b[HeaderSize:]) || !bytes.Equal(after[:offUUID], b[:offUUID]) {
		t.Fatal("bytes of no changed field differ")
	}
}

func TestChangesNeedBothSectorsAndAHeader(t *testing.T) {
	h := sample(t)
	if _, err := Changes(encoded(t, h)[:HeaderSize], h); !errors.Is(err, ErrShort) {
		t.Errorf("592 bytes: %v", err)
	}
	if _, err := Changes(make([]byte, ReservedSize), h); !errors.Is(err, ErrMagic) {
		t.Errorf("zeros: %v", err)
	}
	if _, err := Changes(encoded(t, h), h.WithUUID(string(make([]byte, 50)))); !errors.Is(err, ErrInvalid) {
		t.Errorf("uuid that does not fit: %v", err)
	}
}

func TestFreshWritesTheMagicLast(t *testing.T) {
	h := sample(t)
	list, err := Fresh(h)
	if err != nil || len(list) != 2 {
		t.Fatal(err)
	}
	all := states(make([]byte, ReservedSize), list)
	if _, err := Decode(all[0]); !errors.Is(err, ErrMagic) {
		t.Errorf("after the first write: %v", err)
	}
	if got, err := Decode(all[1]); err != nil || got != h {
		t.Errorf("after the second: %v", err)
	}
}

// anyChange draws a header reachable from h by enabling, disabling and rewriting keyslots.
func anyChange(t *rapid.T, h Header) Header {
	for i := range h.Keyslots {
		s := salt(byte(rapid.IntRange(0, 255).Draw(t, "salt")))
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			h = h.WithoutKeyslot(i)
		case 1:
			h = h.WithKeyslot(i, rapid.Uint32().Draw(t, "iterations"), s)
		}
	}
	if rapid.Bool().Draw(t, "rename") {
		h = h.WithUUID(rapid.StringMatching(`[0-9a-f-]{0,39}`).Draw(t, "uuid"))
	}
	return h
}

func TestEverySingleSectorWriteLeavesAnOpenableHeader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		old := anyChange(rt, sample(t))
		next := anyChange(rt, old)
		onDisk := encoded(t, old)
		list, err := Changes(onDisk, next)
		if errors.Is(err, ErrStraddles) && old.Keyslots[6].Enabled() && next.Keyslots[6].Enabled() {
			return
		}
		if err != nil || len(list) > 3 {
			rt.Fatalf("%d writes, %v", len(list), err)
		}
		all := append([][]byte{onDisk}, states(onDisk, list)...)
		for _, b := range all {
			whole(rt, b, old, next)
		}
		if got, _ := Decode(all[len(all)-1]); got != next {
			rt.Fatalf("ends with %+v, want %+v", got, next)
		}
	})
}

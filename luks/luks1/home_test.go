// SPDX-License-Identifier: Apache-2.0

package luks1

import "testing"

func TestAStrayKeyslotIsKnownByTheOthers(t *testing.T) {
	parts, err := NewLayout(32, Placement{Payload: 8192})
	if err != nil {
		t.Fatal(err)
	}
	whole := parts.Apply(Header{KeyBytes: 32})
	if id, _, found := whole.Stray(); found || whole.Homed() != whole {
		t.Errorf("keyslot %d strays in a new header", id)
	}
	for id := range KeyslotCount {
		h := whole
		h.Keyslots[id].Offset = 4096
		if got, home, found := h.Stray(); !found || got != id || home != parts.Material[id] || h.Homed() != whole {
			t.Errorf("keyslot %d: %d at home in sector %d, %v", id, got, home, found)
		}
		h.PayloadOffset = parts.Material[id] + 1
		if _, home, found := h.Stray(); found && home == parts.Material[id] {
			t.Errorf("keyslot %d comes home into the data", id)
		}
		h = whole
		h.Keyslots[id].Offset, h.Keyslots[(id+1)%KeyslotCount].Offset = 4096, 5120
		if _, _, found := h.Stray(); found {
			t.Errorf("keyslots %d and the next are elsewhere: somebody placed them so", id)
		}
	}
}

func TestAnOddFirstKeyslotIsAtHome(t *testing.T) {
	for _, test := range []struct{ first, second, stride uint32 }{
		{2, 136, 128}, {7, 136, 128}, {2, 128, 125}, {2, 127, 125}, {3, 130, 127}, {16, 136, 128}, {2, 400, 128},
	} {
		h := Header{KeyBytes: 16, PayloadOffset: 4096}
		for id := range h.Keyslots {
			h.Keyslots[id].Offset = test.second + uint32(id-1)*test.stride
		}
		h.Keyslots[0].Offset = test.first
		if id, home, found := h.Stray(); found {
			t.Errorf("%v: keyslot %d would be brought to sector %d", test, id, home)
		}
	}
}

func TestOneSectorGivesKeyslot6AnotherSaltAndPlace(t *testing.T) {
	parts, err := NewLayout(32, Placement{Payload: 8192})
	if err != nil {
		t.Fatal(err)
	}
	h := parts.Apply(Header{KeyBytes: 32, CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256", DigestIterations: 1})
	old := [SaltSize]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	h = h.WithKeyslot(straddling, 1000, old)
	raw, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for split, writes := range map[int]int{SplitSalt(straddling): 1, SplitSalt(straddling) - 1: 0} {
		salt := [SaltSize]byte{31: 7}
		copy(salt[:], old[:split])
		next := h.WithKeyslot(straddling, 1000, salt)
		next.Keyslots[straddling].Offset = 4096
		if list, err := Changes(raw, next); len(list) != writes || (err == nil) != (writes == 1) {
			t.Errorf("%d bytes of the salt kept: %d writes, %v", split, len(list), err)
		}
	}
}

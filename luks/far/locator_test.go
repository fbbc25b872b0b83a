// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// unit is the size of the parts of test bodies.
const unit = 4096

// part makes a part of test contents with a sum of its own.
func part(offset, size uint64, text string) Part {
	return Part{luks2.Extent{Offset: offset, Size: size}, sha256.Sum256([]byte(text))}
}

func example() Locator {
	return Locator{
		UUID: "11111111-2222-4333-8444-555555555555", DeviceSize: 512 * mib,
		Place:    Place{511 * mib, luks2.Extent{Offset: 510 * mib, Size: mib}},
		Contents: Contents{7, []Part{part(0, unit, "p"), part(unit, unit, "s"), part(4*unit, unit, "area")}},
	}
}

// encoded is the locator in a slot.
func encoded(t *testing.T, l Locator) []byte {
	t.Helper()
	p, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// decoded is what is found with the other slot empty.
func decoded(p []byte, at uint64) (Locator, error) { return Decode(make([]byte, SlotSize), p, at) }

func TestLocatorsComeBack(t *testing.T) {
	final := example()
	next := Contents{8, []Part{part(0, unit, "p2"), part(unit, unit, "s2")}}
	for name, l := range map[string]Locator{
		"final": final, "updating": final.Successor(next, 600*mib), "new": New(final.UUID, final.Place, next, 512*mib),
		"updating twice": final.Successor(next, 512*mib).Successor(final.Contents, 512*mib),
	} {
		got, err := decoded(encoded(t, l), l.Place.Locator)
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestNoByteOfALocatorCanChange(t *testing.T) {
	l := example()
	p := encoded(t, l)
	for i := range SlotSize {
		q := bytes.Clone(p)
		q[i] ^= 1
		if _, err := decoded(q, l.Place.Locator); err == nil {
			t.Errorf("byte %d", i)
		}
	}
	if _, err := decoded(p, l.Place.Locator+mib); !errors.Is(err, ErrField) {
		t.Errorf("at another place: %v", err)
	}
	if _, err := decoded(p[:SlotSize-1], l.Place.Locator); !errors.Is(err, ErrNoLocator) {
		t.Errorf("short: %v", err)
	}
}

// resum makes the checksum true again.
func resum(p []byte) []byte {
	sum := sha256.Sum256(p[:atSum])
	copy(p[atSum:], sum[:])
	return p
}

func TestHostileLocatorsAreRefusedUnderATrueChecksum(t *testing.T) {
	cases := []struct {
		name string
		at   int
		with []byte
		want error
	}{
		{"newer version", atVersion, []byte{0, 0, 0, 2}, ErrVersion},
		{"unknown state", atState, []byte{0, 0, 0, 2}, ErrField},
		{"old number in state final", atOldSeqID, []byte{0, 0, 0, 0, 0, 0, 0, 1}, ErrField},
		{"no uuid", atUUID, make([]byte, 40), ErrField},
		{"uuid without end", atUUID, bytes.Repeat([]byte("a"), 40), ErrField},
		{"text behind the uuid", atUUID + 38, []byte("x"), ErrField},
		{"endless list", atParts, []byte{255, 255, 255, 255}, ErrField},
		{"endless old list", atOldParts, []byte{255, 255, 255, 255}, ErrField},
		{"fewer parts than entries", atParts, []byte{0, 0, 0, 2}, ErrField},
		{"more parts than entries", atParts, []byte{0, 0, 0, 4}, ErrField},
		{"part outside the body", atList + 2*entrySize, []byte{0, 0, 0, 0, 0, 0x10, 0, 0}, ErrField},
		{"endless part", atList + 2*entrySize + 8, bytes.Repeat([]byte{255}, 8), ErrField},
		{"empty part", atList + 2*entrySize + 8, make([]byte, 8), ErrField},
		{"overlapping parts", atList + 2*entrySize, []byte{0, 0, 0, 0, 0, 0, 0x12, 0}, ErrField},
		{"part without a sum", atList + 2*entrySize + 16, make([]byte, 32), ErrField},
		{"body behind the locator", atBodyOffset, []byte{0, 0, 0, 0, 0x20, 0, 0, 0}, ErrField},
		{"body over the heads", atBodyOffset, make([]byte, 8), ErrField},
		{"endless body", atBodyLength, bytes.Repeat([]byte{255}, 8), ErrField},
		{"device too small", atDeviceSize, make([]byte, 8), ErrField},
		{"stray byte", 200, []byte{1}, ErrField},
		{"stray byte behind the list", atSum - 1, []byte{1}, ErrField},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := encoded(t, example())
			copy(p[c.at:], c.with)
			if _, err := decoded(resum(p), example().Place.Locator); !errors.Is(err, c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTheLongestListsFit(t *testing.T) {
	l := example()
	l.Place = Place{511 * mib, luks2.Extent{Offset: 495 * mib, Size: 16 * mib}}
	many := func(from uint64, seed string) Contents {
		c := Contents{SeqID: 1}
		for i := range uint64(MaxParts) {
			c.Parts = append(c.Parts, part(from+i*2*4096, 4096, seed))
		}
		return c
	}
	l.Contents = many(0, "a")
	for i := range 4 {
		l = l.Successor(many(uint64(i%2)*mib, "b"), 512*mib)
		if got, err := decoded(encoded(t, l), l.Place.Locator); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("update %d: %v", i, err)
		}
	}
}

// contentsOf draws contents for a body of 32 units.
func contentsOf(t *rapid.T, name string) Contents {
	c := Contents{SeqID: rapid.Uint64().Draw(t, name)}
	at := uint64(0)
	for i := range rapid.IntRange(2, 8).Draw(t, name+" parts") {
		size := uint64(1)
		if i >= 2 {
			at += uint64(rapid.IntRange(0, 1).Draw(t, "gap"))
		}
		c.Parts = append(c.Parts, part(at*unit, size*unit, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "bytes")))
		at += size
	}
	return c
}

// bodyOf makes a body that holds the contents; sums of "a" and "b" stand for bytes that are not
// theirs, so the sums are made again.
func bodyOf(c *Contents) []byte {
	body := make([]byte, 32*unit)
	for i, p := range c.Parts {
		fill := byte(1)
		if p.Sum == sha256.Sum256([]byte("b")) {
			fill = 2
		}
		copy(body[p.Offset:p.End()], bytes.Repeat([]byte{fill}, int(p.Size)))
		c.Parts[i].Sum = sha256.Sum256(body[p.Offset:p.End()])
	}
	return body
}

// holds tells whether the body is exactly what the contents say.
func holds(c Contents, body []byte) bool { return len(Locator{Contents: c}.Verify(body)) == 0 }

func TestAnUpdateCutOffAnywhereStaysOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := contentsOf(t, "first")
		l := example()
		body := bodyOf(&now)
		l.Contents = now
		for range rapid.IntRange(1, 4).Draw(t, "updates") {
			next := contentsOf(t, "next")
			target := bodyOf(&next)
			l = l.Successor(next, 512*mib)
			p, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if l, err = decodeSlot(p, l.Place.Locator); err != nil {
				t.Fatal(err)
			}
			for _, e := range Changes(*l.Old, next) {
				for at := e.Offset; at < e.End(); at += 512 {
					if rapid.Bool().Draw(t, "written") {
						copy(body[at:at+512], target[at:at+512])
					}
				}
			}
			if wrong := l.Verify(body); len(wrong) != 0 {
				t.Fatalf("torn, and taken for foreign: %v", wrong)
			}
			for _, e := range Changes(*l.Old, next) {
				copy(body[e.Offset:e.End()], target[e.Offset:e.End()])
			}
			if !holds(next, body) {
				t.Fatal("an update that writes its changes does not bring about what it announced")
			}
		}
	})
}

func TestEachForeignByteIsSeen(t *testing.T) {
	c := Contents{3, []Part{part(0, unit, "a"), part(unit, unit, "b"), part(3*unit, unit, "a")}}
	body := bodyOf(&c)
	l := example()
	l.Contents = c
	next := Contents{4, append([]Part{}, c.Parts[:2]...)}
	updating := l.Successor(next, 512*mib)
	for at := 0; at < len(body); at += 1009 {
		body[at] ^= 0x80
		if len(l.Verify(body)) != 1 {
			t.Errorf("byte %d of a final body", at)
		}
		announced := at >= 3*unit && at < 4*unit
		if wrong := updating.Verify(body); (len(wrong) == 0) != announced {
			t.Errorf("byte %d of a body whose third part is being wiped: %v", at, wrong)
		}
		body[at] ^= 0x80
	}
}

func TestANewPlaceMayHoldAnythingUntilItIsWritten(t *testing.T) {
	c := Contents{3, []Part{part(0, unit, "a"), part(unit, unit, "b")}}
	body := bodyOf(&c)
	l := New("u", example().Place, c, 512*mib)
	if wrong := l.Verify(bytes.Repeat([]byte{9}, mib)); len(wrong) != 0 {
		t.Error(wrong)
	}
	if got := Changes(*l.Old, c); len(got) != 3 || got[2].Size != mib {
		t.Errorf("a new far header writes %v", got)
	}
	if !holds(l.Contents, body) || len(l.Final().Verify(body)) != 0 {
		t.Error("a whole body is not taken for one")
	}
}

func TestOneGoodSlotIsEnoughAndTheNewerOneCounts(t *testing.T) {
	final := example()
	final.Generation = 4
	updating := final.Successor(Contents{8, final.Parts[:2]}, 512*mib)
	first, second := encoded(t, final), encoded(t, updating)
	for name, c := range map[string]struct {
		damage int // offset of a bad byte, -1 for none
		want   Locator
	}{
		"both": {-1, updating}, "first torn": {700, updating}, "second torn": {SlotSize + 700, final},
	} {
		p := slices.Concat(first, second)
		if c.damage >= 0 {
			p[c.damage] ^= 1
		}
		if got, err := Decode(p[:SlotSize], p[SlotSize:], final.Place.Locator); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := Decode(encoded(t, updating.Final()), second, final.Place.Locator); err != nil || got.Updating() || got.Generation != 6 {
		t.Errorf("after the update: %+v, %v", got, err)
	}
}

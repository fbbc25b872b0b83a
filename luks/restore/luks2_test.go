// SPDX-License-Identifier: Apache-2.0

package restore_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/restore"
)

const (
	page  = luks2.AreaAlignment
	pages = 28 // of metadata: heads of 4 or 8 pages, and the rest keyslots area
	data2 = pages * page
	size2 = data2 + 16*page
)

// slot2 is a keyslot of one page, or of `more` bytes more.
type slot2 struct {
	id   int
	page uint64
	salt byte
	more uint64
}

// copy2 makes a valid head of that many pages.
func copy2(t rapid.TB, head uint64, slots []slot2) luks2.Copy {
	m := luks2.NewMetadata(head*page, (pages-2*head)*page)
	m.AddCrypt(luks2.Segment{Offset: data2, Dynamic: true, Encryption: "aes-xts-plain64", SectorSize: 512})
	d := luks2.Digest{
		Type: "pbkdf2", Segments: []int{0}, Hash: "sha256", Iterations: 1000, Salt: make([]byte, 32),
		Value: make([]byte, 32),
	}
	for _, s := range slots {
		err := m.AddKeyslot(luks2.Keyslot{
			ID: s.id, Type: luks2.TypeLUKS2, KeySize: 1, AF: luks2.AF{Type: "luks1", Stripes: 4000, Hash: "sha256"},
			Area: luks2.Area{
				Type: "raw", Offset: s.page * page, Size: page + s.more, Encryption: "aes-xts-plain64",
				KeySize: 32,
			},
			KDF: luks2.KDF{Type: "pbkdf2", Hash: "sha256", Iterations: 1000, Salt: []byte{s.salt}},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Keyslots = append(d.Keyslots, s.id)
	}
	if _, err := m.AddDigest(d); err != nil {
		t.Fatal(err)
	}
	c := luks2.Copy{Header: luks2.Header{Size: head * page, SeqID: 5, Algorithm: "sha256"}, Metadata: m}
	if _, err := luks2.Encode(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// image2 puts the material of each keyslot in its place.
func image2(slots []slot2) []byte {
	image := make([]byte, size2)
	for _, s := range slots {
		copy(image[s.page*page:], secret(s.salt, int(page+s.more)))
	}
	return image
}

// opens2 tells whether the material of each keyslot of the head lies in its place.
func opens2(image []byte, c luks2.Copy) bool {
	for _, k := range c.Metadata.Keyslots() {
		if !bytes.Equal(image[k.Area.Offset:k.Area.End()], secret(k.KDF.Salt[0], page)) {
			return false
		}
	}
	return true
}

// drawSlots2 gives keyslots pages of their own behind heads of that many pages.
func drawSlots2(t *rapid.T, head uint64, salt byte) []slot2 {
	var free []uint64
	for p := 2 * head; p < pages; p++ {
		free = append(free, p)
	}
	free = rapid.Permutation(free).Draw(t, "pages")
	var slots []slot2
	for i := range rapid.IntRange(0, len(free)).Draw(t, "keyslots") {
		slots = append(slots, slot2{i, free[i], salt + byte(i), 0})
	}
	return slots
}

func areas(list []commit.Area) []luks2.Extent {
	var extents []luks2.Extent
	for _, a := range list {
		extents = append(extents, a.Extent())
	}
	return extents
}

func TestAtEachInstantTheOldOrTheNewPassphrasesOpenLUKS2(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		heads := rapid.SampledFrom([][2]uint64{{4, 4}, {4, 4}, {4, 8}, {8, 4}}).Draw(t, "heads")
		mine, theirs := drawSlots2(t, heads[0], 10), drawSlots2(t, heads[1], 60)
		for i := range theirs { // some are the same in both
			same := rapid.IntRange(0, 2).Draw(t, "same") == 0 && i < len(mine)
			if same && !taken2(theirs, mine[i].page) && mine[i].page >= 2*heads[1] {
				theirs[i] = mine[i]
			}
		}
		now, next := copy2(t, heads[0], mine), copy2(t, heads[1], theirs)
		next.Header.SeqID = 99
		dev, backup := image2(mine), image2(theirs)
		for p := 2 * heads[0]; p < pages; p++ { // what was left from before
			if !taken2(mine, p) && rapid.Bool().Draw(t, "remains") {
				copy(dev[p*page:], secret(200, page))
			}
		}
		text := next.Metadata.Text()
		c, err := restore.LUKS2(bytes.NewReader(dev), now, bytes.NewReader(backup), next)
		if !bytes.Equal(text, next.Metadata.Text()) {
			t.Fatal("the backup's metadata were changed")
		}
		if needed, free := crowd(heads, mine, theirs); needed > free {
			if !errors.Is(err, luks2.ErrNoRoom) {
				t.Fatalf("%d pages are needed, %d free: %v", needed, free, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if heads[1] > heads[0] && layout.Heads(now, c.Next, size2) != nil {
			return // the door refuses it: a keyslot lies where the second head goes
		}
		carryOut2(t, dev, now, c)
		named(t, c.Next, next)
	})
}

func TestAKeyslotThatIsInTheWayNeedsOneFreePlace(t *testing.T) {
	var mine []slot2
	for p := uint64(8); p < pages-1; p++ {
		mine = append(mine, slot2{int(p), p, byte(p), 0})
	}
	theirs := []slot2{{0, 9, 100, 0}}
	for _, full := range []bool{false, true} {
		if full {
			mine = append(mine, slot2{0, pages - 1, 200, 0})
		}
		dev, backup := bytes.NewReader(image2(mine)), bytes.NewReader(image2(theirs))
		c, err := restore.LUKS2(dev, copy2(t, 4, mine), backup, copy2(t, 4, theirs))
		var room *luks2.RoomError
		if full && (!errors.As(err, &room) || room.Needed != page || room.Available != 0) {
			t.Errorf("full: %v", err)
		}
		want := []luks2.Extent{{Offset: (pages - 1) * page, Size: page}}
		if !full && (err != nil || !slices.Equal(areas(c.Before), want)) {
			t.Errorf("one place: %v, %v", areas(c.Before), err)
		}
	}
}

func taken2(slots []slot2, page uint64) bool {
	return slices.ContainsFunc(slots, func(s slot2) bool { return s.page == page })
}

// crowd counts the keyslots of the backup that have to move, and the pages to which they can.
func crowd(heads [2]uint64, mine, theirs []slot2) (needed, free int) {
	for _, s := range theirs {
		if (s.page < 2*heads[0] || taken2(mine, s.page)) && !slices.Contains(mine, s) {
			needed++
		}
	}
	for p := 2 * max(heads[0], heads[1]); p < pages; p++ {
		if !taken2(mine, p) && !taken2(theirs, p) {
			free++
		}
	}
	return needed, free
}

// carryOut2 holds the change against the door's rules and makes it on a copy of the device.
func carryOut2(t *rapid.T, dev []byte, now luks2.Copy, c commit.Change) {
	if _, err := luks2.Encode(c.Next); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		layout.Fits(c.Next, size2), layout.Heads(now, c.Next, size2),
		layout.Before(now, c.Next, size2, areas(c.Before)...), layout.After(now, c.Next, size2, areas(c.After)...),
	); err != nil {
		t.Fatal(err)
	}
	image := bytes.Clone(dev)
	for _, a := range c.Before {
		copy(image[a.Offset:], a.Bytes)
		if !opens2(image, now) {
			t.Fatalf("%d bytes at %d go over a keyslot in use", len(a.Bytes), a.Offset)
		}
	}
	clear(image[:2*c.Next.Header.Size]) // both heads are written
	for _, a := range c.After {
		copy(image[a.Offset:], a.Bytes)
	}
	if !opens2(image, c.Next) || !bytes.Equal(image[data2:], dev[data2:]) {
		t.Fatal("a keyslot lacks its material, or the data changed")
	}
	for _, k := range c.Next.Metadata.Keyslots() {
		clear(image[k.Area.Offset:k.Area.End()])
	}
	if at := bytes.Index(image, []byte("material of salt")); at >= 0 {
		t.Fatalf("material remains at %d", at)
	}
}

// named: the keyslots are the backup's but for their places, and the number is not.
func named(t *rapid.T, got, want luks2.Copy) {
	if got.Header.SeqID != 5 {
		t.Fatalf("sequence number %d", got.Header.SeqID)
	}
	for _, k := range want.Metadata.Keyslots() {
		have, err := got.Metadata.Keyslot(k.ID)
		if err != nil || have.KDF.Salt[0] != k.KDF.Salt[0] || have.Area.Size != k.Area.Size {
			t.Fatalf("keyslot %d: %+v, %v", k.ID, have, err)
		}
	}
	if len(got.Metadata.Keyslots()) != len(want.Metadata.Keyslots()) {
		t.Fatalf("%d keyslots", len(got.Metadata.Keyslots()))
	}
}

func TestOnlyWhatDiffersIsWritten(t *testing.T) {
	slots := []slot2{{0, 9, 1, 0}, {1, 12, 2, 0}}
	now, image := copy2(t, 4, slots), image2(slots)
	at := func(p, n uint64) luks2.Extent { return luks2.Extent{Offset: p * page, Size: n * page} }
	spoilt := bytes.Clone(image)
	spoilt[12*page+7] ^= 1
	// What lies at a place that no head names is written all the same: it may read well and not be on the medium.
	unnamed := append(slices.Clone(slots), slot2{2, 14, 3, 0})
	remains := bytes.Clone(image)
	remains[15*page+100], remains[17*page+100] = 1, 1
	tests := []struct {
		name          string
		dev           io.ReaderAt
		next          []slot2
		before, after []luks2.Extent
	}{
		{"nothing", bytes.NewReader(image), slots, nil, nil},
		{
			"a keyslot with other material", bytes.NewReader(spoilt), slots,
			[]luks2.Extent{at(8, 1)},
			[]luks2.Extent{at(12, 1)},
		},
		{
			"a keyslot that cannot be read",
			partly{image, at(9, 1)},
			slots,
			[]luks2.Extent{at(8, 1)},
			[]luks2.Extent{at(9, 3)},
		},
		{
			"a keyslot that is there and not named", bytes.NewReader(image2(unnamed)), unnamed,
			[]luks2.Extent{at(14, 1)},
			nil,
		},
		{"a keyslot that goes", bytes.NewReader(image), slots[:1], nil, []luks2.Extent{at(12, 1)}},
		{"what is left from before", bytes.NewReader(remains), slots, nil, []luks2.Extent{at(15, 3)}},
		{
			"a keyslot right behind the heads", bytes.NewReader(image), append(slices.Clone(slots), slot2{2, 8, 3, 0}),
			[]luks2.Extent{at(8, 1)},
			nil,
		},
		{"a hole that cannot be read", partly{image, at(10, 1)}, slots, nil, []luks2.Extent{at(10, 2)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := restore.LUKS2(test.dev, now, bytes.NewReader(image2(test.next)), copy2(t, 4, test.next))
			if err != nil || !slices.Equal(areas(c.Before), test.before) || !slices.Equal(areas(c.After), test.after) {
				t.Errorf("before %v, after %v, %v", areas(c.Before), areas(c.After), err)
			}
		})
	}
}

func TestAKeyslotThatIsDescribedOtherwiseMovesWithTheSameMaterial(t *testing.T) {
	mine, theirs := []slot2{{0, 9, 1, 0}}, []slot2{{0, 9, 2, 0}}
	image := image2(mine)
	c, err := restore.LUKS2(bytes.NewReader(image), copy2(t, 4, mine), bytes.NewReader(image), copy2(t, 4, theirs))
	if err != nil || !slices.Equal(areas(c.Before), []luks2.Extent{{Offset: 8 * page, Size: page}}) {
		t.Errorf("%v, %v", areas(c.Before), err)
	}
}

// Where heads become shorter, what they leave held the old ones: it is wiped, though it may read as zeros by now.
func TestWhatShorterHeadsLeaveIsWiped(t *testing.T) {
	dev, none := bytes.NewReader(make([]byte, size2)), bytes.NewReader(nil)
	c, err := restore.LUKS2(dev, copy2(t, 8, nil), none, copy2(t, 4, nil))
	if err != nil || !slices.Equal(areas(c.After), []luks2.Extent{{Offset: 8 * page, Size: (pages - 8) * page}}) {
		t.Errorf("%v, %v", areas(c.After), err)
	}
}

// A hole that is no whole number of blocks ends where the next keyslot begins.
func TestWipingStopsAtTheNextKeyslot(t *testing.T) {
	slots := []slot2{{0, 9, 1, 512}, {1, 12, 2, 0}}
	head, image := copy2(t, 4, slots), image2(slots)
	image[12*page-1] = 1
	c, err := restore.LUKS2(bytes.NewReader(image), head, bytes.NewReader(image2(slots)), head)
	if err != nil || len(c.After) != 1 || c.After[0].Extent().End() != 12*page || c.After[0].Offset < 10*page+512 {
		t.Errorf("%v, %v", areas(c.After), err)
	}
}

func TestABackupOfLUKS2ThatCannotBeReadRestoresNothing(t *testing.T) {
	slots := []slot2{{3, 9, 1, 0}}
	c, image := copy2(t, 4, slots), image2(slots)
	got, err := restore.LUKS2(bytes.NewReader(image), c, bytes.NewReader(image[:10*page-1]), c)
	if err == nil || !strings.HasPrefix(err.Error(), "keyslot 3: ") || len(got.Before)+len(got.After) != 0 {
		t.Errorf("%v", err)
	}
}

// parts2 is a head whose data have that many parts, the first one of size bytes, 0 being dynamic.
func parts2(size, parts uint64) luks2.Copy {
	m := luks2.NewMetadata(4*page, (pages-8)*page)
	for i := range parts {
		s := luks2.Segment{
			Offset: data2 + i*size, Size: size, Dynamic: size == 0, Encryption: "aes-xts-plain64",
			SectorSize: 512,
		}
		m.AddCrypt(s)
	}
	return luks2.Copy{Header: luks2.Header{Size: 4 * page}, Metadata: m}
}

func TestTheSizeOfTheDataStaysAsItIs(t *testing.T) {
	for _, test := range []struct{ mine, theirs, myParts, parts, want uint64 }{
		{0, 0, 1, 1, 0},
		{0, 4096, 1, 1, 0},
		{8192, 0, 1, 1, 8192},
		{8192, 4096, 1, 1, 8192},
		// Of data in parts nobody but their own header knows the lengths.
		{8192, 4096, 1, 2, 4096},
		{8192, 4096, 2, 1, 4096},
		{8192, 4096, 2, 2, 4096},
		{8192, 4096, 0, 1, 4096},
	} {
		now, next := parts2(test.mine, test.myParts), parts2(test.theirs, test.parts)
		c, err := restore.LUKS2(bytes.NewReader(nil), now, bytes.NewReader(nil), next)
		if err != nil {
			t.Fatal(err)
		}
		if s, found := c.Next.Metadata.DefaultSegment(); !found || s.Size != test.want ||
			s.Dynamic != (test.want == 0) {
			t.Errorf("%+v: %+v", test, s)
		}
	}
}

func TestWhatTheHeadsKnowOfAFarHeaderStaysAsItIs(t *testing.T) {
	token := func(at uint64) *far.Token {
		body := luks2.Extent{Offset: 1 << 20, Size: data2}
		return &far.Token{Phase: far.Stable, Far: far.Place{Locator: at << 20, Body: body}}
	}
	for _, test := range []struct {
		name         string
		mine, theirs *far.Token
	}{
		{"none", nil, nil},
		{"only now", token(9), nil},
		{"only in the backup", nil, token(8)},
		{"in both", token(9), token(8)},
	} {
		t.Run(test.name, func(t *testing.T) {
			now, next := copy2(t, 4, nil), copy2(t, 4, nil)
			for m, has := range map[*luks2.Metadata]*far.Token{now.Metadata: test.mine, next.Metadata: test.theirs} {
				if has != nil {
					if err := far.Put(m, *has); err != nil {
						t.Fatal(err)
					}
				}
			}
			c, err := restore.LUKS2(bytes.NewReader(nil), now, bytes.NewReader(nil), next)
			if err != nil {
				t.Fatal(err)
			}
			got, _, found, err := far.Find(c.Next.Metadata)
			if err != nil || found != (test.mine != nil) || found && got != *test.mine {
				t.Errorf("%+v, %t, %v", got, found, err)
			}
		})
	}
}

func TestATokenThatCannotBeReadIsNotReplaced(t *testing.T) {
	const unknown = `{"type":"orthrus-far","keyslots":[],"version":"99"}`
	for _, mine := range []bool{true, false} {
		now, next := copy2(t, 4, nil), copy2(t, 4, nil)
		m := next.Metadata
		if mine {
			m = now.Metadata
		}
		if err := m.SetToken(31, []byte(unknown)); err != nil {
			t.Fatal(err)
		}
		_, err := restore.LUKS2(bytes.NewReader(nil), now, bytes.NewReader(nil), next)
		if !errors.Is(err, far.ErrTokenVersion) {
			t.Errorf("in the heads: %t, %v", mine, err)
		}
	}
}

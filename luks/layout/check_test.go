// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// simple is a volume of 16 KiB heads, 12 pages of keyslots area with keyslots on pages 9 and 12 to 14, data from
// page 24 on to 1 MiB, a far header, and a device of 8 MiB.
func simple(t rapid.TB) *volume {
	v := &volume{
		keyslots: 12 * page, data: 24 * page, length: mib, device: 8 * mib,
		slots: []luks2.Keyslot{slotAt(3, 9*page, page), slotAt(1, 12*page, 3*page)},
	}
	place, err := far.PlaceAt(v.device, 20*page)
	if err != nil {
		t.Fatal(err)
	}
	v.token = far.Token{Phase: far.Stable, Far: place, DeviceSize: v.device, DataSize: mib}
	v.make(t, luks2.MinSize)
	return v
}

func kindOf(err error) error {
	var e *layout.Error
	if !errors.As(err, &e) {
		return err
	}
	return e.Kind
}

func TestMetadataFitBeforeTheDataAndOnTheDevice(t *testing.T) {
	const end = 20 * page
	tests := []struct {
		name         string
		data, device uint64
		want         error
	}{
		{"detached on all of the device", 0, end, nil},
		{"detached on a larger device", 0, end + 1, nil},
		{"detached on a device that lacks a byte", 0, end - 1, layout.ErrDevice},
		{"the data begin at once", end, mib, nil},
		{"the data begin later", end + 512, mib, nil},
		{"the data begin a sector too early", end - 512, mib, layout.ErrDevice},
		{"the data begin at byte 1", 1, mib, layout.ErrDevice},
		{"no room for data", end, end, nil},
		{"the data begin in time, the device lacks a byte", end, end - 1, layout.ErrDevice},
		{"no device", 0, 0, layout.ErrDevice},
		{"the largest device", end, last, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := &volume{keyslots: end - 2*luks2.MinSize, data: test.data}
			v.make(t, luks2.MinSize)
			if err := layout.Fits(v.head, test.device); kindOf(err) != test.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAFarHeaderInForceIsAsLongAsTheMetadata(t *testing.T) {
	const end = 20 * page
	for _, phase := range []far.Phase{
		far.Stable, far.AwaitingCut, far.Enabling, far.Disabling, far.Moving, far.Wiping, far.Rebuilding,
	} {
		settled := phase == far.Stable || phase == far.AwaitingCut
		for _, length := range []uint64{end, end - page, end + page} {
			v := simple(t)
			v.token.Phase, v.token.Far.Body.Size = phase, length
			v.make(t, luks2.MinSize)
			want := error(nil)
			if settled && length != end {
				want = layout.ErrFar
			}
			if err := layout.Fits(v.head, v.device); kindOf(err) != want {
				t.Errorf("%s, body of %d bytes for %d: %v", phase, length, end, err)
			}
		}
	}
}

func TestATokenThatNamesNoFarHeaderSaysNothingOfTheLength(t *testing.T) {
	text, err := far.Token{Phase: far.Stable}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	another, err := simple(t).token.Encode()
	if err != nil {
		t.Fatal(err)
	}
	unknown := strings.Replace(string(another), `"version":"1"`, `"version":"2"`, 1)
	for _, texts := range [][]string{
		{string(text)},
		{unknown},
		{string(another), string(another)},
		{`{"type":"other","keyslots":[]}`},
	} {
		v := &volume{keyslots: 8 * page}
		v.make(t, luks2.MinSize)
		for id, text := range texts {
			if err := v.head.Metadata.SetToken(id, json.RawMessage(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := layout.Fits(v.head, mib); err != nil {
			t.Errorf("%v: %v", texts, err)
		}
	}
}

// sparse is a device in memory whose bytes behind the first ones are zeros.
type sparse struct {
	first []byte
	size  int64
}

func (s *sparse) Size() int64 { return s.size }
func (s *sparse) Sync() error { return nil }

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.first)) {
		copy(p, s.first[off:])
	}
	if n := max(s.size-off, 0); n < int64(len(p)) {
		return int(n), io.EOF
	}
	return len(p), nil
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > s.size {
		return 0, io.ErrShortWrite
	}
	s.first = append(s.first, make([]byte, max(off+int64(len(p))-int64(len(s.first)), 0))...)
	return copy(s.first[off:], p), nil
}

// What Fits lets pass and Encode writes is in order to the reader, and what it refuses for the device's sake is not.
func TestFitsRefusesWhatTheReaderWouldRefuse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom(luks2.Sizes()[:3]).Draw(t, "head")
		v := &volume{keyslots: page * rapid.Uint64Range(0, 8).Draw(t, "keyslots area")}
		end := 2*size + v.keyslots
		near := func(what string) uint64 {
			return end - 4*page + 512*rapid.Uint64Range(0, 64).Draw(t, what)
		}
		v.device = near("device")
		if rapid.Bool().Draw(t, "attached") {
			v.data = near("data")
		}
		v.make(t, size)
		digest := luks2.Digest{
			Type: "pbkdf2", Segments: []int{0}, Hash: "sha256", Salt: make([]byte, 32),
			Value: make([]byte, 32),
		}
		if _, err := v.head.Metadata.AddDigest(digest); err != nil {
			t.Fatal(err)
		}
		v.head.Header.Algorithm = "sha256"
		fits := layout.Fits(v.head, v.device)
		if read := writtenAndRead(t, v); (fits == nil) != (read == nil) {
			t.Fatalf("metadata to %d, data at %d, device of %d: %v, the reader: %v", end, v.data, v.device, fits, read)
		}
	})
}

// writtenAndRead writes both heads as far as the device reaches, and says what a reader makes of them.
func writtenAndRead(t *rapid.T, v *volume) error {
	plan, err := header.PlanFormat(v.head, bytes.NewReader(make([]byte, 1024)))
	if err != nil {
		return err
	}
	dev := &sparse{size: int64(v.device)}
	for _, w := range plan.Writes {
		if w.Offset >= v.device {
			continue
		}
		if _, err := dev.WriteAt(w.Bytes[:min(uint64(len(w.Bytes)), v.device-w.Offset)], int64(w.Offset)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = header.Choose(header.Read(dev))
	return err
}

func TestMaterialGoesWhereNoHeadNamesAnything(t *testing.T) {
	v := simple(t)
	same, gone, moved, salted, other := v.head, *simple(t), *simple(t), *simple(t), *simple(t)
	gone.slots = gone.slots[1:]
	gone.make(t, luks2.MinSize)
	moved.slots[0].Area.Offset = 10 * page
	moved.make(t, luks2.MinSize)
	salted.slots[0].KDF.Salt = []byte("another")
	salted.make(t, luks2.MinSize)
	other.slots[0].Type = "other"
	other.make(t, luks2.MinSize)
	place := v.token.Far
	tests := []struct {
		name          string
		next          luks2.Copy
		from, to      uint64
		before, after error
	}{
		{"free keyslots area", same, 8 * page, 9 * page, nil, nil},
		{"between two areas", same, 10 * page, 12 * page, nil, nil},
		{"the last of the keyslots area", same, 15 * page, 20 * page, nil, nil},
		{"keyslots area and spare room", same, 16 * page, 24 * page, nil, nil},
		{"a byte of the primary", same, 0, 1, layout.ErrOwner, layout.ErrOwner},
		{"the last byte of the primary", same, 4*page - 1, 4 * page, layout.ErrOwner, layout.ErrOwner},
		{"the secondary", same, 4 * page, 8 * page, layout.ErrOwner, layout.ErrOwner},
		{"a byte too early", same, 8*page - 1, 9 * page, layout.ErrOwner, layout.ErrOwner},
		{"a byte too far", same, 8 * page, 9*page + 1, layout.ErrOwner, layout.ErrOwner},
		{"a keyslot that stays", same, 9 * page, 10 * page, layout.ErrOwner, layout.ErrOwner},
		{"a keyslot that goes", gone.head, 9 * page, 10 * page, nil, nil},
		{"a keyslot that goes and more", gone.head, 8 * page, 12 * page, nil, nil},
		{
			"a keyslot that goes and a byte of one that stays", gone.head, 8 * page, 12*page + 1, layout.ErrOwner,
			layout.ErrOwner,
		},
		{"the old place of a keyslot that moves", moved.head, 9 * page, 10 * page, nil, nil},
		{"the new place of a keyslot that moves", moved.head, 10 * page, 11 * page, nil, layout.ErrOwner},
		{"a keyslot that is made anew in place", salted.head, 9 * page, 10 * page, nil, layout.ErrOwner},
		{"a keyslot of which something else is made", other.head, 9 * page, 10 * page, nil, layout.ErrOwner},
		{"the spare room", same, 20 * page, 24 * page, nil, nil},
		{"a byte of the data", same, 20 * page, 24*page + 1, layout.ErrOwner, layout.ErrOwner},
		{"the data", same, 24 * page, 25 * page, layout.ErrOwner, layout.ErrOwner},
		{"behind the data", same, 24*page + mib, 24*page + mib + 512, layout.ErrOwner, layout.ErrOwner},
		{"the far header's body", same, place.Start(), place.Start() + page, layout.ErrOwner, layout.ErrOwner},
		{"the far header's locator", same, place.Locator, place.Locator + page, layout.ErrOwner, layout.ErrOwner},
		{"the last byte of the device", same, v.device - 1, v.device, layout.ErrOwner, layout.ErrOwner},
		{"behind the device", same, v.device, v.device + 1, layout.ErrOwner, layout.ErrOwner},
		{"nothing behind the device", same, v.device + 1, v.device + 1, layout.ErrOwner, layout.ErrOwner},
		{"nothing at the device's end", same, v.device, v.device, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := luks2.Extent{Offset: test.from, Size: test.to - test.from}
			if err := layout.Before(v.head, test.next, v.device, w); kindOf(err) != test.before {
				t.Errorf("before: %v", err)
			}
			if err := layout.After(v.head, test.next, v.device, w); kindOf(err) != test.after {
				t.Errorf("after: %v", err)
			}
		})
	}
}

// What is in force while material is written are the heads that are there, whatever place the next ones have; once it
// is overwritten, the next ones.
func TestWritesAreHeldAgainstTheHeadsThatAreInForce(t *testing.T) {
	tests := []struct {
		name             string
		head, keys, data uint64 // of the next heads, pages
		page             uint64
		before, after    error
	}{
		{"smaller heads, in the old second one", 2, 24, 28, 6, layout.ErrOwner, nil},
		{"larger heads, in the new second one", 8, 4, 28, 15, nil, layout.ErrOwner},
		{"data farther, in the old ones", 4, 12, 40, 30, layout.ErrOwner, nil},
		{"data nearer, in the new ones", 4, 12, 24, 26, nil, layout.ErrOwner},
		{"a shorter area, in what was its end", 4, 2, 28, 19, nil, nil},
		{"a longer area, in what is its end", 4, 20, 28, 27, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := &volume{keyslots: 12 * page, data: 28 * page, device: mib}
			now.make(t, 4*page)
			next := &volume{keyslots: test.keys * page, data: test.data * page, device: mib}
			next.make(t, test.head*page)
			w := luks2.Extent{Offset: test.page * page, Size: page}
			if err := layout.Before(now.head, next.head, mib, w); kindOf(err) != test.before {
				t.Errorf("before: %v", err)
			}
			if err := layout.After(now.head, next.head, mib, w); kindOf(err) != test.after {
				t.Errorf("after: %v", err)
			}
		})
	}
}

// A far header lies behind the data; where a token says otherwise, its bytes are no room all the same.
func TestAFarHeaderIsNoRoomWhereverItLies(t *testing.T) {
	v := &volume{keyslots: 8 * page, device: 8 * mib}
	body := luks2.Extent{Offset: 2 * mib, Size: mib}
	v.token = far.Token{Phase: far.Moving, Far: far.Place{Locator: 3 * mib, Body: body}}
	v.token.To = far.Place{Locator: 5 * mib, Body: luks2.Extent{Offset: 9 * page, Size: page}}
	v.make(t, luks2.MinSize)
	for _, at := range []uint64{2 * mib, 3*mib - 1, 3 * mib, 3*mib + mib/2, 9 * page, 5 * mib} {
		for name, err := range map[string]error{
			"before": layout.Before(v.head, v.head, v.device, luks2.Extent{Offset: at, Size: 1}),
			"after":  layout.After(v.head, v.head, v.device, luks2.Extent{Offset: at, Size: 1}),
		} {
			if kindOf(err) != layout.ErrOwner || !strings.Contains(err.Error(), "far header") {
				t.Errorf("%s, byte %d: %v", name, at, err)
			}
		}
	}
	if err := layout.Before(v.head, v.head, v.device, luks2.Extent{Offset: 10 * page, Size: page}); err != nil {
		t.Error(err)
	}
}

func TestOneWrongWriteAmongGoodOnesIsRefused(t *testing.T) {
	v := simple(t)
	h := luks1.Header{KeyBytes: 32, PayloadOffset: 4096}
	for id := range h.Keyslots {
		h.Keyslots[id] = luks1.Keyslot{Flag: luks1.Disabled, Offset: 8 + uint32(id)*256, Stripes: luks1.Stripes}
	}
	good, bad := luks2.Extent{Offset: 8 * page, Size: page}, luks2.Extent{Offset: 0, Size: 512}
	for at := range 3 {
		writes := slices.Insert([]luks2.Extent{good, good}, at, bad)
		for name, err := range map[string]error{
			"before":        layout.Before(v.head, v.head, v.device, writes...),
			"after":         layout.After(v.head, v.head, v.device, writes...),
			"before, LUKS1": layout.Before1(h, h, 4*mib, writes...), "after, LUKS1": layout.After1(h, 4*mib, writes...),
		} {
			if kindOf(err) != layout.ErrOwner {
				t.Errorf("%s, number %d: %v", name, at, err)
			}
		}
	}
	if err := errors.Join(
		layout.Before(v.head, v.head, v.device, good, good), layout.After(v.head, v.head, v.device, good, good),
		layout.Before1(h, h, 4*mib, good), layout.After1(h, 4*mib, good),
	); err != nil {
		t.Error(err)
	}
}

func TestARefusalSaysWhatIsWrittenAndWhoseItIs(t *testing.T) {
	v := simple(t)
	err := layout.Before(v.head, v.head, v.device, luks2.Extent{Offset: 8 * page, Size: 6 * page})
	const want = "the bytes belong to something else: bytes 32768 to 57343 are written, and 36864 to 40959 are of the area of keyslot 3"
	if err == nil || err.Error() != want || !errors.Is(err, layout.ErrOwner) {
		t.Errorf("%v", err)
	}
	err = layout.After(v.head, v.head, v.device, luks2.Extent{Offset: v.device - 1, Size: 2})
	if err == nil || !strings.HasSuffix(err.Error(),
		"bytes 8388607 to 8388608 lie behind the end of a device of 8388608") {
		t.Errorf("%v", err)
	}
}

// A range that 64 bits cannot hold lies on no device, not on the largest one either.
func TestWritesPastTheLastNumberAreRefused(t *testing.T) {
	v := &volume{keyslots: 8 * page}
	v.make(t, luks2.MinSize)
	h := luks1.Header{KeyBytes: 1}
	for _, w := range []luks2.Extent{
		{Offset: last - 10, Size: 100},
		{Offset: last, Size: last},
		{Offset: 8 * page, Size: last},
	} {
		for _, device := range []uint64{mib, math.MaxInt64, last} {
			for name, err := range map[string]error{
				"before": layout.Before(v.head, v.head, device, w), "after": layout.After(v.head, v.head, device, w),
				"before, LUKS1": layout.Before1(h, h, device, w), "after, LUKS1": layout.After1(h, device, w),
			} {
				if kindOf(err) != layout.ErrOwner {
					t.Errorf("%s, %d bytes at %d on %d: %v", name, w.Size, w.Offset, device, err)
				}
			}
		}
	}
}

// drawWrite draws a range that begins and ends at or beside an edge.
func drawWrite(t *rapid.T, edges []uint64) luks2.Extent {
	beside := func(what string) uint64 {
		at := rapid.SampledFrom(edges).Draw(t, what)
		return max(at+rapid.Uint64Range(0, 2).Draw(t, "beside"), 1) - 1
	}
	a, b := beside("from"), beside("to")
	return luks2.Extent{Offset: min(a, b), Size: max(a, b) - min(a, b)}
}

// touched gives one byte of each run of bytes in w that has one owner.
func touched(w luks2.Extent, edges []uint64) []uint64 {
	if w.Size == 0 {
		return nil
	}
	list := []uint64{w.Offset}
	for _, at := range edges {
		if at > w.Offset && at < w.End() {
			list = append(list, at)
		}
	}
	return list
}

// succeed makes of a volume one whose keyslots went, moved, were made anew or stayed. kept are those that stayed.
func succeed(t *rapid.T, v *volume) (next *volume, kept map[int]bool) {
	n := *v
	n.slots, kept = nil, map[int]bool{}
	for _, k := range v.slots {
		switch rapid.IntRange(0, 4).Draw(t, "fate") {
		case 0:
			continue
		case 1:
			k.Area.Offset += 512
		case 2:
			k.KDF.Salt = []byte("another")
		case 3:
			k.Area.Size /= 2
		default:
			kept[k.ID] = true
		}
		n.slots = append(n.slots, k)
	}
	if rapid.Bool().Draw(t, "no far header any more") {
		n.token = far.Token{}
	}
	n.make(t, v.head.Header.Size)
	return &n, kept
}

func TestWritesAreJudgedByEachByteTheyTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVolume(t)
		next, kept := succeed(t, v)
		edges := append(v.edges(), next.edges()...)
		w := drawWrite(t, edges)
		before, after := w.End() <= v.device, w.End() <= v.device
		for _, at := range touched(w, edges) {
			now, id := v.owner(at)
			before = before && (now == layout.Free || now == layout.Spare || now == layout.Area && !kept[id])
			then, _ := next.owner(at)
			after = after && (then == layout.Free || then == layout.Spare)
		}
		if err := layout.Before(v.head, next.head, v.device, w); (err == nil) != before {
			t.Fatalf("before, %d bytes at %d: %v", w.Size, w.Offset, err)
		}
		if err := layout.After(v.head, next.head, v.device, w); (err == nil) != after {
			t.Fatalf("after, %d bytes at %d: %v", w.Size, w.Offset, err)
		}
	})
}

func TestWritesToLUKS1AreJudgedByEachByteTheyTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHeader1(t)
		device := h.MaterialRoom().End() + 512*rapid.SampledFrom([]uint64{0, 1, 3000}).Draw(t, "room")
		next := h
		for id := range h.Keyslots {
			switch rapid.IntRange(0, 3).Draw(t, "fate") {
			case 0:
				next = next.WithoutKeyslot(id)
			case 1:
				next = next.WithKeyslot(id, 2000, [luks1.SaltSize]byte{1})
			}
		}
		edges := []uint64{0, luks1.ReservedSize, uint64(h.PayloadOffset) * 512, device}
		for id := range h.Keyslots {
			offset, length := h.Material(id)
			edges = append(edges, uint64(offset), uint64(offset+length))
		}
		w := drawWrite(t, edges)
		before, after := w.End() <= device, w.End() <= device
		for _, at := range touched(w, edges) {
			now, id := owner1(h, at)
			before = before && now != layout.Primary && now != layout.Data &&
				(now != layout.Area || h.Keyslots[id] != next.Keyslots[id])
			then, _ := owner1(next, at)
			after = after && (then == layout.Free || then == layout.Spare)
		}
		if err := layout.Before1(h, next, device, w); (err == nil) != before {
			t.Fatalf("before, %d bytes at %d: %v", w.Size, w.Offset, err)
		}
		if err := layout.After1(next, device, w); (err == nil) != after {
			t.Fatalf("after, %d bytes at %d: %v", w.Size, w.Offset, err)
		}
	})
}

// The header of LUKS1 that is there says where the data lie until the next one does.
func TestWritesToLUKS1AreHeldAgainstTheHeaderThatIsInForce(t *testing.T) {
	at := func(payload uint32) luks1.Header {
		h := luks1.Header{KeyBytes: 1, PayloadOffset: payload}
		for id := range h.Keyslots {
			h.Keyslots[id] = luks1.Keyslot{Flag: luks1.Disabled, Offset: 8 + uint32(id)*8, Stripes: luks1.Stripes}
		}
		return h
	}
	w := luks2.Extent{Offset: 150 * 512, Size: 512}
	near, distant := at(100), at(200)
	if err := layout.Before1(near, distant, mib, w); kindOf(err) != layout.ErrOwner {
		t.Errorf("over data that are there: %v", err)
	}
	if err := layout.Before1(distant, near, mib, w); err != nil {
		t.Errorf("where data will be: %v", err)
	}
	if err := layout.After1(near, mib, w); kindOf(err) != layout.ErrOwner {
		t.Errorf("over data: %v", err)
	}
	if err := layout.After1(distant, mib, w); err != nil {
		t.Errorf("over what was data: %v", err)
	}
}

func TestAKeyslotIsKeptWhileAllThatTellsItIsTheSame(t *testing.T) {
	now := simple(t)
	tests := []struct {
		name   string
		change func(k *luks2.Keyslot)
		want   bool
	}{
		{"as it is", func(*luks2.Keyslot) {}, true},
		{"another priority", func(k *luks2.Keyslot) { k.Priority = luks2.PriorityIgnore }, true},
		{"another type", func(k *luks2.Keyslot) { k.Type = "other" }, false},
		{"another place", func(k *luks2.Keyslot) { k.Area.Offset += page }, false},
		{"another length", func(k *luks2.Keyslot) { k.Area.Size += page }, false},
		{"another cipher", func(k *luks2.Keyslot) { k.Area.Encryption = "aes-cbc-essiv:sha256" }, false},
		{"another salt", func(k *luks2.Keyslot) { k.KDF.Salt = []byte("another") }, false},
		{"another number", func(k *luks2.Keyslot) { k.ID = 5 }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			next := simple(t)
			test.change(&next.slots[0])
			next.make(t, luks2.MinSize)
			if layout.Keeps(now.head, next.head, 3) != test.want || layout.Keeps(next.head, now.head, 3) != test.want {
				t.Errorf("want %t", test.want)
			}
			if !layout.Keeps(now.head, next.head, 1) || layout.Keeps(now.head, next.head, 7) {
				t.Error("the others")
			}
		})
	}
}

// Of a type that is not known here nothing but the name is looked at.
func TestAKeyslotOfAnotherUnknownTypeIsNotKept(t *testing.T) {
	of := func(kind string) luks2.Copy {
		v := &volume{keyslots: 8 * page, slots: []luks2.Keyslot{slotAt(0, 8*page, page)}}
		v.slots[0].Type = kind
		v.make(t, luks2.MinSize)
		return v.head
	}
	if layout.Keeps(of("of one"), of("of another"), 0) || !layout.Keeps(of("of one"), of("of one"), 0) {
		t.Error("the type tells them apart")
	}
}

func TestALargerSecondHeadDoesNotReachIntoTheDataWithASector(t *testing.T) {
	for data, want := range map[uint64]error{32*page - 512: layout.ErrOwner, 32 * page: nil} {
		now := &volume{keyslots: 4 * page, data: data, device: mib}
		now.make(t, luks2.MinSize)
		next := luks2.Copy{Header: luks2.Header{Size: 16 * page}, Metadata: now.head.Metadata}
		if err := layout.Heads(now.head, next, mib); kindOf(err) != want {
			t.Errorf("data at %d: %v", data, err)
		}
	}
}

func TestHeadsOfAnotherSizeGoWhereNothingIsNamed(t *testing.T) {
	const small, large = luks2.MinSize, 4 * luks2.MinSize // 4 and 16 pages; the secondary of the large on 16 to 31
	tests := []struct {
		name      string
		from, to  uint64
		slot      uint64 // page of the only keyslot
		keyslots  uint64 // length of the keyslots area, pages
		data      uint64 // page
		want      error
		otherSize bool
	}{
		{"the same size", small, small, 8, 12, 64, nil, false},
		{"larger, into free keyslots area", small, large, 8, 56, 64, nil, true},
		{"larger, into the spare room", small, large, 8, 4, 64, nil, true},
		{"larger, over the last page of a keyslot", small, large, 15, 56, 64, layout.ErrOwner, true},
		{"larger, just before a keyslot", small, large, 32, 56, 64, nil, true},
		{"larger, over the first page of a keyslot", small, large, 31, 56, 64, layout.ErrOwner, true},
		{"larger, up to the data", small, large, 8, 4, 32, nil, true},
		{"larger, into the data", small, large, 8, 4, 31, layout.ErrOwner, true},
		{"smaller, into the first head", large, small, 40, 16, 64, nil, true},
		{"smaller by one step", 2 * small, small, 40, 40, 64, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := &volume{
				keyslots: test.keyslots * page, data: test.data * page, device: 8 * mib,
				slots: []luks2.Keyslot{slotAt(0, test.slot*page, 2*page)},
			}
			next := *now
			now.make(t, test.from)
			next.make(t, test.to)
			if err := layout.Heads(now.head, next.head, now.device); kindOf(err) != test.want {
				t.Error(err)
			}
		})
	}
}

func TestALargerSecondHeadDoesNotGoOverAFarHeader(t *testing.T) {
	now := &volume{keyslots: 8 * page, data: mib, length: 512, device: 8 * mib}
	body := luks2.Extent{Offset: 2 * mib, Size: mib}
	now.token = far.Token{Phase: far.Stable, Far: far.Place{Locator: 3 * mib, Body: body}}
	now.make(t, luks2.MinSize)
	next := luks2.Copy{Header: luks2.Header{Size: 2 * mib}, Metadata: now.head.Metadata}
	err := layout.Heads(now.head, next, now.device)
	if kindOf(err) != layout.ErrOwner || !strings.Contains(err.Error(), "far header") {
		t.Error(err)
	}
}

// The secondary of the first size never lies where the one of another size goes, and no head goes over itself.
func TestHeadsOfAnySizesAreJudgedByTheFirstOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVolume(t)
		size := rapid.SampledFrom(luks2.Sizes()).Draw(t, "next")
		next := luks2.Copy{Header: luks2.Header{Size: size}, Metadata: v.head.Metadata}
		free := true
		if now := v.head.Header.Size; size != now {
			at := luks2.Extent{Offset: size, Size: size}
			for _, b := range touched(at.Clip(v.device), v.edges()) {
				owner, _ := v.owner(b)
				free = free && (owner == layout.Free || owner == layout.Spare || owner == layout.Primary)
			}
		}
		if err := layout.Heads(v.head, next, v.device); (err == nil) != free {
			t.Fatalf("from %d to %d: %v", v.head.Header.Size, size, err)
		}
	})
}

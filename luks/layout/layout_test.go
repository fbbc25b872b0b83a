// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// partition fails unless the ranges are the bytes 0 to size, ascending, each once.
func partition(t rapid.TB, l layout.Layout, size uint64) {
	t.Helper()
	at := uint64(0)
	for _, r := range l.Ranges {
		if r.Offset != at || r.Size == 0 || r.End()-r.Offset != r.Size {
			t.Fatalf("byte %d is followed by %d to %d of the %v", at, r.Offset, r.End(), r)
		}
		if (r.Owner == layout.Area) != (r.Keyslot >= 0) {
			t.Fatalf("keyslot %d of the %v", r.Keyslot, r)
		}
		at = r.End()
	}
	if at != size || l.Size != size {
		t.Fatalf("ends at %d, says %d, want %d", at, l.Size, size)
	}
}

func TestEveryByteHasTheOwnerThatTheHeadsName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVolume(t)
		l := layout.Of(v.head, v.device, v.token)
		partition(t, l, v.device)
		for _, r := range l.Ranges {
			for _, at := range []uint64{r.Offset, rapid.Uint64Range(r.Offset, r.End()-1).Draw(t, "byte"), r.End() - 1} {
				if owner, id := v.owner(at); owner != r.Owner || id != r.Keyslot {
					t.Fatalf("byte %d is of the %v, want %v %d", at, r, owner, id)
				}
			}
		}
	})
}

func TestEveryByteOfLUKS1HasTheOwnerThatTheHeaderNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHeader1(t)
		device := uint64(h.MaterialRoom().End()) + 512*rapid.SampledFrom([]uint64{0, 1, 3000, 1 << 30}).Draw(t, "room")
		l := layout.Of1(h, device)
		partition(t, l, device)
		for _, r := range l.Ranges {
			for _, at := range []uint64{r.Offset, rapid.Uint64Range(r.Offset, r.End()-1).Draw(t, "byte"), r.End() - 1} {
				if owner, id := owner1(h, at); owner != r.Owner || id != r.Keyslot {
					t.Fatalf("byte %d is of the %v, want %v %d", at, r, owner, id)
				}
			}
		}
	})
}

// Heads of a hostile volume may say anything; each byte has one owner all the same.
func TestNumbersOfAnySizeLeaveEachByteOneOwner(t *testing.T) {
	number := rapid.OneOf(
		rapid.Uint64(), rapid.Uint64Range(0, 10*mib), rapid.Uint64Range(last-10*mib, last),
		rapid.SampledFrom([]uint64{0, 512, page, last, last - 1, last - page + 1, 1 << 63, 1<<63 - 1}),
	)
	rapid.Check(t, func(t *rapid.T) {
		place := func() far.Place {
			return far.Place{
				Locator: number.Draw(t, "locator"),
				Body:    luks2.Extent{Offset: number.Draw(t, "body"), Size: number.Draw(t, "length")},
			}
		}
		v := &volume{
			keyslots: number.Draw(t, "keyslots area"), data: number.Draw(t, "data"), length: number.Draw(t, "size"),
			device: number.Draw(t, "device"), token: far.Token{Phase: far.Moving, Far: place(), To: place()},
		}
		for id := range 3 {
			v.slots = append(v.slots, slotAt(id, number.Draw(t, "area"), number.Draw(t, "length")))
		}
		v.make(t, rapid.SampledFrom(luks2.Sizes()).Draw(t, "head"))
		partition(t, layout.Of(v.head, v.device, v.token), v.device)
	})
}

// The lengths of the segments are added up, and may come to more than 64 bits hold.
func TestDataThatReachPastTheLastNumberReachToTheDevicesEnd(t *testing.T) {
	m := luks2.NewMetadata(luks2.MinSize, 8*page)
	m.AddCrypt(luks2.Segment{Offset: mib, Size: last - 2*mib + 1, Encryption: "aes-xts-plain64", SectorSize: 512})
	m.AddCrypt(luks2.Segment{Offset: 2 * mib, Dynamic: true, Encryption: "aes-xts-plain64", SectorSize: 512})
	text := bytes.Replace(m.Text(), []byte(`"iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}}`),
		[]byte(`"iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512,"flags":["backup-final"]}}`), 1)
	m, err := luks2.ParseMetadata(text)
	if err != nil || m.DataOffset() != 2*mib {
		t.Fatalf("%s: %v", text, err)
	}
	l := layout.Of(luks2.Copy{Header: luks2.Header{Size: luks2.MinSize}, Metadata: m}, 8*mib, far.Token{})
	partition(t, l, 8*mib)
	if r := l.Ranges[len(l.Ranges)-1]; r.Owner != layout.Data || r.Offset != 2*mib {
		t.Errorf("ends with %d to %d of the %v", r.Offset, r.End(), r)
	}
}

func TestLUKS1NumbersOfAnySizeLeaveEachByteOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := luks1.Header{KeyBytes: rapid.Uint32().Draw(t, "key"), PayloadOffset: rapid.Uint32().Draw(t, "payload")}
		for id := range h.Keyslots {
			h.Keyslots[id] = luks1.Keyslot{
				Flag:   rapid.SampledFrom([]luks1.Flag{luks1.Enabled, luks1.Disabled, 7}).Draw(t, "flag"),
				Offset: rapid.Uint32().Draw(t, "offset"), Stripes: luks1.Stripes,
			}
		}
		device := rapid.Uint64().Draw(t, "device")
		partition(t, layout.Of1(h, device), device)
	})
}

func TestAKeyslotInUseOwnsWhatADisabledOneClaimsAsWell(t *testing.T) {
	h := luks1.Header{KeyBytes: 32}
	for id := range h.Keyslots {
		h.Keyslots[id] = luks1.Keyslot{Flag: luks1.Disabled, Offset: 8, Stripes: luks1.Stripes}
	}
	h = h.WithKeyslot(5, 1000, [luks1.SaltSize]byte{})
	if got := layout.Of1(h, mib).In(luks2.Extent{Offset: 4096, Size: 128000}); len(got) != 1 || got[0].Keyslot != 5 {
		t.Errorf("%v", got)
	}
}

func TestInClipsToTheRangeThatWasAskedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVolume(t)
		l := layout.Of(v.head, v.device, v.token)
		e := luks2.Extent{Offset: rapid.SampledFrom(v.edges()).Draw(t, "from")}
		e.Offset -= min(rapid.Uint64Range(0, 2).Draw(t, "before"), e.Offset)
		size := rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64Range(0, 40*mib), rapid.Just(uint64(last)))
		e.Size = size.Draw(t, "size")
		at := e.Offset
		for _, r := range l.In(e) {
			owner, id := v.owner(at)
			if r.Offset != at || r.Size == 0 || r.Owner != owner || r.Keyslot != id {
				t.Fatalf("byte %d: %d to %d of the %v", at, r.Offset, r.End(), r)
			}
			at = r.End()
		}
		if want := min(e.End(), v.device); at != max(want, e.Offset) {
			t.Fatalf("ends at %d, want %d", at, want)
		}
	})
}

// memory is a device in memory.
type memory struct{ *bytes.Reader }

func (memory) Sync() error                        { return nil }
func (memory) WriteAt([]byte, int64) (int, error) { panic("reading writes") }

func TestRecordedVolumesAreCutAsTheirDumpsSay(t *testing.T) {
	areas := map[string]int{}
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			dev, l, areaOf := memory{bytes.NewReader(image)}, layout.Layout{}, "Key material offset"
			if m.LUKS1() {
				h, err := header.Read1(dev)
				if err != nil {
					t.Fatal(err)
				}
				l = layout.Of1(h, uint64(len(image)))
			} else {
				choice, err := header.Choose(header.Read(dev))
				if err != nil {
					t.Fatal(err)
				}
				l, areaOf = layout.Of(choice.Copy, uint64(len(image)), far.Token{}), "Area offset"
			}
			partition(t, l, uint64(m.Size))
			data := l.Ranges[len(l.Ranges)-1]
			if data.Owner != layout.Data || data.Offset != uint64(m.DataOffset) {
				t.Errorf("ends with %d to %d of the %v", data.Offset, data.End(), data)
			}
			for _, r := range l.Ranges {
				if r.Owner == layout.Area {
					areas[m.Name]++
					if !dumped(vectors.Dump(m.Name), areaOf, r.Offset, m.LUKS1()) {
						t.Errorf("the dump has no area at %d", r.Offset)
					}
				}
			}
			if areas[m.Name] == 0 {
				t.Error("no area")
			}
		})
	}
}

// dumped tells whether luksDump names that place, which it gives in sectors for LUKS1 and in bytes for LUKS2.
func dumped(dump, field string, at uint64, sectors bool) bool {
	if sectors {
		at /= 512
	}
	for line := range bytes.Lines([]byte(dump)) {
		name, value, found := bytes.Cut(line, []byte(":"))
		if found && string(bytes.TrimSpace(name)) == field {
			var n uint64
			if _, err := fmt.Sscan(string(value), &n); err == nil && n == at {
				return true
			}
		}
	}
	return false
}

func TestEveryOwnerHasAName(t *testing.T) {
	names := map[string]bool{}
	for o := layout.Primary; o <= layout.Nobody; o++ {
		names[layout.Range{Owner: o, Keyslot: 3}.String()] = true
	}
	if len(names) != 8 || !names["area of keyslot 3"] || !names["far header"] || !names["room behind the data"] {
		t.Errorf("%v", names)
	}
}

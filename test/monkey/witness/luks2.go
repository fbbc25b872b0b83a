// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// metadata is as much of the JSON as matters.
type metadata struct {
	Keyslots map[string]struct {
		Type     string
		KeySize  int `json:"key_size"`
		Priority *int
		Area     struct {
			Offset, Size, Encryption string
			KeySize                  int `json:"key_size"`
		}
		AF struct {
			Stripes int
			Hash    string
		}
		KDF struct {
			Type, Hash, Salt string
			Iterations       int
		}
	}
	Tokens   map[string]json.RawMessage
	Segments map[string]struct {
		Type, Offset, Size, Encryption string
		Flags                          []string
		SectorSize                     int64  `json:"sector_size"`
		IVTweak                        string `json:"iv_tweak"`
	}
	Digests map[string]struct {
		Type, Hash, Salt, Digest string
		Iterations               int
		Keyslots, Segments       []string
	}
	Config struct {
		JSONSize     string `json:"json_size"`
		KeyslotsSize string `json:"keyslots_size"`
		Flags        []string
		Requirements json.RawMessage
	}
}

// luks2 reads the copy at an offset; nil where none is valid there. What is valid for this reader may have a
// problem for others.
func (s source) luks2(at int64) (*View, error) {
	b := make([]byte, 4096)
	if _, err := s.r.ReadAt(b, s.base+at); err != nil {
		return nil, nil
	}
	magic := "LUKS\xba\xbe\x00\x02"
	if at > 0 {
		magic = "SKUL\xba\xbe\x00\x02"
	}
	size := int64(binary.BigEndian.Uint64(b[8:]))
	if string(b[:8]) != magic || !slices.Contains(offsets, size) || int64(binary.BigEndian.Uint64(b[256:])) != at || at > 0 && size != at {
		return nil, nil
	}
	whole := make([]byte, size)
	if _, err := s.r.ReadAt(whole, s.base+at); err != nil {
		return nil, nil
	}
	sum := append([]byte{}, whole[448:448+sha256.Size]...)
	clear(whole[448:512])
	if want := sha256.Sum256(whole); !bytes.Equal(sum, want[:]) {
		return nil, nil
	}
	text, _, _ := bytes.Cut(whole[4096:], []byte{0})
	var m metadata
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, nil
	}
	v := &View{
		Version: 2, UUID: cstring(whole[168:208]), Label: cstring(whole[24:72]), Subsystem: cstring(whole[208:256]),
		SeqID: binary.BigEndian.Uint64(whole[16:]), HeaderSize: size, KeyslotsSize: number(m.Config.KeyslotsSize),
	}
	v.fill(m)
	s.slots2(v, m)
	if v.Problem == "" {
		v.Problem = s.problem(v, m)
	}
	return v, nil
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// fill takes over what is not about keyslots.
func (v *View) fill(m metadata) {
	flags := slices.Clone(m.Config.Flags)
	sort.Strings(flags)
	v.Flags, v.Requirements = strings.Join(flags, ","), string(m.Config.Requirements)
	if v.Requirements == "{}" {
		v.Requirements = ""
	}
	segment := m.Segments["0"]
	v.DataOffset, v.Cipher, v.Sector = number(segment.Offset), segment.Encryption, segment.SectorSize
	if segment.Size != "dynamic" {
		v.DataSize = number(segment.Size)
	}
	v.Tokens = map[int]Token{}
	for id, text := range m.Tokens {
		v.Tokens[int(number(id))] = token(text)
	}
}

func token(text json.RawMessage) Token {
	var fields map[string]json.RawMessage
	var list []string
	t := Token{}
	if json.Unmarshal(text, &fields) != nil {
		return Token{Text: string(text)}
	}
	_ = json.Unmarshal(fields["type"], &t.Type)
	_ = json.Unmarshal(fields["keyslots"], &list)
	delete(fields, "keyslots")
	rest, _ := json.Marshal(fields)
	t.Text = string(rest)
	for _, id := range list {
		t.Keyslots = append(t.Keyslots, int(number(id)))
	}
	sort.Ints(t.Keyslots)
	return t
}

// slots2 opens the keyslots.
func (s source) slots2(v *View, m metadata) {
	v.Slots = map[int]Slot{}
	for name, k := range m.Keyslots {
		slot := Slot{Priority: 1, Unbound: true, Offset: number(k.Area.Offset), Size: number(k.Area.Size)}
		if k.Priority != nil {
			slot.Priority = *k.Priority
		}
		l := lock{
			hash: k.KDF.Hash, iterations: k.KDF.Iterations, areaKey: k.Area.KeySize, cipher: k.Area.Encryption,
			stripes: k.AF.Stripes, afHash: k.AF.Hash, keySize: k.KeySize,
		}
		l.salt, _ = base64.StdEncoding.DecodeString(k.KDF.Salt)
		for id, d := range m.Digests {
			if !slices.Contains(d.Keyslots, name) {
				continue
			}
			slot.Digest = id
			l.digestHash, l.digestIterations = d.Hash, d.Iterations
			l.digestSalt, _ = base64.StdEncoding.DecodeString(d.Salt)
			l.digest, _ = base64.StdEncoding.DecodeString(d.Digest)
			if len(d.Segments) > 0 {
				slot.Unbound = false
			}
		}
		if area := s.area(slot.Offset, slot.Size); area == nil {
			v.Problem = "keyslot " + name + " lies behind the device's end"
		} else if k.Type == "luks2" {
			slot.Name, slot.Key = s.keys.open(l, area)
		}
		v.Slots[int(number(name))] = slot
	}
	for _, d := range m.Digests {
		if len(d.Segments) > 0 {
			v.Digest = d.Digest
		}
	}
}

// problem tells why a reader would refuse the copy on this device.
func (s source) problem(v *View, m metadata) string {
	end := 2*v.HeaderSize + v.KeyslotsSize
	switch {
	case number(m.Config.JSONSize) != v.HeaderSize-4096:
		return "json_size is not what the header's size says"
	case v.KeyslotsSize < 0 || v.KeyslotsSize%4096 != 0 || v.KeyslotsSize > 128<<20:
		return fmt.Sprintf("keyslots_size %d", v.KeyslotsSize)
	case end > s.room:
		return fmt.Sprintf("heads and keyslots area claim %d bytes of %d", end, s.room)
	case v.DataOffset > 0 && end > v.DataOffset:
		return fmt.Sprintf("heads and keyslots area claim %d bytes, the data begin at %d", end, v.DataOffset)
	}
	type area struct{ from, to int64 }
	var areas []area
	for _, k := range m.Keyslots {
		a := area{number(k.Area.Offset), number(k.Area.Offset) + number(k.Area.Size)}
		if a.from < 2*v.HeaderSize || a.to > end {
			return fmt.Sprintf("a keyslot area at %d to %d lies outside %d to %d", a.from, a.to, 2*v.HeaderSize, end)
		}
		areas = append(areas, a)
	}
	sort.Slice(areas, func(i, j int) bool { return areas[i].from < areas[j].from })
	for i := 1; i < len(areas); i++ {
		if areas[i].from < areas[i-1].to {
			return fmt.Sprintf("keyslot areas overlap at %d", areas[i].from)
		}
	}
	return ""
}

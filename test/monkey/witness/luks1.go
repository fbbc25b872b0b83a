// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	slots1  = 8
	active1 = 0x00ac71f3
)

func cstring(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	return text
}

// luks1 reads a header of version 1 from its first 4096 bytes.
func (s source) luks1(b []byte) (*View, error) {
	u32 := func(at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	keySize := u32(108)
	v := &View{
		Version: 1, UUID: cstring(b[168:208]), Cipher: cstring(b[8:40]) + "-" + cstring(b[40:72]), Sector: sectorSize,
		DataOffset: int64(u32(104)) * sectorSize, Digest: hex.EncodeToString(b[112:132]), Slots: map[int]Slot{},
		Tokens: map[int]Token{},
	}
	l := lock{
		hash: cstring(b[72:104]), afHash: cstring(b[72:104]), cipher: v.Cipher, areaKey: keySize, keySize: keySize,
		digestHash: cstring(b[72:104]), digest: b[112:132], digestSalt: b[132:164], digestIterations: u32(164),
	}
	for id := range slots1 {
		at := 208 + 48*id
		if u32(at) != active1 {
			continue
		}
		l.iterations, l.salt, l.stripes = u32(at+4), b[at+8:at+40], u32(at+44)
		slot := Slot{Priority: 1, Offset: int64(u32(at+40)) * sectorSize, Size: int64(roundUp(keySize*l.stripes,
			sectorSize))}
		if area := s.area(slot.Offset, slot.Size); area != nil {
			slot.Name, slot.Key = s.keys.open(l, area)
		} else {
			v.Problem = fmt.Sprintf("keyslot %d lies behind the device's end", id)
		}
		v.Slots[id] = slot
	}
	return v, nil
}

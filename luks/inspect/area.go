// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"errors"
	"io"
	"math"

	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// AreaState says what can be told of key material without a passphrase.
type AreaState string

// The states.
const (
	Plausible  AreaState = "plausible"  // looks like encrypted data, which proves nothing
	Ruined     AreaState = "damaged"    // holds bytes that cannot be encrypted data
	Unreadable AreaState = "unreadable" // the device gave an error
	Cut        AreaState = "cut off"    // lies, at least in part, behind the device's end
	Unjudged   AreaState = "not judged" // unknown type, or stored in clear
)

// Area is a keyslot's area as it was found.
type Area struct {
	Keyslot  int
	Offset   uint64
	Size     uint64
	State    AreaState
	Entropy  float64 // bits for each byte of the material; 0 where not judged
	Damage   int64   // offset on the device of the first implausible sector; -1 for none
	Err      error   // of reading
	material uint64  // bytes in use
	encoded  bool    // encrypted by a cipher
}

func area2(slot luks2.Keyslot) Area {
	a := Area{Keyslot: slot.ID, Offset: slot.Area.Offset, Size: slot.Area.Size, Damage: -1}
	if slot.Type == luks2.TypeLUKS2 {
		spec := keyslot.Spec{KeySize: int(slot.KeySize), Stripes: int(slot.AF.Stripes)}
		a.encoded = slot.KeySize > 0 && slot.KeySize <= keyslot.MaxKeySize && spec.Stripes == luks1.Stripes &&
			!sector.IsNull(slot.Area.Encryption)
		if a.encoded {
			a.material = min(uint64(spec.MaterialSize()), a.Size)
		}
	}
	return a
}

func area1(h luks1.Header, id int) Area {
	offset, length := h.Material(id)
	a := Area{Keyslot: id, Offset: uint64(offset), Size: uint64(length), Damage: -1}
	a.encoded = !sector.IsNull(h.Encryption()) && h.KeyBytes <= keyslot.MaxKeySize
	if a.encoded {
		a.material = a.Size
	}
	return a
}

// readArea reads the material into scratch, which it returns for the next one, and judges it.
func readArea(dev Device, a Area, scratch []byte) (Area, []byte) {
	a.State = Unjudged
	if a.Offset+a.Size > uint64(max(dev.Size(), 0)) {
		a.State = Cut
		return a, scratch
	}
	if !a.encoded {
		return a, scratch
	}
	if uint64(cap(scratch)) < a.material {
		scratch = make([]byte, a.material)
	}
	material := scratch[:a.material]
	if n, err := dev.ReadAt(material, int64(a.Offset)); n < len(material) {
		a.State, a.Err = Unreadable, err
		if errors.Is(err, io.EOF) {
			a.State = Cut
		}
		return a, scratch
	}
	a.State, a.Entropy = Plausible, entropy(material)
	if at := keyslot.Damaged(material); at >= 0 {
		a.State, a.Damage = Ruined, int64(a.Offset)+int64(at)
	}
	return a, scratch
}

// entropy is Shannon's measure of the byte values, in bits for each byte: 8 for noise.
func entropy(p []byte) float64 {
	if len(p) == 0 {
		return 0
	}
	length := len(p)
	var counts [4][256]uint32 // four, so that equal neighbours do not wait for each other
	for len(p) >= 4 {
		counts[0][p[0]]++
		counts[1][p[1]]++
		counts[2][p[2]]++
		counts[3][p[3]]++
		p = p[4:]
	}
	for _, b := range p {
		counts[0][b]++
	}
	bits := 0.0
	for b := range counts[0] {
		if n := counts[0][b] + counts[1][b] + counts[2][b] + counts[3][b]; n > 0 {
			share := float64(n) / float64(length)
			bits -= share * math.Log2(share)
		}
	}
	return math.Round(bits*1000) / 1000
}

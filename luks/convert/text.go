// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The members in the order in which cryptsetup's conversion writes them.
type (
	textKDF struct {
		Type       string `json:"type"`
		Hash       string `json:"hash"`
		Iterations uint32 `json:"iterations"`
		Salt       []byte `json:"salt"`
	}
	textAF struct {
		Type    string `json:"type"`
		Hash    string `json:"hash"`
		Stripes uint32 `json:"stripes"`
	}
	textArea struct {
		Type       string `json:"type"`
		Encryption string `json:"encryption"`
		KeySize    uint32 `json:"key_size"`
		Offset     uint64 `json:"offset,string"`
		Size       uint64 `json:"size,string"`
	}
	textKeyslot struct {
		Type    string   `json:"type"`
		KeySize uint32   `json:"key_size"`
		KDF     textKDF  `json:"kdf"`
		AF      textAF   `json:"af"`
		Area    textArea `json:"area"`
	}
	textSegment struct {
		Type       string `json:"type"`
		Offset     uint64 `json:"offset,string"`
		IVTweak    string `json:"iv_tweak"`
		Size       string `json:"size"`
		Encryption string `json:"encryption"`
		SectorSize int    `json:"sector_size"`
	}
	textDigest struct {
		Type       string   `json:"type"`
		Keyslots   []string `json:"keyslots"`
		Segments   []string `json:"segments"`
		Hash       string   `json:"hash"`
		Salt       []byte   `json:"salt"`
		Digest     []byte   `json:"digest"`
		Iterations uint32   `json:"iterations"`
	}
	textConfig struct {
		JSONSize     uint64 `json:"json_size,string"`
		KeyslotsSize uint64 `json:"keyslots_size,string"`
	}
	text struct {
		Keyslots map[string]textKeyslot `json:"keyslots"`
		Tokens   struct{}               `json:"tokens"`
		Segments map[string]textSegment `json:"segments"`
		Digests  map[string]textDigest  `json:"digests"`
		Config   textConfig             `json:"config"`
	}
)

// copyOf is the LUKS2 header that says what h says, with the keyslots at the places given (bytes).
// Keyslot ids of both may differ: a keyslot is known by its place.
func copyOf(h luks1.Header, at map[int]uint64, length, keyslotsSize uint64) luks2.Copy {
	digest := textDigest{
		Type: "pbkdf2", Keyslots: []string{}, Segments: []string{"0"}, Hash: h.HashSpec,
		Salt: h.DigestSalt[:], Digest: h.Digest[:], Iterations: h.DigestIterations,
	}
	t := text{
		Keyslots: map[string]textKeyslot{},
		Segments: map[string]textSegment{"0": {
			Type: "crypt", Offset: uint64(h.PayloadOffset) * luks1.SectorSize, IVTweak: "0", Size: "dynamic",
			Encryption: h.Encryption(), SectorSize: 512,
		}},
		Config: textConfig{JSONSize: headSize - luks2.BinarySize, KeyslotsSize: keyslotsSize},
	}
	for id := range luks1.KeyslotCount {
		offset, found := at[id]
		if !found {
			continue
		}
		name := strconv.Itoa(id)
		t.Keyslots[name] = keyslotText(h, slotAt(h, offset), offset, length)
		digest.Keyslots = append(digest.Keyslots, name)
	}
	t.Digests = map[string]textDigest{"0": digest}
	return luks2.Copy{
		Header:   luks2.Header{Size: headSize, SeqID: firstSeqID, Algorithm: "sha256", UUID: h.UUID},
		Metadata: t.metadata(),
	}
}

func slotAt(h luks1.Header, offset uint64) luks1.Keyslot {
	for _, k := range h.Keyslots {
		if k.Enabled() && uint64(k.Offset)*luks1.SectorSize == offset {
			return k
		}
	}
	panic(fmt.Sprintf("convert: no keyslot at byte %d of a header that was just searched", offset))
}

func keyslotText(h luks1.Header, k luks1.Keyslot, offset, length uint64) textKeyslot {
	return textKeyslot{
		Type: luks2.TypeLUKS2, KeySize: h.KeyBytes,
		KDF:  textKDF{Type: "pbkdf2", Hash: h.HashSpec, Iterations: k.Iterations, Salt: k.Salt[:]},
		AF:   textAF{Type: "luks1", Hash: h.HashSpec, Stripes: k.Stripes},
		Area: textArea{Type: "raw", Encryption: h.Encryption(), KeySize: h.KeyBytes, Offset: offset, Size: length},
	}
}

// metadata cannot fail: names in a LUKS1 header are printable, and the rest are numbers.
func (t text) metadata() *luks2.Metadata {
	p, err := json.Marshal(t)
	if err != nil {
		panic("convert: encoding: " + err.Error())
	}
	m, err := luks2.ParseMetadata(p)
	if err != nil {
		panic("convert: parsing what was encoded: " + err.Error())
	}
	return m
}

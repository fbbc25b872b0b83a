// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Kind says what a piece is.
type Kind string

// The kinds, from the best to the least.
const (
	Head      Kind = "header"
	Wiped     Kind = "header without its magic"
	Text      Kind = "metadata without its header"
	LUKS1     Kind = "LUKS1 header"
	LUKS1Gone Kind = "LUKS1 header without its magic"
)

// piece is one thing that was found.
type piece struct {
	kind Kind
	at   int64 // bytes from the start of the device
	copy luks2.Copy
	old  luks1.Header
}

// base is where the piece says that its partition begins. A Text does not say.
func (p piece) base() int64 { return p.at - int64(p.copy.Header.Offset) }

func (s *search) keep(p piece) {
	if p.copy.Metadata != nil {
		s.texts += int(p.copy.Metadata.JSONSize())
	}
	if len(s.pieces) == maxPieces || s.texts > maxText {
		s.result.Truncated = true
		return
	}
	s.pieces = append(s.pieces, p)
}

// examineHead verifies what looks like a head by its first sector.
func (s *search) examineHead(sector []byte, at int64) {
	switch version, _ := resembles(sector); version {
	case 1:
		if !s.afford(luks1.ReservedSize) {
			return
		}
		h, wiped, err := DecodeLUKS1(s.whole(at, luks1.ReservedSize))
		if err != nil {
			return
		}
		kind := LUKS1
		if wiped {
			kind = LUKS1Gone
		}
		s.keep(piece{kind: kind, at: at, old: h})
	case 2:
		size := binary.BigEndian.Uint64(sector[atSize:])
		if own := binary.BigEndian.Uint64(sector[atOffset:]); !luks2.LegalSize(size) || own != 0 && own != size ||
			!s.afford(int64(size)) {
			return
		}
		c, wiped, err := DecodeCopy(s.whole(at, size))
		if err != nil {
			return
		}
		kind := Head
		if wiped {
			kind = Wiped
		}
		s.keep(piece{kind: kind, at: at, copy: c})
	}
}

// examineText verifies what looks like metadata. Bytes behind the object do not matter.
func (s *search) examineText(at int64) {
	m := parseText(s.text(at))
	if m == nil {
		return
	}
	size := m.JSONSize() + luks2.BinarySize
	if !luks2.LegalSize(size) || m.Validate(size) != nil {
		return
	}
	h := s.remains(at-luks2.BinarySize, size)
	s.keep(piece{kind: Text, at: at, copy: luks2.Copy{Header: h, Metadata: m}})
}

// text reads a metadata area up to its first NUL, or as far as an area can reach.
func (s *search) text(at int64) []byte {
	for n := int64(16 << 10); ; n *= 4 {
		n = min(n, luks2.MaxSize-luks2.BinarySize, s.size-at)
		if !s.afford(n) {
			return nil
		}
		p := make([]byte, n)
		readAround(s.src, p, at, func(int64, int64) {})
		if end := bytes.IndexByte(p, 0); end >= 0 {
			return p[:end]
		}
		if n == luks2.MaxSize-luks2.BinarySize || n == s.size-at {
			return p
		}
	}
}

func parseText(p []byte) *luks2.Metadata {
	var object json.RawMessage
	if json.NewDecoder(bytes.NewReader(p)).Decode(&object) != nil {
		return nil
	}
	m, err := luks2.ParseMetadata(object)
	if err != nil {
		return nil
	}
	return m
}

// remains takes from a damaged binary header what still makes sense, and fills in the rest.
func (s *search) remains(at int64, size uint64) luks2.Header {
	h := luks2.Header{Size: size, SeqID: 1, Algorithm: "sha256"}
	p := s.whole(at, luks2.BinarySize)
	if p == nil {
		return h
	}
	old, _ := luks2.DecodeHeader(p, binary.BigEndian.Uint64(p[atOffset:]))
	if isUUID(old.UUID) {
		h.UUID, h.SeqID = old.UUID, max(old.SeqID, 1)
	}
	return h
}

// isUUID: 36 characters, digits and dashes in their places.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		digit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash != (c == '-') || !dash && !digit {
			return false
		}
	}
	return true
}

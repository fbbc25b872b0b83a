// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// The passphrases of all volumes here; vectors.K0 and vectors.K1 open the recorded ones.
const fresh = "a new passphrase"

func passphrases() []string { return []string{vectors.K0, vectors.K1, fresh} }

// readOnly makes a device of an image.
type readOnly struct{ *disk.Image }

func (readOnly) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }
func (readOnly) Sync() error                        { return nil }

// load reads the metadata of an image.
func load(m *disk.Image) (*luks.Volume, error) {
	return luks.Load(context.Background(), readOnly{m})
}

// metadataRanges is where metadata of the volume is read, and looked for when a head is missing.
func metadataRanges(v *luks.Volume) []disk.Range {
	list := []disk.Range{{Length: headsEnd(v)}}
	for _, size := range luks2.Sizes() {
		if at := int64(size); at >= headsEnd(v) {
			list = append(list, disk.Range{Offset: at, Length: luks2.BinarySize})
		}
	}
	return list
}

// facts is the part of a volume's metadata that is not secret and not random: what an operation
// changes, or must not change.
func facts(v *luks.Volume) string {
	var b strings.Builder
	fmt.Fprintf(&b, "LUKS%d %s %q %q %+v\n", v.Version, v.UUID, v.Label, v.Subsystem, v.Data)
	if v.Version == 1 { // the keyslots of LUKS1 change one by one: those that open are judged
		fmt.Fprintf(&b, "hash %s", v.LUKS1.HashSpec)
		return b.String()
	}
	for _, k := range v.Keyslots {
		fmt.Fprintf(&b, "keyslot %d %s %d %v %d\n", k.ID, k.Type, k.Priority, k.Unbound, k.Area.Size)
	}
	m := v.Metadata()
	for _, t := range m.Tokens() {
		if t.Type == relocate.TokenType { // the note of a change that takes more than one commit
			continue
		}
		fmt.Fprintf(&b, "token %+v\n", t)
	}
	for _, d := range m.Digests() {
		fmt.Fprintf(&b, "digest %d %v %v\n", d.ID, d.Keyslots, d.Segments)
	}
	fmt.Fprintf(&b, "segments %+v flags %v", m.Segments(), m.Flags())
	return b.String()
}

// headSize is the length of the LUKS1 header, or of one LUKS2 head, in bytes.
func headSize(v *luks.Volume) int64 {
	if v.Version == 1 {
		return 2 * disk.SectorSize
	}
	return int64(v.Choice.Copy.Header.Size)
}

// heads are the ranges of the heads.
func heads(v *luks.Volume) []disk.Range {
	size := headSize(v)
	if v.Version == 1 {
		return []disk.Range{{Offset: 0, Length: size}}
	}
	return []disk.Range{{Offset: 0, Length: size}, {Offset: size, Length: size}}
}

// headsEnd is the first byte behind all heads.
func headsEnd(v *luks.Volume) int64 {
	if v.Version == 1 {
		return headSize(v)
	}
	return 2 * headSize(v)
}

func areaOf(k luks.Keyslot) disk.Range {
	return disk.Range{Offset: int64(k.Area.Offset), Length: int64(k.Area.Size)}
}

// owned lists the ranges an operation may write: the heads, and keyslot areas that no keyslot other
// than those touched claims.
func owned(v *luks.Volume, touched ...int) []disk.Range {
	list := heads(v)
	if v.Version == 1 {
		return append(list, ownedAreas1(v, touched)...)
	}
	for _, hole := range v.Metadata().Holes(uint64(headSize(v))) {
		list = append(list, extent(hole))
	}
	for _, id := range touched {
		if k, err := v.Keyslot(id); err == nil {
			list = append(list, areaOf(k))
		}
	}
	return list
}

func extent(e luks2.Extent) disk.Range {
	return disk.Range{Offset: int64(e.Offset), Length: int64(e.Size)}
}

func ownedAreas1(v *luks.Volume, touched []int) []disk.Range {
	var list []disk.Range
	for _, id := range touched {
		offset, length := v.LUKS1.Material(id)
		list = append(list, disk.Range{Offset: offset, Length: length})
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// Verdict is what becomes of a malformed volume in the hands of a tool that may repair.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "accept" // it can be described, and nothing was written
	Repair Verdict = "repair" // it can be described once something was written
	Refuse Verdict = "refuse"
)

// Malformed is a volume with one thing wrong.
type Malformed struct {
	Name    string // what is wrong with it
	Version int
	// Damage does it to an image of a volume: aes-xts with 32 bytes of key, pbkdf2 with 1,000 iterations
	// of sha256, one keyslot; LUKS2 with heads of 16 KiB, 512 KiB of keyslots and 512-byte sectors.
	Damage func(image []byte) []byte
	Expect Verdict
	// Peer is cryptsetup's verdict where it is another one, on purpose; Why says it.
	Peer Verdict
	Why  string
}

// expectations has a line for each malformed volume, its fields divided by tabs: version, name, verdict, and
// where cryptsetup comes to another: its verdict and our reason.
//
//go:embed malformed.txt
var expectations string

// MalformedVolumes makes them all; each has its expectation in malformed.txt.
func MalformedVolumes() []Malformed {
	stated := map[string][]string{}
	for line := range strings.Lines(expectations) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		stated[fields[0]+" "+fields[1]] = fields[2:]
	}
	list := append(append(wrongFields2(), wrongFields1()...), truncated()...)
	list = append(list, againstRules()...)
	for i := range list {
		m := &list[i]
		fields := append(stated[m.key()], "", "", "")
		m.Expect, m.Peer, m.Why = Verdict(fields[0]), Verdict(fields[1]), fields[2]
		delete(stated, m.key())
	}
	for key := range stated {
		panic("malformed.txt states what is not made: " + key)
	}
	return list
}

func (m Malformed) key() string { return fmt.Sprintf("%d %s", m.Version, m.Name) }

// Where things lie in a head of a LUKS2 volume, bytes.
const (
	binarySize = 4096
	atHdrSize  = 8
	atChecksum = 448
	endBinary  = 512
)

// Heads returns the two heads of an image, whose sizes are those of the first.
func Heads(image []byte) [2][]byte {
	size := binary.BigEndian.Uint64(image[atHdrSize:])
	return [2][]byte{image[:size], image[size : 2*size]}
}

// Seal puts the right checksum into a head.
func Seal(head []byte) {
	clear(head[atChecksum:endBinary])
	sum := sha256.Sum256(head)
	copy(head[atChecksum:], sum[:])
}

// Reseal changes the metadata of both heads and makes the checksums right again.
func Reseal(image []byte, edit func(meta Object)) error {
	for _, head := range Heads(image) {
		text, _, _ := bytes.Cut(head[binarySize:], []byte{0})
		var meta Object
		if err := json.Unmarshal(text, &meta); err != nil {
			return err
		}
		edit(meta)
		text, err := json.Marshal(meta)
		if err != nil {
			return err
		}
		SetText(head, text)
	}
	return nil
}

// SetText makes text the metadata of a head, cut to its room, and the checksum right.
func SetText(head, text []byte) {
	area := head[binarySize:]
	clear(area)
	copy(area, text)
	Seal(head)
}

func againstRules() []Malformed {
	var list []Malformed
	for _, r := range brokenRules {
		list = append(list, Malformed{Name: r.name, Version: 2, Damage: func(image []byte) []byte {
			must(Reseal(image, r.edit))
			return image
		}})
	}
	return list
}

func truncated() []Malformed {
	var list []Malformed
	for _, version := range []int{1, 2} {
		for _, size := range []int{
			0, 1, 6, 100, 511, 512, 592, 1023, 1024, 4095, 4096, 8192, 16383, 16384, 16384 +
				512, 20480, 32767, 32768, 36864, 163840,
			1 << 20, 1<<20 + 512, 2 << 20,
		} {
			list = append(list, Malformed{
				Name: fmt.Sprintf("cut to %d bytes", size), Version: version,
				Damage: func(image []byte) []byte { return image[:min(size, len(image))] },
			})
		}
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"
)

// Where things lie in a head of a LUKS2 volume, bytes.
const (
	binarySize = 4096
	atHdrSize  = 8
	atChecksum = 448
	endBinary  = 512
)

// head returns the two heads of an image, whose sizes are those of the first.
func heads(image []byte) [2][]byte {
	size := binary.BigEndian.Uint64(image[atHdrSize:])
	return [2][]byte{image[:size], image[size : 2*size]}
}

// seal puts the right checksum into a head.
func seal(head []byte) {
	clear(head[atChecksum:endBinary])
	sum := sha256.Sum256(head)
	copy(head[atChecksum:], sum[:])
}

// reseal changes the metadata of both heads and makes the checksums right again.
func reseal(b *bed, name string, change func(meta map[string]any)) {
	b.t.Helper()
	image := b.read(name)
	resealImage(b.t, image, change)
	if err := os.WriteFile(b.path(name), image, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func resealImage(t *testing.T, image []byte, change func(meta map[string]any)) {
	t.Helper()
	for _, head := range heads(image) {
		area := head[binarySize:]
		var meta map[string]any
		text, _, _ := bytes.Cut(area, []byte{0})
		if err := json.Unmarshal(text, &meta); err != nil {
			t.Error(err)
			return
		}
		change(meta)
		text, err := json.Marshal(meta)
		if err != nil {
			t.Error(err)
			return
		}
		clear(area)
		copy(area, text)
		seal(head)
	}
}

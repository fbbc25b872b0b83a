// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/signature"
)

// ext2 is the superblock of an ext2 of that many blocks of 1 KiB, which belongs at byte 1024.
func ext2(blocks uint32) []byte {
	p := make([]byte, 1024)
	binary.LittleEndian.PutUint32(p, 16) // inodes
	binary.LittleEndian.PutUint32(p[4:], blocks)
	binary.LittleEndian.PutUint16(p[56:], 0xef53)
	return p
}

func TestContentsAreReadThroughTheCipher(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		key := unlock(t, v, "one")
		defer key.Close()
		if _, err := v.Contents(dev, key); !errors.Is(err, signature.ErrDoubt) {
			t.Errorf("an empty volume: %v", err)
		}
		plain, err := v.Plaintext(dev, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plain.WriteAt(ext2(77), 1024); err != nil {
			t.Fatal(err)
		}
		if inside, err := v.Contents(dev, key); err != nil || inside.Kind != "ext2" || inside.End != 77<<10 {
			t.Errorf("%+v, %v", inside, err)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"bytes"
	"context"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// zeros is randomness that runs the same way each time.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzSearch: whatever a disk holds, a search ends, and what it finds can be rebuilt or says why
// not. The input is what lies over a volume, at two places, since whole images are too long for the
// fuzzer to work on.
func FuzzSearch(f *testing.F) {
	var volumes [][]byte
	for _, name := range []string{"luks2-unbound", "luks1-sha1"} {
		image, _ := vectors.Open(name)
		volumes = append(volumes, image[:36<<10])
	}
	f.Add(uint8(0), uint16(0), []byte("XFSB\x00\x00"), uint16(16384), []byte("      "))
	f.Add(uint8(0), uint16(0), make([]byte, 4096), uint16(16384), make([]byte, 4096))
	f.Add(uint8(0), uint16(8), []byte("\x00\x00\x00\x00\x00\x40\x00\x00"), uint16(4096+800), []byte(`"a":{`))
	f.Add(uint8(1), uint16(0), []byte("      "), uint16(208+40), []byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, volume uint8, at uint16, patch []byte, other uint16, more []byte) {
		image := bytes.Clone(volumes[int(volume)%len(volumes)])
		copy(image[int(at)%len(image):], patch)
		copy(image[int(other)%len(image):], more)
		src, size := bytes.NewReader(image), int64(len(image))
		r, err := Search(context.Background(), src, size, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, find := range r.Finds {
			rebuilt, _, err := Rebuild(src, size, find, zeros{})
			if err != nil || find.Version == 1 {
				continue
			}
			if _, _, err := DecodeCopy(rebuilt); err != nil {
				t.Errorf("rebuilt header: %v", err)
			}
		}
	})
}

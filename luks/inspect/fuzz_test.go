// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"bytes"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// FuzzJudge: no device keeps a report from ending, and its picture covers every byte once. The
// input is what lies over a volume, at two places.
func FuzzJudge(f *testing.F) {
	var volumes [][]byte
	for _, name := range []string{"luks2-unbound", "luks1-sha1"} {
		image, _ := vectors.Open(name)
		volumes = append(volumes, image)
	}
	f.Add(uint8(0), uint32(0), make([]byte, 6), uint32(16384), []byte("      "))
	f.Add(uint8(0), uint32(16), []byte("\xff\xff\xff\xff\xff\xff\xff\xff"), uint32(40000), make([]byte, 512))
	f.Add(uint8(1), uint32(208+40), []byte("\xff\xff\xff\xff"), uint32(72), []byte("SHA1"))
	f.Add(uint8(1), uint32(104), []byte("\x00\x00\x00\x00\xff\xff\xff\xff"), uint32(208+48), []byte("\x00\xac\x71\xf3"))
	f.Fuzz(func(t *testing.T, volume uint8, offset uint32, patch []byte, other uint32, more []byte) {
		image := bytes.Clone(volumes[int(volume)%len(volumes)])
		copy(image[int64(offset)%int64(len(image)):], patch)
		copy(image[int64(other)%int64(len(image)):], more)
		e := Read(&disk{image: image})
		r, err := Judge(e)
		if err != nil {
			return
		}
		BootReport(r)
		at := uint64(0)
		regions := Layout(r, KeyslotRoom(e))
		for _, region := range regions {
			if region.Offset != at {
				t.Errorf("%+v does not begin at %d", region, at)
			}
			at += region.Size
		}
		if at != uint64(len(image)) {
			t.Errorf("ends at %d of %d", at, len(image))
		}
		Picture(regions, 76)
		SVG("", regions)
	})
}

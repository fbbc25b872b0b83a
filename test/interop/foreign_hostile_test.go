// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/luks/foreign/loopaes"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
	"github.com/orthrus-luks/orthrus/test/tcryptimage"
)

// foreignVolume is a format with the bytes of a volume that somebody may have changed.
type foreignVolume struct {
	name  string
	image []byte
	parts [][2]int // from, to: what is changed, byte by byte
	read  func(image []byte)
}

func hostileFormats() []foreignVolume {
	b := bitlkimage.Make(bitlkimage.Options{ClearKey: true})
	f := fvault2image.Make(fvault2image.Options{Passphrase: "secret"})
	o := tcryptimage.Options{Passphrase: "secret", Size: 256 << 10}
	v := tcryptimage.Make(o)
	keys := bytes.Repeat([]byte("a line of a key file, longer than is needed\n"), 65)
	return []foreignVolume{
		{"BitLocker", b.Bytes, [][2]int{{0, 512}, {128 << 10, 128<<10 + 1024}}, func(p []byte) {
			if v, err := bitlk.Load(bytes.NewReader(p), int64(len(p))); err == nil && v.Openable() == nil {
				key, _ := v.ClearKey()
				if key != nil {
					key.Close()
				}
			}
		}},
		{"FileVault 2", f.Bytes, [][2]int{{0, 512}, {fvault2image.Label, fvault2image.Label + 512}, {fvault2image.Metadata, fvault2image.Metadata + 1024}}, func(p []byte) {
			if v, err := fvault2.Load(bytes.NewReader(p), int64(len(p))); err == nil {
				_ = v.Openable()
			}
		}},
		{"TrueCrypt", v.Bytes, [][2]int{{0, 512}}, func(p []byte) { searchTrueCrypt(p) }},
		{"loop-AES", keys, [][2]int{{0, 2048}}, func(p []byte) {
			if k, err := loopaes.Parse(p, loopaes.Hash(32), 32); err == nil {
				k.Close()
			}
		}},
	}
}

func searchTrueCrypt(p []byte) {
	places, err := tcrypt.Wanted{}.Places(uint64(len(p)))
	if err != nil {
		return
	}
	headers, err := tcrypt.Read(bytes.NewReader(p), places)
	if err != nil {
		return
	}
	v, err := tcrypt.Search(context.Background(), headers, []byte("secret"), tcrypt.Trial{Hash: "sha512", Cipher: "aes", TrueCryptOnly: true})
	if err == nil {
		_, _ = v.Segment(uint64(len(p)))
		v.Close()
	}
}

// cost is what one reading took.
func (h foreignVolume) cost(image []byte) (took time.Duration, memory uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	h.read(image)
	took = time.Since(begun)
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc
}

// Each byte wrong in turn, and the volume cut off at many places: no reading takes 100 ms or 64 MiB.
func TestHostileForeignHeadersEndAtOnce(t *testing.T) {
	const longest, most = 100 * time.Millisecond, 64 << 20
	fmt.Println("| format | headers | slowest, ms | most memory, KiB |\n|---|---|---|---|")
	for _, h := range hostileFormats() {
		var slowest time.Duration
		var largest uint64
		count := 0
		try := func(what string, image []byte) {
			count++
			took, memory := h.cost(image)
			for range 3 { // a machine that is busy with something else
				if took >= longest {
					again, _ := h.cost(image)
					took = min(took, again)
				}
			}
			slowest, largest = max(slowest, took), max(largest, memory)
			if took >= longest || memory >= most {
				t.Errorf("%s, %s: %v, %d KiB", h.name, what, took, memory>>10)
			}
		}
		for _, part := range h.parts {
			for at := part[0]; at < part[1]; at++ {
				h.image[at] ^= 0xff
				try(fmt.Sprintf("byte %d", at), h.image)
				h.image[at] ^= 0xff
			}
		}
		for size := 0; size < len(h.image); size += max(len(h.image)/64, 1) {
			try(fmt.Sprintf("cut off at %d", size), h.image[:size])
		}
		fmt.Printf("| %s | %d | %.1f | %d |\n", h.name, count, float64(slowest)/float64(time.Millisecond), largest>>10)
	}
}

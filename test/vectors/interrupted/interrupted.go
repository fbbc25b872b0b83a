// SPDX-License-Identifier: Apache-2.0

// Package interrupted gives tests volumes that cryptsetup 2.8.6 was stopped on in the middle of a reencryption: 79
// states of ten runs, with what it did to each of them when it was asked to repair and then to resume. It is test
// support, and what is wrong in it panics.
//
// A state is kept as a list of runs of 512-byte blocks: zeros (z), plain sectors (p), sectors under the old (o) and
// the new (n) key, which are computed here, and blocks of blocks.gz (l), each with the number of the first and how
// many there are. The sum of the image that was recorded vouches for what is put together. Keyslot areas are zeros
// in all images: the volume keys are given instead. The plain data are those of package vectors.
package interrupted

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

//go:embed states.json.gz
var statesPacked []byte

//go:embed blocks.gz
var blocksPacked []byte

// Family is one run of cryptsetup.
type Family struct {
	Name   string
	UUID   string
	Plain  int // bytes of data, from their start
	Old    Side
	New    Side
	States []State
}

// Side is one end of a run; without a key it is plain.
type Side struct {
	Key    []byte
	Cipher string
	Sector int // bytes
}

// State is the run at one moment.
type State struct {
	Name, Note     string
	Repair, Resume *int  // exit codes of cryptsetup; nil where it was not asked
	Whole          *bool // the data were all there afterwards; nil where that was not looked at
	Header, Data   []byte
}

// WithMaterial is a copy of the header with bytes that look like key material, and are none, in its keyslots' areas.
func (s State) WithMaterial() []byte {
	image := bytes.Clone(s.Header)
	c, err := luks2.Decode(image[:16<<10], 0)
	must(err)
	for _, slot := range c.Metadata.Keyslots() {
		if slot.Type == luks2.TypeLUKS2 {
			stream := rand.NewChaCha8([32]byte{byte(slot.ID)})
			_, err := stream.Read(image[slot.Area.Offset:slot.Area.End()])
			must(err)
		}
	}
	return image
}

type record struct {
	Name      string
	UUID      string
	Plain     int
	KeyOld    string `json:"key_old"`
	KeyNew    string `json:"key_new"`
	CipherOld string `json:"cipher_old"`
	CipherNew string `json:"cipher_new"`
	SectorOld int    `json:"sector_old"`
	SectorNew int    `json:"sector_new"`
	States    []struct {
		Name, Note     string
		Repair, Resume *int
		Whole          *bool
		Files          []struct {
			Name, SHA256, Runs string
			Size               int
		}
	}
}

var unpacked = sync.OnceValue(func() []Family {
	var records []record
	must(json.Unmarshal(inflate(statesPacked), &records))
	blocks := inflate(blocksPacked)
	var list []Family
	for _, r := range records {
		list = append(list, r.family(blocks))
	}
	return list
})

// Families returns every run; the images are shared, and must not be changed.
func Families() []Family { return unpacked() }

func (r record) family(blocks []byte) Family {
	f := Family{Name: r.Name, UUID: r.UUID, Plain: r.Plain}
	f.Old = Side{unhex(r.KeyOld), r.CipherOld, r.SectorOld}
	f.New = Side{unhex(r.KeyNew), r.CipherNew, r.SectorNew}
	sources := map[byte][]byte{'p': f.PlainData(), 'l': blocks}
	sources['o'], sources['n'] = f.Old.encrypt(f.PlainData()), f.New.encrypt(f.PlainData())
	for _, s := range r.States {
		state := State{Name: s.Name, Note: s.Note, Repair: s.Repair, Resume: s.Resume, Whole: s.Whole}
		for _, file := range s.Files {
			image := assemble(file.Runs, file.Size, sources)
			if sum := sha256.Sum256(image); hex.EncodeToString(sum[:]) != file.SHA256 {
				panic(fmt.Sprintf("interrupted: %s of %s is not as it was recorded", file.Name, r.Name))
			}
			if strings.HasSuffix(file.Name, ".img") {
				state.Data = image
			} else {
				state.Header = image
			}
		}
		if state.Header == nil {
			state.Header = state.Data
		}
		f.States = append(f.States, state)
	}
	return f
}

// PlainData is what the volume holds.
func (f Family) PlainData() []byte {
	var p []byte
	for i := range uint64(f.Plain / 512) {
		p = append(p, vectors.PlainSector(i)...)
	}
	return p
}

func (s Side) encrypt(plain []byte) []byte {
	if s.Cipher == "" {
		return nil
	}
	c, err := sector.New(s.Cipher, s.Key, s.Sector)
	must(err)
	defer c.Close()
	p := bytes.Clone(plain)
	must(c.Encrypt(p, p, 0))
	return p
}

func assemble(runs string, size int, sources map[byte][]byte) []byte {
	image := make([]byte, 0, size)
	for _, run := range strings.Fields(runs) {
		var kind byte
		var first, count int
		_, err := fmt.Sscanf(run, "%c%d+%d", &kind, &first, &count)
		must(err)
		if kind == 'z' {
			image = append(image, make([]byte, count*512)...)
		} else {
			image = append(image, sources[kind][first*512:(first+count)*512]...)
		}
	}
	return image
}

func inflate(p []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(p))
	must(err)
	out, err := io.ReadAll(r)
	must(err)
	return out
}

func unhex(text string) []byte {
	p, err := hex.DecodeString(text)
	must(err)
	if len(p) == 0 {
		return nil
	}
	return p
}

func must(err error) {
	if err != nil {
		panic("interrupted: " + err.Error())
	}
}

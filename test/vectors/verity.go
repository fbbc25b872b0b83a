// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io"
)

//go:embed verity
var verityFiles embed.FS

// Verity is an image that veritysetup has made.
type Verity struct {
	Name      string
	Command   []string // of format; its files are "data", "hash" and "fec"
	RootHash  string   `json:"root_hash"`
	DataBytes int      `json:"data_bytes"`
	Zeroed    []int    `json:"zeroed_bytes"` // from, up to: of the data
	Format    string   `json:"format_stdout"`
	Verify    []string `json:"verify_command"`
	Exit      int      `json:"verify_exit"`
	Dump      string   `json:"dump_stdout"`
	Combined  bool     // data, tree and parity are in the one file "combined"

	Files map[string]struct {
		File  string
		Bytes int
	}
	Corruptions []VerityCorruption
}

// VerityCorruption is what veritysetup says to an image with some bytes inverted.
type VerityCorruption struct {
	What   string
	Invert [][]any // file, first byte, bytes
	Exit   int
	Stderr string
}

// AllVerity lists the verity images.
func AllVerity() []Verity {
	var manifest struct{ Vectors []Verity }
	raw, err := verityFiles.ReadFile("verity/manifest.json")
	must(err)
	must(json.Unmarshal(raw, &manifest))
	return manifest.Vectors
}

// File returns one of the image's files: "hash", "fec" or "combined", a fresh copy at each call.
func (v *Verity) File(name string) []byte {
	raw, err := verityFiles.ReadFile("verity/" + v.Files[name].File)
	must(err)
	packed, err := gzip.NewReader(bytes.NewReader(raw))
	must(err)
	content, err := io.ReadAll(packed)
	must(err)
	return content
}

// Data returns the data that were hashed: PlainSector after PlainSector, some of them zeroed.
func (v *Verity) Data() []byte {
	data := Plain(v.DataBytes)
	if len(v.Zeroed) == 2 {
		clear(data[v.Zeroed[0]:v.Zeroed[1]])
	}
	return data
}

// Plain returns the beginning of the pattern that all recorded data hold.
func Plain(size int) []byte {
	var p []byte
	for i := uint64(0); len(p) < size; i++ {
		p = append(p, PlainSector(i)...)
	}
	return p[:size]
}

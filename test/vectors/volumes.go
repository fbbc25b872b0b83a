// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// The passphrases of the recorded volumes; Manifest tells which of them unlocks.
const (
	K0 = "correct horse"
	K1 = "second key"
)

// Exit codes of `open --test-passphrase` as recorded in Manifest.K0 and K1.
const (
	Unlocks      = 0
	NeedsKeyslot = 1 // only the unbound keyslot matches, and only when it is named
	NoKey        = 2
)

//go:embed volumes
var volumes embed.FS

// Manifest holds the known facts of one volume.
type Manifest struct {
	Name       string
	Size       int64 // bytes in the image: data offset + 128 KiB
	DataOffset int64 // bytes
	SectorSize int   // encryption sector, bytes
	Encryption string
	VolumeKey  []byte
	K0, K1     int // exit code of open --test-passphrase with the passphrase of that name
	Note       string
}

// LUKS1 tells the volumes of version 1.
func (m Manifest) LUKS1() bool { return m.Name[:5] == "luks1" }

// All lists the volumes in the order of their names.
func All() []Manifest {
	var records []struct {
		Name, Encryption, Note string
		Size                   int64
		DataOffset             int64  `json:"data_offset"`
		SectorSize             int    `json:"sector_size"`
		VolumeKey              string `json:"volume_key"`
		K0, K1                 int
	}
	must(json.Unmarshal(read("manifest.json"), &records))
	list := make([]Manifest, len(records))
	for i, r := range records {
		key, err := hex.DecodeString(r.VolumeKey)
		must(err)
		list[i] = Manifest{
			Name: r.Name, Size: r.Size, DataOffset: r.DataOffset, SectorSize: r.SectorSize,
			Encryption: r.Encryption, VolumeKey: key, K0: r.K0, K1: r.K1, Note: r.Note,
		}
	}
	return list
}

// Open returns the image of a volume, a fresh copy at each call, and its facts.
func Open(name string) ([]byte, Manifest) {
	for _, m := range All() {
		if m.Name == name {
			return unpack(name + ".img.gz"), m
		}
	}
	panic(fmt.Sprintf("vectors: no volume %q", name))
}

// Dump returns what luksDump prints for the volume.
func Dump(name string) string { return string(read(name + ".dump.txt")) }

// JSON returns what luksDump --dump-json-metadata prints for a LUKS2 volume.
func JSON(name string) []byte { return read(name + ".json") }

// PlainSector returns 512-byte sector i of the decrypted data of every volume.
func PlainSector(i uint64) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "orthrus %d", i))
	return bytes.Repeat(sum[:], 512/len(sum))
}

func unpack(file string) []byte {
	packed, err := gzip.NewReader(bytes.NewReader(read(file)))
	must(err)
	image, err := io.ReadAll(packed)
	must(err)
	return image
}

func read(file string) []byte {
	content, err := volumes.ReadFile("volumes/" + file)
	must(err)
	return content
}

// must panics: the data is embedded, so an error here is a mistake in this package or its caller.
func must(err error) {
	if err != nil {
		panic("vectors: " + err.Error())
	}
}

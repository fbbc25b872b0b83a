// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io"
)

//go:embed authentic
var authenticFiles embed.FS

// Authentic is a LUKS2 volume whose sectors are authenticated. Its keyslots are empty. The first 64 valid sectors hold
// the pattern of the other volumes, the rest of them zeros; what follows has wrong tags.
type Authentic struct {
	Name   string
	File   string   `json:"file"`
	Key    string   `json:"volume_key"` // hexadecimal
	Tables []string // "l: …" and "l_dif: …", the key left out
	Status string
	Dump   string
	Valid  int    `json:"valid_sectors"`         // of 512 bytes, from the start
	SHA256 string `json:"plain_sha256_of_valid"` // of what they hold
}

// AllAuthentic lists the volumes.
func AllAuthentic() (all []Authentic) {
	raw, err := authenticFiles.ReadFile("authentic/manifest.json")
	must(err)
	must(json.Unmarshal(raw, &all))
	return all
}

// Image is the device, a fresh copy at each call.
func (v *Authentic) Image() []byte {
	raw, err := authenticFiles.ReadFile("authentic/" + v.File)
	must(err)
	packed, err := gzip.NewReader(bytes.NewReader(raw))
	must(err)
	content, err := io.ReadAll(packed)
	must(err)
	return content
}

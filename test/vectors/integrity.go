// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"io"
	"strings"
)

//go:embed integrity
var integrityFiles embed.FS

// Integrity is a device that integritysetup has made, and that was written to.
type Integrity struct {
	Name    string
	Format  string `json:"format_options"`
	Open    string `json:"open_options"`
	Table   string // of the active mapping
	Dump    string
	Status  string
	Logical string `json:"logical_sha256"` // of all the data that the mapping gave
	Note    string

	// Files are "formatted" (after format), "closed" or "dirty" (a copy of the active mapping's device), or "meta"
	// and "data" where both have a device of their own.
	Files map[string]struct {
		File  string
		Bytes int
	}
}

// IntegrityKeys are the keys that the options name, in hexadecimal: "integrity" (file k32), "integrity64" (k64),
// "journal_mac" (j32), "journal_crypt" (c32).
func IntegrityKeys() map[string]string { return integrityManifest().Keys }

// AllIntegrity lists the devices.
func AllIntegrity() []Integrity { return integrityManifest().Vectors }

func integrityManifest() (manifest struct {
	Keys    map[string]string
	Vectors []Integrity
},
) {
	raw, err := integrityFiles.ReadFile("integrity/manifest.json")
	must(err)
	must(json.Unmarshal(raw, &manifest))
	return manifest
}

// File returns one of the device's states, a fresh copy at each call.
func (v *Integrity) File(name string) []byte {
	raw, err := integrityFiles.ReadFile("integrity/" + v.Files[name].File)
	must(err)
	packed, err := gzip.NewReader(bytes.NewReader(raw))
	must(err)
	content, err := io.ReadAll(packed)
	must(err)
	return content
}

// Option is the value of an option of format or open, by any of its names; empty where it is not given.
func (v *Integrity) Option(names ...string) string {
	words := strings.Fields(v.Format + " " + v.Open)
	for i, word := range words {
		for _, name := range names {
			if word == name {
				return words[i+1]
			}
		}
	}
	return ""
}

// SPDX-License-Identifier: Apache-2.0

package vectors

import "strings"

// field is a part of an on-disk header, bytes.
type field struct {
	name     string
	at, size int
}

var fields2 = []field{
	{"magic", 0, 6},
	{"version", 6, 2},
	{"hdr_size", 8, 8},
	{"seqid", 16, 8},
	{"label", 24, 48},
	{"csum_alg", 72, 32},
	{"salt", 104, 64},
	{"uuid", 168, 40},
	{"subsystem", 208, 48},
	{"hdr_offset", 256, 8},
	{"padding", 264, 184},
	{"csum", 448, 64},
	{"padding4096", 512, 3584},
	{"JSON", 4096, 4096},
}

var fields1 = []field{
	{"magic", 0, 6},
	{"version", 6, 2},
	{"cipherName", 8, 32},
	{"cipherMode", 40, 32},
	{"hashSpec", 72, 32},
	{"payloadOffset", 104, 4},
	{"keyBytes", 108, 4},
	{"mkDigest", 112, 20},
	{"mkDigestSalt", 132, 32},
	{"mkDigestIterations", 164, 4},
	{"uuid", 168, 40},
	{"keyslot 0 active", 208, 4},
	{"keyslot 0 iterations", 212, 4},
	{"keyslot 0 salt", 216, 32},
	{"keyslot 0 keyMaterialOffset", 248, 4},
	{"keyslot 0 stripes", 252, 4},
}

// damages are the ways in which a field is made wrong.
var damages = []struct {
	name string
	do   func(p []byte)
}{
	{"first byte changed", func(p []byte) { p[0] ^= 0x41 }},
	{"last byte changed", func(p []byte) { p[len(p)-1] ^= 0x02 }},
	{"zero", func(p []byte) { clear(p) }},
	{"all ones", func(p []byte) {
		for i := range p {
			p[i] = 0xff
		}
	}},
}

// wrongFields2: each field wrong in the first head, in the second, in both, and in both with checksums
// that say all is well.
func wrongFields2() []Malformed {
	var list []Malformed
	for _, f := range fields2 {
		for _, where := range []struct {
			name  string
			heads []int
		}{{"first head", []int{0}}, {"second head", []int{1}}, {"both heads", []int{0, 1}}} {
			list = append(list, Malformed{
				Name: f.name + " wrong in " + where.name, Version: 2,
				Damage: func(image []byte) []byte {
					heads := Heads(image)
					for _, i := range where.heads {
						damages[0].do(heads[i][f.at : f.at+f.size])
					}
					return image
				},
			})
		}
		if f.name == "csum" {
			continue
		}
		for _, d := range damages {
			list = append(list, Malformed{
				Name: f.name + " " + d.name + ", checksums right", Version: 2,
				Damage: func(image []byte) []byte {
					for _, head := range Heads(image) {
						d.do(head[f.at : f.at+f.size])
						Seal(head)
					}
					return image
				},
			})
		}
	}
	return list
}

func wrongFields1() []Malformed {
	var list []Malformed
	for _, f := range fields1 {
		for _, d := range damages {
			if strings.HasSuffix(strings.ToLower(f.name), "iterations") &&
				(d.name == "all ones" || d.name == "first byte changed") {
				continue // a thousand million iterations, and four
			}
			list = append(list, Malformed{Name: f.name + " " + d.name, Version: 1, Damage: func(image []byte) []byte {
				d.do(image[f.at : f.at+f.size])
				return image
			}})
		}
	}
	return list
}

// SPDX-License-Identifier: Apache-2.0

package header

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// luksDumpReport describes what luksDump --json prints.
func luksDumpReport() cli.Report {
	return cli.Report{
		Intro: "The metadata of a LUKS2 header as its specification defines it, unknown members included:",
		Fields: []cli.Field{
			{Path: "keyslots", Type: "object", About: "by number"},
			{Path: "tokens", Type: "object", About: "by number"},
			{Path: "segments", Type: "object", About: "by number"},
			{Path: "digests", Type: "object", About: "by number"},
			{Path: "config", Type: "object", About: "sizes, requirements and flags"},
			{Path: "version", Type: "integer", About: "1 or 2: of a LUKS1 header, which has none of those above, " +
				"all but epoch, label and subsystem; of a LUKS2 header, behind its own members, those three and uuid"},
			{Path: "epoch", Type: "integer", About: "LUKS2: number of the last change, as luksDump shows it"},
			{Path: "uuid", Type: "string", About: "UUID of the volume"},
			{Path: "label", Type: "string", About: "LUKS2: empty where there is none"},
			{Path: "subsystem", Type: "string", About: "LUKS2: empty where there is none"},
			{Path: "cipher", Type: "string", About: "such as aes-xts-plain64"},
			{Path: "hash", Type: "string", About: "of key derivation, splitter and digest"},
			{Path: "key_bits", Type: "integer", About: "length of the volume key"},
			{Path: "data_offset", Type: "integer", About: "where the data starts on the device, bytes; 0 where it " +
				"is on another one"},
			{Path: "digest", Type: "string", About: "of the volume key, hexadecimal"},
			{Path: "digest_salt", Type: "string", About: "hexadecimal"},
			{Path: "digest_iterations", Type: "integer", About: "cost of that digest"},
			{Path: "slots", Type: "list of object", About: "all eight keyslots"},
			{Path: "slots[].id", Type: "integer", About: "0 to 7"},
			{Path: "slots[].enabled", Type: "boolean", About: "it holds a key"},
			{Path: "slots[].iterations", Type: "integer", About: "cost of key derivation"},
			{Path: "slots[].salt", Type: "string", About: "hexadecimal"},
			{Path: "slots[].offset", Type: "integer", About: "where its material lies, bytes"},
			{Path: "slots[].size", Type: "integer", About: "length of the material, bytes"},
			{Path: "slots[].stripes", Type: "integer", About: "of the splitter"},
		},
	}
}

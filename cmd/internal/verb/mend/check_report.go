// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// checkReport describes what check --json prints.
func checkReport() cli.Report {
	return cli.Report{
		Of: struct {
			Devices []checked `json:"devices"`
		}{},
		Fields: []cli.Field{
			{Path: "devices", Type: "list of object", About: "in the order of the command line"},
			{Path: "devices[].device", Type: "string", About: "as it was named"},
			{Path: "devices[].error", Type: "string", About: "why there is no report; then nothing follows; may be " +
				"absent"},
			{Path: "devices[].version", Type: "integer", About: "1 or 2; 0 where nothing is left to tell"},
			{Path: "devices[].uuid", Type: "string", About: "UUID of the volume; may be absent"},
			{Path: "devices[].label", Type: "string", About: "label (LUKS2); may be absent"},
			{Path: "devices[].subsystem", Type: "string", About: "subsystem (LUKS2); may be absent"},
			{Path: "devices[].device_size", Type: "integer", About: "bytes"},
			{Path: "devices[].verdict", Type: "string", About: "healthy, healable or lost"},
			{Path: "devices[].chosen", Type: "string", About: "the header copy in use; may be absent"},
			{Path: "devices[].chosen_because", Type: "string", About: "why; may be absent"},
			{Path: "devices[].copies", Type: "list of object", About: "header copies (LUKS2); may be absent"},
			{Path: "devices[].copies[].place", Type: "string", About: "primary or secondary"},
			{Path: "devices[].copies[].offset", Type: "integer", About: "bytes"},
			{Path: "devices[].copies[].size", Type: "integer", About: "bytes; may be absent"},
			{
				Path: "devices[].copies[].state", Type: "string",
				About: "valid, stale, conflicting, damaged, unreadable or absent",
			},
			{Path: "devices[].copies[].seqid", Type: "integer", About: "how often the header was written"},
			{Path: "devices[].copies[].why", Type: "string", About: "what is wrong with it; may be absent"},
			{Path: "devices[].keyslots", Type: "list of object", About: "those in use"},
			{Path: "devices[].keyslots[].id", Type: "integer", About: "number"},
			{Path: "devices[].keyslots[].type", Type: "string", About: "as the header names it"},
			{Path: "devices[].keyslots[].opens_data", Type: "boolean", About: "false for an unbound keyslot"},
			{Path: "devices[].keyslots[].kdf", Type: "string", About: "key derivation and its cost; may be absent"},
			{Path: "devices[].keyslots[].cipher", Type: "string", About: "of the keyslot's area; may be absent"},
			{Path: "devices[].keyslots[].offset", Type: "integer", About: "of the area, bytes"},
			{Path: "devices[].keyslots[].size", Type: "integer", About: "of the area, bytes"},
			{Path: "devices[].keyslots[].state", Type: "string", About: "what the key material looks like"},
			{Path: "devices[].keyslots[].entropy", Type: "number", About: "bits for each byte of material"},
			{
				Path: "devices[].keyslots[].damage_at", Type: "integer",
				About: "byte where the first implausible sector begins; may be absent",
			},
			{Path: "devices[].keyslots[].why", Type: "string", About: "what is wrong with it; may be absent"},
			{Path: "devices[].segments", Type: "list of object", About: "of the data"},
			{Path: "devices[].segments[].id", Type: "integer", About: "number"},
			{Path: "devices[].segments[].type", Type: "string", About: "crypt or another"},
			{Path: "devices[].segments[].offset", Type: "integer", About: "bytes"},
			{Path: "devices[].segments[].size", Type: "integer", About: "what there is of it on this device, bytes"},
			{Path: "devices[].segments[].dynamic", Type: "boolean", About: "up to the end of the device"},
			{Path: "devices[].segments[].backup", Type: "boolean", About: "from before a reencryption; may be absent"},
			{Path: "devices[].segments[].cipher", Type: "string", About: "may be absent"},
			{Path: "devices[].segments[].sector_size", Type: "integer", About: "bytes; may be absent"},
			{Path: "devices[].segments[].integrity", Type: "string", About: "such as aead; may be absent"},
			{Path: "devices[].tokens", Type: "list of object", About: "may be absent"},
			{Path: "devices[].tokens[].id", Type: "integer", About: "number"},
			{Path: "devices[].tokens[].type", Type: "string", About: "such as luks2-keyring"},
			{Path: "devices[].tokens[].keyslots", Type: "list of integer", About: "keyslots it is for"},
			{Path: "devices[].far_header", Type: "object", About: "the third copy of the header, at the device's " +
				"end (LUKS2); may be absent"},
			{Path: "devices[].far_header.standing", Type: "string", About: "how it stands to the header"},
			{Path: "devices[].far_header.why", Type: "string", About: "what is wrong with it; may be absent"},
			{
				Path: "devices[].far_header.place", Type: "object",
				About: "where the header says that it is; may be absent",
			},
			{Path: "devices[].far_header.place.body_offset", Type: "integer", About: "bytes"},
			{Path: "devices[].far_header.place.body_length", Type: "integer", About: "bytes"},
			{Path: "devices[].far_header.place.locator_offset", Type: "integer", About: "bytes"},
			{
				Path: "devices[].far_header.place.state", Type: "string",
				About: "absent, damaged, unreadable, overwritten or whole",
			},
			{Path: "devices[].far_header.place.seqid", Type: "integer", About: "sequence number"},
			{
				Path: "devices[].far_header.mendable_keyslots", Type: "list of integer",
				About: "keyslots damaged before the data that it holds whole; may be absent",
			},
			{
				Path: "devices[].far_header.unclear_keyslots", Type: "list of integer",
				About: "that may be whole in what is left of it alone; may be absent",
			},
			{
				Path: "devices[].far_header.revoked_keyslots", Type: "integer",
				About: "keyslots that it still holds and the header does not; may be absent",
			},
			{
				Path: "devices[].far_header.forgotten", Type: "list of object",
				About: "others on the device, with key material; may be absent",
			},
			{Path: "devices[].far_header.forgotten[].body_offset", Type: "integer", About: "bytes"},
			{Path: "devices[].far_header.forgotten[].body_length", Type: "integer", About: "bytes"},
			{Path: "devices[].far_header.forgotten[].locator_offset", Type: "integer", About: "bytes"},
			{
				Path: "devices[].far_header.forgotten[].state", Type: "string",
				About: "absent, damaged, unreadable, overwritten or whole",
			},
			{Path: "devices[].far_header.forgotten[].seqid", Type: "integer", About: "sequence number"},
			{
				Path: "devices[].requirements", Type: "list of string",
				About: "what the header demands of whoever opens it; may be absent",
			},
			{
				Path: "devices[].left_alone", Type: "boolean",
				About: "copies that differ in the middle of a reencryption are not mended; may be absent",
			},
			{
				Path: "devices[].reencryption", Type: "object", About: "a reencryption that is under way; may be " +
					"absent",
			},
			{Path: "devices[].reencryption.state", Type: "string", About: "clean, hot, concluded or foreign"},
			{Path: "devices[].reencryption.reason", Type: "string", About: "in words"},
			{
				Path: "devices[].reencryption.next_step", Type: "string",
				About: "what can be done without risk: resume, recover, take back, conclude, confirm or refuse",
			},
			{
				Path: "devices[].reencryption.cryptsetup", Type: "string",
				About: "what its next repair and resume make of it: continues, recovers, stuck, refuses, risks, " +
					"destroys or untold",
			},
			{
				Path: "devices[].reencryption.mode", Type: "string",
				About: "encrypt, decrypt or reencrypt; may be absent",
			},
			{
				Path: "devices[].reencryption.direction", Type: "string",
				About: "forward or backward; may be absent",
			},
			{
				Path: "devices[].reencryption.resilience", Type: "string",
				About: "as the header names it; may be absent",
			},
			{
				Path: "devices[].reencryption.pieces", Type: "list of object",
				About: "the data, from their start; may be absent",
			},
			{Path: "devices[].reencryption.pieces[].start", Type: "integer", About: "byte of the data"},
			{
				Path: "devices[].reencryption.pieces[].size", Type: "integer",
				About: "bytes; 0 up to the end of the device",
			},
			{Path: "devices[].reencryption.pieces[].side", Type: "string", About: "old, new or hot"},
			{Path: "devices[].reencryption.pieces[].offset", Type: "integer", About: "byte of the device"},
			{
				Path: "devices[].reencryption.record", Type: "object",
				About: "the hot zone held against what is recorded of it; may be absent",
			},
			{Path: "devices[].reencryption.record.units", Type: "integer", About: "that it is made of"},
			{
				Path: "devices[].reencryption.record.old", Type: "integer",
				About: "units that are as they are recorded, and so not rewritten yet",
			},
			{Path: "devices[].findings", Type: "list of object", About: "what was noticed"},
			{Path: "devices[].findings[].grade", Type: "string", About: "how bad it is"},
			{Path: "devices[].findings[].text", Type: "string", About: "in words"},
			{Path: "devices[].other_tools", Type: "list of object", About: "what other tools take the device for"},
			{Path: "devices[].other_tools[].tool", Type: "string", About: "name of the tool"},
			{Path: "devices[].other_tools[].says", Type: "string", About: "its answer"},
			{Path: "devices[].boot", Type: "list of object", About: "with --boot: boot loaders; may be absent"},
			{Path: "devices[].boot[].name", Type: "string", About: "name of the loader"},
			{Path: "devices[].boot[].opens", Type: "list of integer", About: "keyslots that it could open"},
			{Path: "devices[].boot[].refuses", Type: "list of string", About: "why not the others"},
			{Path: "devices[].boot[].notes", Type: "list of string", About: "may be absent"},
			{
				Path: "devices[].map", Type: "list of object",
				About: "with --map: regions in the order of offsets; may be absent",
			},
			{Path: "devices[].map[].kind", Type: "string", About: "what lies there"},
			{Path: "devices[].map[].offset", Type: "integer", About: "bytes"},
			{Path: "devices[].map[].size", Type: "integer", About: "bytes"},
			{Path: "devices[].map[].name", Type: "string", About: "in words"},
			{Path: "devices[].map[].keyslot", Type: "integer", About: "number, -1 where it is none"},
			{Path: "devices[].map[].damaged", Type: "boolean", About: "it is not what it should be"},
			{Path: "devices[].map[].why", Type: "string", About: "may be absent"},
			{
				Path: "devices[].data", Type: "object",
				About: "with --data: sectors of 512 bytes; may be absent",
			},
			{Path: "devices[].data.sectors", Type: "integer", About: "of the volume"},
			{Path: "devices[].data.good_sectors", Type: "integer", About: "that are what was written"},
			{Path: "devices[].data.mismatched_sectors", Type: "integer", About: "that are not"},
			{Path: "devices[].data.unreadable_sectors", Type: "integer", About: "that the device does not read"},
			{
				Path: "devices[].data.blocks_in_journal", Type: "integer",
				About: "newer in the journal",
			},
			{Path: "devices[].data.bad", Type: "list of object", About: "runs of sectors that are not"},
			{Path: "devices[].data.bad[].sector", Type: "integer", About: "the first, of the volume"},
			{Path: "devices[].data.bad[].sectors", Type: "integer", About: "how many"},
			{Path: "devices[].data.bad[].offset", Type: "integer", About: "of the first on the device, bytes"},
			{Path: "devices[].data.bad[].unreadable", Type: "boolean", About: "else they were changed"},
			{Path: "devices[].data.more_bad_ranges", Type: "integer", About: "that are not listed"},
			{
				Path: "devices[].bitlocker", Type: "object",
				About: "for a BitLocker volume, instead of all else; may be absent",
			},
			{Path: "devices[].bitlocker.verdict", Type: "string", About: "healthy, healable, lost or unopenable"},
			{Path: "devices[].bitlocker.findings", Type: "list of string", About: "what was noticed"},
			{Path: "devices[].bitlocker.copies", Type: "list of object", About: "of the metadata"},
			{Path: "devices[].bitlocker.copies[].offset", Type: "integer", About: "bytes"},
			{
				Path: "devices[].bitlocker.copies[].state", Type: "string",
				About: "valid, damaged, unreadable or absent",
			},
			{Path: "devices[].bitlocker.copies[].next_nonce", Type: "integer", About: "rises with every change"},
			{
				Path: "devices[].bitlocker.copies[].why", Type: "string",
				About: "what is wrong with it; may be absent",
			},
			{
				Path: "devices[].filevault", Type: "object",
				About: "for a FileVault 2 volume, instead of all else; may be absent",
			},
			{Path: "devices[].filevault.verdict", Type: "string", About: "healthy, healable, lost or unopenable"},
			{Path: "devices[].filevault.findings", Type: "list of string", About: "what was noticed"},
			{
				Path: "devices[].filevault.copies", Type: "list of object",
				About: "two of the header, then those of the metadata",
			},
			{Path: "devices[].filevault.copies[].offset", Type: "integer", About: "bytes"},
			{
				Path: "devices[].filevault.copies[].state", Type: "string",
				About: "valid, damaged, unreadable or absent",
			},
			{
				Path: "devices[].filevault.copies[].transaction", Type: "integer",
				About: "rises with every change; 0 of a header",
			},
			{
				Path: "devices[].filevault.copies[].why", Type: "string",
				About: "what is wrong with it; may be absent",
			},
			{
				Path: "devices[].verity", Type: "object",
				About: "for a hash device of dm-verity, instead of all else; may be absent",
			},
			{Path: "devices[].verity.verdict", Type: "string", About: "healthy or healable"},
			{Path: "devices[].verity.uuid", Type: "string", About: "may be absent"},
			{Path: "devices[].verity.hash", Type: "string", About: "its name; may be absent"},
			{Path: "devices[].verity.data_blocks", Type: "integer", About: "that are hashed"},
			{Path: "devices[].verity.data_block_size", Type: "integer", About: "bytes"},
			{Path: "devices[].verity.hash_blocks", Type: "integer", About: "of the tree"},
			{Path: "devices[].verity.findings", Type: "list of string", About: "what was noticed"},
		},
	}
}

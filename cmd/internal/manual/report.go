// SPDX-License-Identifier: Apache-2.0

package manual

import "github.com/orthrus-luks/orthrus/cmd/internal/cli"

// Field is one member of a --json report. Members of lists have [] in their path.
type Field struct {
	Path  string
	Type  string // string, integer, number, boolean; "list" of these or of objects
	About string
}

// Reports documents the --json reports, their fields in the order in which they are printed. Those
// that may be absent are said to be.
var Reports = map[cli.Action][]Field{
	cli.IsLuks: {
		{"luks", "boolean", "whether the device is a LUKS device; with false the exit status is 1 and nothing follows"},
		{"version", "integer", "1 or 2"},
		{"uuid", "string", "UUID of the volume"},
	},
	cli.LuksUUID: {
		{"uuid", "string", "UUID of the volume"},
	},
	cli.LuksDump: {
		{"keyslots", "object", "by number"},
		{"tokens", "object", "by number"},
		{"segments", "object", "by number"},
		{"digests", "object", "by number"},
		{"config", "object", "sizes, requirements and flags"},
	},
	cli.Status: {
		{"name", "string", "of the mapping"},
		{"active", "boolean", "with false the exit status is 4"},
		{"in_use", "boolean", "something has the mapping open"},
		{"suspended", "boolean", "reads and writes are held"},
		{"read_only", "boolean", "writes are refused"},
		{"type", "string", "LUKS1, LUKS2 or PLAIN; absent for mappings of others and where the header is elsewhere"},
		{"cipher", "string", "such as aes-xts-plain64; may be absent"},
		{"key_bits", "integer", "length of the key; may be absent"},
		{"key_location", "string", "keyring or dm-crypt; may be absent"},
		{"device", "string", "path of the data device; may be absent"},
		{"loop", "string", "file behind a loop device; may be absent"},
		{"sector_size", "integer", "bytes that are encrypted as one unit; may be absent"},
		{"offset", "integer", "where the data starts on the device, bytes"},
		{"size", "integer", "of the mapping, bytes"},
		{"flags", "list of string", "activation flags"},
	},
	cli.Boot: {
		{"volumes", "list of object", "in the order of the plan; with --dry-run the plan itself is printed, which has other fields"},
		{"volumes[].name", "string", "of the mapping"},
		{"volumes[].state", "string", "opened, absent (its device stayed away) or failed"},
		{"volumes[].device", "string", "node of the data device; may be absent"},
		{"volumes[].node", "string", "node of the mapping; may be absent"},
		{"volumes[].root", "boolean", "the root file system is named on it; may be absent"},
		{"volumes[].required", "boolean", "the boot does not go on without it"},
		{"volumes[].by", "string", "what the key came from; may be absent"},
		{"volumes[].grown", "boolean", "it has followed its device, which had grown; may be absent"},
		{"volumes[].reason", "string", "why it is not open; may be absent"},
		{"volumes[].waited_ns", "integer", "nanoseconds until its devices were there"},
		{"volumes[].derived_ns", "integer", "nanoseconds in key derivation"},
		{"degraded", "boolean", "the boot goes on without a volume that was required; may be absent"},
		{"took_ns", "integer", "nanoseconds in all"},
	},
	cli.Check: {
		{"devices", "list of object", "in the order of the command line"},
		{"devices[].device", "string", "as it was named"},
		{"devices[].error", "string", "why there is no report; then nothing follows; may be absent"},
		{"devices[].version", "integer", "1 or 2; 0 where nothing is left to tell"},
		{"devices[].uuid", "string", "UUID of the volume; may be absent"},
		{"devices[].label", "string", "label (LUKS2); may be absent"},
		{"devices[].subsystem", "string", "subsystem (LUKS2); may be absent"},
		{"devices[].device_size", "integer", "bytes"},
		{"devices[].verdict", "string", "healthy, healable or lost"},
		{"devices[].chosen", "string", "the header copy in use; may be absent"},
		{"devices[].chosen_because", "string", "why; may be absent"},
		{"devices[].copies", "list of object", "header copies (LUKS2); may be absent"},
		{"devices[].copies[].place", "string", "primary or secondary"},
		{"devices[].copies[].offset", "integer", "bytes"},
		{"devices[].copies[].size", "integer", "bytes; may be absent"},
		{"devices[].copies[].state", "string", "valid, stale, conflicting, damaged, unreadable or absent"},
		{"devices[].copies[].seqid", "integer", "how often the header was written"},
		{"devices[].copies[].why", "string", "what is wrong with it; may be absent"},
		{"devices[].keyslots", "list of object", "those in use"},
		{"devices[].keyslots[].id", "integer", "number"},
		{"devices[].keyslots[].type", "string", "as the header names it"},
		{"devices[].keyslots[].opens_data", "boolean", "false for an unbound keyslot"},
		{"devices[].keyslots[].kdf", "string", "key derivation and its cost; may be absent"},
		{"devices[].keyslots[].cipher", "string", "of the keyslot's area; may be absent"},
		{"devices[].keyslots[].offset", "integer", "of the area, bytes"},
		{"devices[].keyslots[].size", "integer", "of the area, bytes"},
		{"devices[].keyslots[].state", "string", "what the key material looks like"},
		{"devices[].keyslots[].entropy", "number", "bits for each byte of material"},
		{"devices[].keyslots[].damage_at", "integer", "byte where the first implausible sector begins; may be absent"},
		{"devices[].keyslots[].why", "string", "what is wrong with it; may be absent"},
		{"devices[].segments", "list of object", "of the data"},
		{"devices[].segments[].id", "integer", "number"},
		{"devices[].segments[].type", "string", "crypt or another"},
		{"devices[].segments[].offset", "integer", "bytes"},
		{"devices[].segments[].size", "integer", "what there is of it on this device, bytes"},
		{"devices[].segments[].dynamic", "boolean", "up to the end of the device"},
		{"devices[].segments[].backup", "boolean", "from before a reencryption; may be absent"},
		{"devices[].segments[].cipher", "string", "may be absent"},
		{"devices[].segments[].sector_size", "integer", "bytes; may be absent"},
		{"devices[].tokens", "list of object", "may be absent"},
		{"devices[].tokens[].id", "integer", "number"},
		{"devices[].tokens[].type", "string", "such as luks2-keyring"},
		{"devices[].tokens[].keyslots", "list of integer", "keyslots it is for"},
		{"devices[].requirements", "list of string", "what the header demands of whoever opens it; may be absent"},
		{"devices[].findings", "list of object", "what was noticed"},
		{"devices[].findings[].grade", "string", "how bad it is"},
		{"devices[].findings[].text", "string", "in words"},
		{"devices[].other_tools", "list of object", "what other tools take the device for"},
		{"devices[].other_tools[].tool", "string", "name of the tool"},
		{"devices[].other_tools[].says", "string", "its answer"},
		{"devices[].boot", "list of object", "with --boot: boot loaders; may be absent"},
		{"devices[].boot[].name", "string", "name of the loader"},
		{"devices[].boot[].opens", "list of integer", "keyslots that it could open"},
		{"devices[].boot[].refuses", "list of string", "why not the others"},
		{"devices[].boot[].notes", "list of string", "may be absent"},
		{"devices[].map", "list of object", "with --map: regions in the order of offsets; may be absent"},
		{"devices[].map[].kind", "string", "what lies there"},
		{"devices[].map[].offset", "integer", "bytes"},
		{"devices[].map[].size", "integer", "bytes"},
		{"devices[].map[].name", "string", "in words"},
		{"devices[].map[].keyslot", "integer", "number, -1 where it is none"},
		{"devices[].map[].damaged", "boolean", "it is not what it should be"},
		{"devices[].map[].why", "string", "may be absent"},
	},
	cli.Guard: {
		{"started", "string", "when the guard was started, RFC 3339"},
		{"pid", "integer", "its process"},
		{"source", "string", "where events come from: udev or kernel"},
		{"repair", "string", "the policy where no section of guard.conf says otherwise"},
		{"looks", "integer", "looks at a device since the start"},
		{"repairs", "integer", "copies of a head written from the other"},
		{"restores", "integer", "heads put back that were destroyed under a mapping"},
		{"transactions", "integer", "far headers brought into step or moved, transactions concluded"},
		{"enlarged", "integer", "mappings made longer"},
		{"refusals", "integer", "looks that found something to be done, and reasons against it"},
		{"failures", "integer", "steps that failed"},
		{"removals", "integer", "devices pulled out under a mapping"},
		{"rescans", "integer", "times that all devices were looked at again"},
		{"events", "integer", "events received"},
		{"events_forged", "integer", "events of senders that are not to be believed"},
		{"events_malformed", "integer", "events that could not be read"},
		{"overruns", "integer", "times that events were lost"},
		{"volumes", "list of object", "the volumes that are there"},
		{"volumes[].device", "string", "path of the device"},
		{"volumes[].uuid", "string", "UUID of the volume; may be absent"},
		{"volumes[].version", "integer", "1 or 2; 0 where nothing is left to tell"},
		{"volumes[].label", "string", "label (LUKS2); may be absent"},
		{"volumes[].size", "integer", "of the device, bytes"},
		{"volumes[].verdict", "string", "healthy, healable or lost"},
		{"volumes[].copies", "list of object", "the header copies (LUKS2), as check reports them; may be absent"},
		{"volumes[].copies[].place", "string", "primary or secondary"},
		{"volumes[].copies[].offset", "integer", "bytes"},
		{"volumes[].copies[].size", "integer", "bytes; may be absent"},
		{"volumes[].copies[].state", "string", "valid, stale, conflicting, damaged, unreadable or absent"},
		{"volumes[].copies[].seqid", "integer", "number of the last update"},
		{"volumes[].copies[].why", "string", "what is wrong; may be absent"},
		{"volumes[].findings", "list of string", "what was noticed"},
		{"volumes[].mapping", "string", "name of the active mapping; may be absent"},
		{"volumes[].mapped_size", "integer", "its size, bytes; may be absent"},
		{"volumes[].key_held", "boolean", "the mapping can be enlarged without a passphrase"},
		{"volumes[].last_good", "string", "when the volume was last seen in order, RFC 3339; empty for never"},
		{"volumes[].checked", "string", "when it was last looked at, RFC 3339"},
		{"volumes[].did", "string", "what was done last; may be absent"},
		{"volumes[].undo", "string", "file with what that overwrote; may be absent"},
		{"volumes[].would", "string", "what would help; may be absent"},
		{"volumes[].because", "list of string", "what is against it; may be absent"},
		{"volumes[].repair", "string", "the policy for the volume"},
	},
	cli.Benchmark: {
		{"pbkdf2", "list of object", "may be absent"},
		{"pbkdf2[].hash", "string", "name of the hash"},
		{"pbkdf2[].iterations_per_second", "integer", "for a key of 256 bits"},
		{"argon2", "list of object", "may be absent"},
		{"argon2[].type", "string", "argon2i or argon2id"},
		{"argon2[].time", "integer", "passes that take the target time"},
		{"argon2[].memory_kib", "integer", "memory of these passes, KiB"},
		{"argon2[].cpus", "integer", "lanes"},
		{"argon2[].target_ms", "integer", "the time asked for, milliseconds"},
		{"ciphers", "list of object", "may be absent"},
		{"ciphers[].cipher", "string", "such as aes-xts"},
		{"ciphers[].key_bits", "integer", "length of the key"},
		{"ciphers[].encrypt_mib_per_second", "number", "one core, this program's own code"},
		{"ciphers[].decrypt_mib_per_second", "number", "one core, this program's own code"},
	},
}

// report writes the schema of an action's report, if it has one.
func report(r *roff, action cli.Action) {
	fields := Reports[action]
	if len(fields) == 0 {
		return
	}
	r.section("JSON REPORT")
	if action == cli.LuksDump {
		r.paragraph("The metadata of a LUKS2 header as its specification defines it, unknown members included:")
	} else {
		r.paragraph("One object with these fields:")
	}
	for _, f := range fields {
		r.item(f.Path, f.Type+": "+f.About+".")
	}
}

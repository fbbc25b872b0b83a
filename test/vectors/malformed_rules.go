// SPDX-License-Identifier: Apache-2.0

package vectors

// Object is a JSON object.
type Object = map[string]any

// In follows names into nested objects.
func In(meta Object, path ...string) Object {
	for _, name := range path {
		meta = meta[name].(Object)
	}
	return meta
}

// brokenRules: the metadata breaks one rule of the format each, or comes close to it. Checksums are
// right in both heads. The edits fit a volume with heads of 16 KiB and 512 KiB of keyslots.
var brokenRules = []struct {
	name string
	edit func(m Object)
}{
	{name: "nothing changed", edit: func(m Object) {}},
	{name: "no keyslots object", edit: func(m Object) { delete(m, "keyslots") }},
	{name: "no tokens object", edit: func(m Object) { delete(m, "tokens") }},
	{name: "no segments object", edit: func(m Object) { delete(m, "segments") }},
	{name: "no digests object", edit: func(m Object) { delete(m, "digests") }},
	{name: "no config object", edit: func(m Object) { delete(m, "config") }},
	{name: "keyslots an array", edit: func(m Object) { m["keyslots"] = []any{} }},
	{name: "extra member", edit: func(m Object) { m["extra"] = 1 }},
	{name: "keyslot name not a number", edit: func(m Object) { In(m, "keyslots")["x"] = In(m, "keyslots", "0") }},
	{name: "token name not a number", edit: func(m Object) { In(m, "tokens")["x"] = Object{"type": "t", "keyslots": []any{}} }},
	{name: "token for a missing keyslot", edit: func(m Object) { In(m, "tokens")["0"] = Object{"type": "t", "keyslots": []any{"7"}} }},
	{name: "token without type", edit: func(m Object) { In(m, "tokens")["0"] = Object{"keyslots": []any{}} }},
	{name: "token with empty type", edit: func(m Object) { In(m, "tokens")["0"] = Object{"type": "", "keyslots": []any{}} }},
	{name: "token without keyslots", edit: func(m Object) { In(m, "tokens")["0"] = Object{"type": "t"} }},
	{name: "token with more", edit: func(m Object) {
		In(m, "tokens")["0"] = Object{"type": "t", "keyslots": []any{"0"}, "x": Object{"y": 1.5}}
	}},
	{name: "keyring token with more", edit: func(m Object) {
		In(m, "tokens")["0"] = Object{"type": "luks2-keyring", "keyslots": []any{"0"}, "key_description": "d", "x": 1}
	}},
	{name: "json_size wrong", edit: func(m Object) { In(m, "config")["json_size"] = "12289" }},
	{name: "json_size of another head", edit: func(m Object) { In(m, "config")["json_size"] = "28672" }},
	{name: "json_size a number", edit: func(m Object) { In(m, "config")["json_size"] = 12288 }},
	{name: "no json_size", edit: func(m Object) { delete(In(m, "config"), "json_size") }},
	{name: "keyslots_size not aligned", edit: func(m Object) { In(m, "config")["keyslots_size"] = "524289" }},
	{name: "keyslots_size into the data", edit: func(m Object) { In(m, "config")["keyslots_size"] = "16777216" }},
	{name: "keyslots_size too large", edit: func(m Object) { In(m, "config")["keyslots_size"] = "134221824" }},
	{name: "keyslots_size zero", edit: func(m Object) { In(m, "config")["keyslots_size"] = "0" }},
	{name: "keyslots_size empty", edit: func(m Object) { In(m, "config")["keyslots_size"] = "" }},
	{name: "flags a string", edit: func(m Object) { In(m, "config")["flags"] = "allow-discards" }},
	{name: "flags of numbers", edit: func(m Object) { In(m, "config")["flags"] = []any{1} }},
	{name: "unknown flag", edit: func(m Object) { In(m, "config")["flags"] = []any{"later"} }},
	{name: "requirements an array", edit: func(m Object) { In(m, "config")["requirements"] = []any{} }},
	{name: "unknown requirement", edit: func(m Object) { In(m, "config")["requirements"] = Object{"mandatory": []any{"later"}} }},
	{name: "requirements of numbers", edit: func(m Object) { In(m, "config")["requirements"] = Object{"mandatory": []any{1}} }},
	{name: "two reencrypt requirements", edit: func(m Object) {
		In(m, "config")["requirements"] = Object{"mandatory": []any{"online-reencrypt", "online-reencrypt-v2"}}
	}},
	{name: "reencrypt requirement alone", edit: func(m Object) { In(m, "config")["requirements"] = Object{"mandatory": []any{"online-reencrypt-v2"}} }},
	{name: "optional requirement", edit: func(m Object) { In(m, "config")["requirements"] = Object{"optional": []any{"later"}} }},
	{name: "keyslot without type", edit: func(m Object) { delete(In(m, "keyslots", "0"), "type") }},
	{name: "keyslot of unknown type", edit: func(m Object) { In(m, "keyslots", "0")["type"] = "later" }},
	{name: "keyslot without area", edit: func(m Object) { delete(In(m, "keyslots", "0"), "area") }},
	{name: "keyslot without kdf", edit: func(m Object) { delete(In(m, "keyslots", "0"), "kdf") }},
	{name: "keyslot without af", edit: func(m Object) { delete(In(m, "keyslots", "0"), "af") }},
	{name: "keyslot without key_size", edit: func(m Object) { delete(In(m, "keyslots", "0"), "key_size") }},
	{name: "key_size a string", edit: func(m Object) { In(m, "keyslots", "0")["key_size"] = "32" }},
	{name: "key_size negative", edit: func(m Object) { In(m, "keyslots", "0")["key_size"] = -1 }},
	{name: "key_size a fraction", edit: func(m Object) { In(m, "keyslots", "0")["key_size"] = 32.5 }},
	{name: "priority a string", edit: func(m Object) { In(m, "keyslots", "0")["priority"] = "2" }},
	{name: "priority out of range", edit: func(m Object) { In(m, "keyslots", "0")["priority"] = 9 }},
	{name: "unknown kdf", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["type"] = "later" }},
	{name: "kdf with members of another", edit: func(m Object) {
		kdf := In(m, "keyslots", "0", "kdf")
		kdf["time"], kdf["memory"], kdf["cpus"] = 4, 64, 1
	}},
	{name: "kdf with more", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["x"] = 1 }},
	{name: "kdf without salt", edit: func(m Object) { delete(In(m, "keyslots", "0", "kdf"), "salt") }},
	{name: "kdf salt short", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["salt"] = "YWJj" }},
	{name: "kdf salt not base64", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["salt"] = "#" }},
	{name: "kdf iterations a string", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["iterations"] = "1000" }},
	{name: "kdf hash unknown", edit: func(m Object) { In(m, "keyslots", "0", "kdf")["hash"] = "later" }},
	{name: "unknown af", edit: func(m Object) { In(m, "keyslots", "0", "af")["type"] = "later" }},
	{name: "af without hash", edit: func(m Object) { delete(In(m, "keyslots", "0", "af"), "hash") }},
	{name: "af hash unknown", edit: func(m Object) { In(m, "keyslots", "0", "af")["hash"] = "later" }},
	{name: "af stripes a string", edit: func(m Object) { In(m, "keyslots", "0", "af")["stripes"] = "4000" }},
	{name: "area of unknown type", edit: func(m Object) { In(m, "keyslots", "0", "area")["type"] = "later" }},
	{name: "area in the heads", edit: func(m Object) { In(m, "keyslots", "0", "area")["offset"] = "16384" }},
	{name: "area behind the keyslots", edit: func(m Object) { In(m, "keyslots", "0", "area")["offset"] = "524288" }},
	{name: "area offset a number", edit: func(m Object) { In(m, "keyslots", "0", "area")["offset"] = 32768 }},
	{name: "area offset empty", edit: func(m Object) { In(m, "keyslots", "0", "area")["offset"] = "" }},
	{name: "area size zero", edit: func(m Object) { In(m, "keyslots", "0", "area")["size"] = "0" }},
	{name: "area size overflows", edit: func(m Object) { In(m, "keyslots", "0", "area")["size"] = "18446744073709551615" }},
	{name: "area size too many digits", edit: func(m Object) { In(m, "keyslots", "0", "area")["size"] = "18446744073709551616" }},
	{name: "area without encryption", edit: func(m Object) { delete(In(m, "keyslots", "0", "area"), "encryption") }},
	{name: "area encryption unknown", edit: func(m Object) { In(m, "keyslots", "0", "area")["encryption"] = "later-xts-plain64" }},
	{name: "area key_size a string", edit: func(m Object) { In(m, "keyslots", "0", "area")["key_size"] = "32" }},
	{name: "areas overlap", edit: func(m Object) {
		In(m, "keyslots")["1"] = In(m, "keyslots", "0")
		In(m, "digests", "0")["keyslots"] = []any{"0", "1"}
	}},
	{name: "keyslot without digest", edit: func(m Object) { In(m, "digests", "0")["keyslots"] = []any{} }},
	{name: "keyslot with two digests", edit: func(m Object) { In(m, "digests")["1"] = In(m, "digests", "0") }},
	{name: "digest for a missing keyslot", edit: func(m Object) { In(m, "digests", "0")["keyslots"] = []any{"0", "5"} }},
	{name: "digest for a missing segment", edit: func(m Object) { In(m, "digests", "0")["segments"] = []any{"0", "5"} }},
	{name: "digest without type", edit: func(m Object) { delete(In(m, "digests", "0"), "type") }},
	{name: "digest of unknown type", edit: func(m Object) { In(m, "digests", "0")["type"] = "later" }},
	{name: "digest without salt", edit: func(m Object) { delete(In(m, "digests", "0"), "salt") }},
	{name: "digest without digest", edit: func(m Object) { delete(In(m, "digests", "0"), "digest") }},
	{name: "digest of another key", edit: func(m Object) {
		In(m, "digests", "0")["digest"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	}},
	{name: "digest keyslots a string", edit: func(m Object) { In(m, "digests", "0")["keyslots"] = "0" }},
	{name: "no segment", edit: func(m Object) { delete(In(m, "segments"), "0") }},
	{name: "segments from 1", edit: func(m Object) {
		In(m, "segments")["1"] = In(m, "segments", "0")
		delete(In(m, "segments"), "0")
		In(m, "digests", "0")["segments"] = []any{"1"}
	}},
	{name: "segment without type", edit: func(m Object) { delete(In(m, "segments", "0"), "type") }},
	{name: "segment of unknown type", edit: func(m Object) { In(m, "segments", "0")["type"] = "later" }},
	{name: "segment offset a number", edit: func(m Object) { In(m, "segments", "0")["offset"] = 1048576 }},
	{name: "segment offset odd", edit: func(m Object) { In(m, "segments", "0")["offset"] = "1048577" }},
	{name: "segment in the keyslots", edit: func(m Object) { In(m, "segments", "0")["offset"] = "262144" }},
	{name: "segment at 0", edit: func(m Object) { In(m, "segments", "0")["offset"] = "0" }},
	{name: "segment size zero", edit: func(m Object) { In(m, "segments", "0")["size"] = "0" }},
	{name: "segment size near 2^64", edit: func(m Object) { In(m, "segments", "0")["size"] = "18446744073709551104" }},
	{name: "segment offset near 2^64", edit: func(m Object) { In(m, "segments", "0")["offset"] = "18446744073709551104" }},
	{name: "sector_size 2^30", edit: func(m Object) { In(m, "segments", "0")["sector_size"] = 1 << 30 }},
	{name: "segment size odd", edit: func(m Object) { In(m, "segments", "0")["size"] = "1000" }},
	{name: "segment size fixed", edit: func(m Object) { In(m, "segments", "0")["size"] = "65536" }},
	{name: "segment size no number", edit: func(m Object) { In(m, "segments", "0")["size"] = "all" }},
	{name: "segment without encryption", edit: func(m Object) { delete(In(m, "segments", "0"), "encryption") }},
	{name: "segment without sector_size", edit: func(m Object) { delete(In(m, "segments", "0"), "sector_size") }},
	{name: "sector_size zero", edit: func(m Object) { In(m, "segments", "0")["sector_size"] = 0 }},
	{name: "sector_size odd", edit: func(m Object) { In(m, "segments", "0")["sector_size"] = 1000 }},
	{name: "sector_size a string", edit: func(m Object) { In(m, "segments", "0")["sector_size"] = "512" }},
	{name: "iv_tweak negative", edit: func(m Object) { In(m, "segments", "0")["iv_tweak"] = "-1" }},
	{name: "no iv_tweak", edit: func(m Object) { delete(In(m, "segments", "0"), "iv_tweak") }},
	{name: "crypt segment without digest", edit: func(m Object) { In(m, "digests", "0")["segments"] = []any{} }},
	{name: "integrity without type", edit: func(m Object) { In(m, "segments", "0")["integrity"] = Object{} }},
	{name: "segment flags a string", edit: func(m Object) { In(m, "segments", "0")["flags"] = "x" }},
	{name: "only a backup segment", edit: func(m Object) { In(m, "segments", "0")["flags"] = []any{"backup-x"} }},
	{name: "two dynamic segments", edit: func(m Object) {
		In(m, "segments")["1"] = In(m, "segments", "0")
		In(m, "digests", "0")["segments"] = []any{"0", "1"}
	}},
}

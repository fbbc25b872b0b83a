// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// foreignMembers puts into a header what no tool knows: members at every level, a flag, an optional
// requirement, a token, and a keyslot of another type with an area.
func foreignMembers(meta map[string]any) {
	meta["later"] = object{"x": []any{1.0, "two"}}
	config := in(meta, "config")
	config["note"], config["flags"] = "kept", []any{"later-flag"}
	config["requirements"] = object{"optional": []any{"nice"}}
	slot := in(meta, "keyslots", "0")
	slot["note"], slot["priority"] = "kept", 2.0
	in(slot, "area")["note"] = "kept"
	in(slot, "af")["note"] = "kept"
	in(meta, "segments", "0")["note"] = "kept"
	in(meta, "digests", "0")["note"] = "kept"
	in(meta, "tokens")["3"] = object{"type": "foreign", "keyslots": []any{"0"}, "blob": "YWJj", "deep": object{"er": []any{true}}}
	in(meta, "keyslots")["5"] = object{"type": "vault", "key_size": 16.0, "note": "kept", "area": object{"type": "raw", "offset": "1048576", "size": "8192", "note": "kept"}}
}

// foreignPaths are where they are found again.
var foreignPaths = [][]string{
	{"later"},
	{"config", "note"},
	{"config", "requirements"},
	{"keyslots", "0", "note"},
	{"keyslots", "0", "priority"},
	{"keyslots", "0", "area", "note"},
	{"keyslots", "0", "af", "note"},
	{"segments", "0", "note"},
	{"digests", "0", "note"},
	{"tokens", "3", "blob"},
	{"tokens", "3", "deep"},
	{"keyslots", "5"},
}

func at(meta any, path []string) string {
	for _, key := range path {
		m, ok := meta.(map[string]any)
		if !ok {
			return "missing"
		}
		meta = m[key]
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestEveryChangeKeepsWhatNobodyKnows carries out each change on such a header and looks for all of
// it; the real cryptsetup still reads the header.
func TestEveryChangeKeepsWhatNobodyKnows(t *testing.T) {
	changes := []string{
		"config --label L a.img",
		"config --priority ignore --key-slot 1 a.img",
		"luksAddKey -q" + quick + "--key-file k1 a.img k3",
		"luksAddKey -q" + quick + "--unbound --key-size 128 a.img k3",
		"luksChangeKey -q" + quick + "--key-file k1 --key-slot 0 a.img k3",
		"luksConvertKey -q --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 64 --pbkdf-parallel 1 --key-slot 0 --key-file k1 a.img",
		"luksKillSlot -q a.img 1",
		"luksRemoveKey -q a.img k2",
		"token add --key-description d a.img",
		"token import --json-file t1 a.img",
		"token import --json-file t1 --token-id 9 a.img;token remove --token-id 9 a.img",
		"token import --json-file t1 a.img;token unassign --token-id 0 --key-slot 0 a.img",
		"luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 a.img",
		"luksHeaderBackup --header-backup-file back a.img;luksErase -q a.img;luksHeaderRestore -q --header-backup-file back a.img",
		"repair -q a.img",
		"open --test-passphrase --key-slot 0 --key-file k1 a.img",
	}
	for i, change := range changes {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.write("t1", `{"type":"some","keyslots":["0"]}`)
			b.image("a.img", 8<<20)
			b.must(bench.trixie, words("luksFormat -q --key-file k1 --luks2-keyslots-size 2m"+quick+"a.img")...)
			b.must(bench.trixie, words("luksAddKey -q --key-file k1"+quick+"a.img k2")...)
			reseal(b, "a.img", foreignMembers)
			before := metaOf(b)
			for _, command := range strings.Split(change, ";") {
				b.must(bench.ours, words(command)...)
			}
			after := metaOf(b)
			for _, path := range foreignPaths {
				if was, is := at(before, path), at(after, path); was != is || was == "missing" || was == "null" {
					t.Errorf("%s: %v was %s and is %s", change, path, was, is)
				}
			}
			b.must(bench.trixie, "luksDump", "a.img")
			b.must(bench.bookworm, "luksDump", "a.img")
		})
	}
}

func metaOf(b *bed) map[string]any {
	b.t.Helper()
	var meta map[string]any
	if err := json.Unmarshal([]byte(b.must(bench.ours, "luksDump", "--dump-json-metadata", "a.img")), &meta); err != nil {
		b.t.Fatal(err)
	}
	return meta
}

// TestRequirementsAreHonouredAndKept: a header that demands what nobody here knows is read, and
// changed by nobody.
func TestRequirementsAreHonouredAndKept(t *testing.T) {
	for _, change := range []string{
		"luksAddKey -q" + quick + "--key-file k1 a.img k2", "luksChangeKey -q" + quick + "--key-file k1 a.img k2", "config --label L a.img",
		"config --priority ignore --key-slot 0 a.img", "token add --key-description d a.img", "luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 a.img",
		"convert -q --type luks1 a.img", "luksConvertKey -q" + quick + "--key-slot 0 --key-file k1 a.img", "token import --json-file t1 a.img",
	} {
		t.Run(words(change)[0], func(t *testing.T) {
			b := newBed(t)
			b.write("t1", `{"type":"some","keyslots":["0"]}`)
			b.image("a.img", 8<<20)
			b.must(bench.trixie, words("luksFormat -q --key-file k1 --sector-size 512 --luks2-keyslots-size 1m"+quick+"a.img")...)
			reseal(b, "a.img", func(m object) { in(m, "config")["requirements"] = object{"mandatory": []any{"later"}} })
			before := b.sum("a.img")
			got, want := b.run(bench.ours, words(change)...), b.run(bench.trixie, words(change)...)
			if got.code != want.code || got.code == 0 {
				t.Errorf("%s: exit %d, cryptsetup %d\n%s%s", change, got.code, want.code, got.stderr, want.stderr)
			}
			if b.sum("a.img") != before {
				t.Errorf("%s: something was written", change)
			}
			for _, p := range []tool{bench.ours, bench.trixie} {
				b.exits(p, 0, words("open --test-passphrase --key-file k1 a.img")...)
			}
			b.same(bench.ours, bench.trixie, "luksDump", "a.img")
		})
	}
}

// TestOldLayoutsOfLUKS1: the data right behind the keyslots, as old releases and small devices have it.
func TestOldLayoutsOfLUKS1(t *testing.T) {
	for _, k := range []kind{
		{cipher: "aes-cbc-essiv:sha256", keyBits: 128, hash: "sha1"},
		{cipher: "aes-xts-plain64", keyBits: 256, hash: "ripemd160"},
		{cipher: "aes-xts-plain64", keyBits: 512, hash: "sha512"},
	} {
		t.Run(fmt.Sprintf("%s-%d", k.cipher, k.keyBits), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.image("a.img", 4<<20)
			k.version, k.pbkdf = "luks1", "pbkdf2"
			b.must(bench.bookworm, join(k.format(), words("--align-payload 8 a.img"))...)
			payload := b.must(bench.ours, "luksDump", "a.img")
			for _, p := range [][2]tool{{bench.ours, bench.bookworm}, {bench.bookworm, bench.ours}} {
				b.must(p[0], k.addKey("a.img", "k1", "k2")...)
				b.must(p[1], join(words("luksChangeKey -q --pbkdf-force-iterations 1000 --key-file k2 a.img k3"))...)
				b.unlocks(p[0], p[1], 2, "k2")
				b.must(p[0], words("luksRemoveKey -q a.img k3")...)
				b.unlocks(p[0], p[1], 0, "k1")
				b.same(p[0], p[1], "luksDump", "a.img")
			}
			if len(payload) == 0 {
				t.Error("nothing was dumped")
			}
		})
	}
}

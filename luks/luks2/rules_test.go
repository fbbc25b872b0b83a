// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// plainText is metadata with one keyslot, one token, one segment.
const plainText = `{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1","stripes":4000,"hash":"sha256"},` +
	`"area":{"type":"raw","offset":"32768","size":"258048","encryption":"aes-xts-plain64","key_size":64},` +
	`"kdf":{"type":"pbkdf2","hash":"sha256","iterations":1000,"salt":"8p6tG72DeikEU6YQY9FDbnWUD/fs0fUkUkuBwSOYC/g="}}},` +
	`"tokens":{"0":{"type":"t","keyslots":["0"]}},` +
	`"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}},` +
	`"digests":{"0":{"type":"pbkdf2","keyslots":["0"],"segments":["0"],"hash":"sha256","iterations":1000,` +
	`"salt":"kqKJmUvX4pPmCmotomSqQ0zrP90bBsOz9NGF6BWCfoY=","digest":"B9VG2BJNnS9v3PpnG1mzZSYGWRec26TAYDbsVvt1qLw="}},` +
	`"config":{"json_size":"12288","keyslots_size":"16744448"}}`

const (
	plainKeyslot = `"0":{"type":"luks2","key_size":64,`
	plainSegment = `"0":{"type":"crypt","offset":"16777216","size":"dynamic"`
	reencryption = `"requirements":{"mandatory":["online-reencrypt-v2"]}`
)

func validated(t *testing.T, text string) error {
	t.Helper()
	m, err := ParseMetadata([]byte(text))
	if err != nil {
		return err
	}
	return m.Validate(MinSize)
}

func TestEachRuleOfTheJSONBroken(t *testing.T) {
	cases := []struct{ name, from, to, path string }{
		{"keyslots missing", `"keyslots":{"0"`, `"keyslotz":{"0"`, "keyslots"},
		{"tokens is a list", `"tokens":{"0":{"type":"t","keyslots":["0"]}}`, `"tokens":[]`, "tokens"},
		{"config missing", `"config"`, `"konfig"`, "config"},
		{"keyslot named by a word", plainKeyslot, `"zero":{"type":"luks2","key_size":64,`, "keyslots"},
		{"keyslot named 00 leaves a dangling link", plainKeyslot, `"00":{"type":"luks2","key_size":64,`, "tokens.0.keyslots"},
		{"token without type", `"type":"t",`, ``, "tokens.0.type"},
		{"token of empty type", `"type":"t"`, `"type":""`, "tokens.0.type"},
		{"token without keyslots", `"type":"t","keyslots":["0"]`, `"type":"t"`, "tokens.0.keyslots"},
		{"token of a missing keyslot", `"type":"t","keyslots":["0"]`, `"type":"t","keyslots":["4"]`, "tokens.0.keyslots"},
		{"token keyslot is a number", `"type":"t","keyslots":["0"]`, `"type":"t","keyslots":[0]`, "tokens.0.keyslots[0]"},
		{"keyring token without description", `"type":"t","keyslots":["0"]`, `"type":"luks2-keyring","keyslots":["0"]`, "tokens.0.key_description"},
		{"keyring token with an extra member", `"type":"t","keyslots":["0"]`, `"type":"luks2-keyring","keyslots":["0"],"key_description":"d","x":1`, "tokens.0"},
		{"keyring token with an empty description", `"type":"t","keyslots":["0"]`, `"type":"luks2-keyring","keyslots":["0"],"key_description":""`, "tokens.0.key_description"},
		{"digest of a missing segment", `"segments":["0"]`, `"segments":["1"]`, "digests.0.segments"},
		{"digest iterations as text", `"iterations":1000,"salt":"kqKJ`, `"iterations":"1000","salt":"kqKJ`, "digests.0.iterations"},
		{"digest without value", `,"digest":"B9VG2BJNnS9v3PpnG1mzZSYGWRec26TAYDbsVvt1qLw="`, ``, "digests.0.digest"},
		{"no segment", `"segments":{` + plainSegment + `,"iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}}`, `"segments":{}`, "digests.0.segments"},
		{"segment offset unaligned", `"offset":"16777216"`, `"offset":"16777217"`, "segments.0.offset"},
		{"segment offset negative", `"offset":"16777216"`, `"offset":"-512"`, "segments.0.offset"},
		{"segment size zero", `"size":"dynamic"`, `"size":"0"`, "segments.0.size"},
		{"segment size a word", `"size":"dynamic"`, `"size":"static"`, "segments.0.size"},
		{"one of two segments over the edge of 64 bits", `"segments":{"0":{`, `"segments":{"1":{"type":"x","offset":"16777216","size":"18446744073709551104"},"0":{"x":1,`, "segments.0"},
		{"segment size beyond 64 bits", `"size":"dynamic"`, `"size":"18446744073709551616"`, "segments.0.size"},
		{"segment type empty", `"type":"crypt"`, `"type":""`, "segments.0.type"},
		{"iv_tweak a number", `"iv_tweak":"0"`, `"iv_tweak":0`, "segments.0.iv_tweak"},
		{"sector size a float", `"sector_size":512`, `"sector_size":512.0`, "segments.0.sector_size"},
		{"sector size zero", `"sector_size":512`, `"sector_size":0`, "segments.0.sector_size"},
		{"sector size 513", `"sector_size":512`, `"sector_size":513`, "segments.0.sector_size"},
		{"size no multiple of the sector size", `"size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512`, `"size":"512","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":4096`, "segments.0.size"},
		{"segment without digest", `"segments":["0"]`, `"segments":[]`, "segments.0"},
		{"flags no list", plainSegment, `"0":{"type":"crypt","flags":"x","offset":"16777216","size":"dynamic"`, "segments.0.flags"},
		{"only a backup segment", plainSegment, `"0":{"type":"crypt","flags":["backup-x"],"offset":"16777216","size":"dynamic"`, "segments"},
		{"segment ids with a gap", plainSegment, `"1":{"type":"linear","offset":"0","size":"512"},"2":{"type":"crypt","offset":"16777216","size":"dynamic"`, "digests.0.segments"},
		{"dynamic segment not the last", plainSegment, `"1":{"type":"linear","offset":"0","size":"512"},` + plainSegment, "segments.0"},
		{"segments overlap", plainSegment, `"1":{"type":"linear","offset":"33554432","size":"dynamic"},` + plainSegment, "segments.0"},
		{"integrity without journal", `"sector_size":512`, `"sector_size":512,"integrity":{"type":"aead"}`, "segments.0.integrity.journal_encryption"},
		{"keyslot type missing", plainKeyslot, `"0":{"key_size":64,`, "keyslots.0.type"},
		{"key size negative", `"type":"luks2","key_size":64`, `"type":"luks2","key_size":-1`, "keyslots.0.key_size"},
		{"key size beyond 32 bits", `"type":"luks2","key_size":64`, `"type":"luks2","key_size":4294967296`, "keyslots.0.key_size"},
		{"priority a word", plainKeyslot, plainKeyslot + `"priority":"high",`, "keyslots.0.priority"},
		{"area missing", `"area":{"type":"raw"`, `"aria":{"type":"raw"`, "keyslots.0.area"},
		{"area offset a number", `"offset":"32768"`, `"offset":32768`, "keyslots.0.area.offset"},
		{"area in the headers", `"offset":"32768"`, `"offset":"28672"`, "keyslots.0.area"},
		{"area behind the keyslots area", `"offset":"32768"`, `"offset":"16777216"`, "keyslots.0.area"},
		{"area of no size", `"size":"258048"`, `"size":"0"`, "keyslots.0.area"},
		{"area over the edge of 64 bits", `"offset":"32768","size":"258048"`, `"offset":"32768","size":"18446744073709551615"`, "keyslots.0.area"},
		{"areas overlap", plainKeyslot, `"1":{"type":"x","key_size":1,"area":{"type":"raw","offset":"36864","size":"4096"}},` + plainKeyslot, "keyslots.0.area"},
		{"area of unknown type", `"area":{"type":"raw"`, `"area":{"type":"cooked"`, "keyslots.0.area.type"},
		{"af missing", `"af":{`, `"uf":{`, "keyslots.0.af"},
		{"af of unknown type", `"af":{"type":"luks1"`, `"af":{"type":"luks9"`, "keyslots.0.af.type"},
		{"kdf missing", `"kdf":{`, `"kdg":{`, "keyslots.0.kdf"},
		{"kdf without hash", `"hash":"sha256","iterations":1000,"salt":"8p6t`, `"iterations":1000,"salt":"8p6t`, "keyslots.0.kdf.hash"},
		{"argon2 without its costs", `"kdf":{"type":"pbkdf2","hash":"sha256","iterations":1000,`, `"kdf":{"type":"argon2id","time":4,"memory":64,`, "keyslots.0.kdf.cpus"},
		{"keyslot in two digests", `"digests":{`, `"digests":{"1":{"type":"x","keyslots":["0"],"segments":[]},`, "keyslots.0"},
		{"keyslot in no digest", `"keyslots":["0"],"segments":["0"]`, `"keyslots":[],"segments":["0"]`, "keyslots.0"},
		{"json_size of no class", `"json_size":"12288"`, `"json_size":"12289"`, "config.json_size"},
		{"json_size of another class", `"json_size":"12288","keyslots_size":"16744448"`, `"json_size":"28672","keyslots_size":"4194304"`, "config.json_size"},
		{"keyslots_size unaligned", `"16744448"`, `"16744000"`, "config.keyslots_size"},
		{"keyslots_size into the data", `"16744448"`, `"16748544"`, "config.keyslots_size"},
		{"keyslots_size above 128 MiB", `"16744448"`, `"134221824"`, "config.keyslots_size"},
		{"config flags no list", `"json_size"`, `"flags":{},"json_size"`, "config.flags"},
		{"requirements no object", `"json_size"`, `"requirements":[],"json_size"`, "config.requirements"},
		{"mandatory of numbers", `"json_size"`, `"requirements":{"mandatory":[1]},"json_size"`, "config.requirements.mandatory[0]"},
		{"two reencryptions", `"json_size"`, `"requirements":{"mandatory":["online-reencrypt","online-reencrypt-v2"]},"json_size"`, "config.requirements.mandatory"},
		{"reencryption without segments", `"json_size"`, reencryption + `,"json_size"`, "segments"},
		{"reencrypt keyslot without requirement", plainKeyslot, `"1":{"type":"reencrypt","key_size":1,"mode":"reencrypt","direction":"forward","area":{"type":"none","offset":"290816","size":"4096"}},` + plainKeyslot, "keyslots"},
		{"reencrypt keyslot of odd mode", plainKeyslot, `"1":{"type":"reencrypt","key_size":1,"mode":"x","direction":"forward","area":{"type":"none","offset":"290816","size":"4096"}},` + plainKeyslot, "keyslots.1.mode"},
		{"reencrypt checksum of odd sector size", plainKeyslot, `"1":{"type":"reencrypt","key_size":1,"mode":"reencrypt","direction":"forward","area":{"type":"checksum","hash":"sha256","sector_size":768,"offset":"290816","size":"4096"}},` + plainKeyslot, "keyslots.1.area.sector_size"},
	}
	if err := validated(t, plainText); err != nil {
		t.Fatalf("the unbroken text: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(plainText, c.from, c.to, 1)
			if text == plainText {
				t.Fatal("the case changes nothing")
			}
			err := validated(t, text)
			var damage *DamageError
			if !errors.As(err, &damage) || !errors.Is(err, ErrRule) {
				t.Fatalf("error %v, want a broken rule", err)
			}
			if damage.Field != c.path {
				t.Errorf("named %q (%v), want %q", damage.Field, err, c.path)
			}
		})
	}
}

func TestWhatTheFormatLeavesOpenIsAccepted(t *testing.T) {
	cases := []struct{ name, from, to string }{
		{"unknown members everywhere", `"type":"t"`, `"type":"t","x":{"y":[1,{"z":null}]}`},
		{"unknown member of a keyslot", plainKeyslot, plainKeyslot + `"x":1,`},
		{"unknown member at the top", `"config"`, `"x-own":[],"config"`},
		{"unknown kdf", `"kdf":{"type":"pbkdf2","hash":"sha256","iterations":1000,`, `"kdf":{"type":"scrypt","n":5,`},
		{"unknown keyslot type", plainKeyslot, `"1":{"type":"x","key_size":1,"area":{"type":"y","offset":"290816","size":"4096"}},` + plainKeyslot},
		{"unknown mandatory requirement", `"json_size"`, `"requirements":{"mandatory":["future"]},"json_size"`},
		{"unknown reencryption version", `"json_size"`, `"requirements":{"mandatory":["online-reencrypt-v77"]},"json_size"`},
		{"unknown config flag", `"json_size"`, `"flags":["x"],"json_size"`},
		{"backup segment behind the regular one", `"segments":{`, `"segments":{"1":{"type":"x","flags":["backup-x"],"offset":"0","size":"512"},`},
		{"keyslot area of no size is legal for the whole", `"16744448"`, `"16740352"`},
		{"fixed size", `"size":"dynamic"`, `"size":"1048576"`},
		{"white space in base64", `"salt":"8p6t`, `"salt":" 8p\n6t`},
		{"repeated member, the last one wins", `"tokens":{`, `"tokens":5,"tokens":{`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(plainText, c.from, c.to, 1)
			if text == plainText {
				t.Fatal("the case changes nothing")
			}
			if err := validated(t, text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEditsKeepOrderAndUnknownMembers(t *testing.T) {
	text := strings.Replace(plainText, plainKeyslot, plainKeyslot+`"x-a":{"b":[1,2]},`, 1)
	text = strings.Replace(text, `"config":{`, `"x-top":1.50,"config":{"x-c":"/",`, 1)
	m, err := ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	slot, err := m.Keyslot(0)
	if err != nil {
		t.Fatal(err)
	}
	slot.Area.Offset, slot.KDF.Iterations = 290816, 2000
	if err := m.ReplaceKeyslot(slot); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, `"offset":"32768"`, `"offset":"290816"`, 1)
	// A keyslot's KDF is made anew, in the order in which new keyslots are written.
	want = strings.Replace(want, `"iterations":1000,"salt":"8p6t`, `"iterations":2000,"salt":"8p6t`, 1)
	if got := string(m.Text()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRemovingAKeyslotUnlinksIt(t *testing.T) {
	m, err := ParseMetadata([]byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RemoveKeyslot(0); err != nil {
		t.Fatal(err)
	}
	token, err := m.Token(0)
	if err != nil || len(token.Keyslots) != 0 {
		t.Errorf("token still linked: %v %v", token, err)
	}
	if d := m.Digests(); len(d) != 1 || len(d[0].Keyslots) != 0 {
		t.Errorf("digest still linked: %+v", d)
	}
	if err := m.Validate(MinSize); err != nil {
		t.Error(err)
	}
	if err := m.RemoveKeyslot(0); !errors.Is(err, ErrNoKeyslot) {
		t.Errorf("second removal: %v", err)
	}
}

func TestPriorityNormalIsTheAbsentMember(t *testing.T) {
	m, err := ParseMetadata([]byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Priority{PriorityIgnore, PriorityPrefer, PriorityNormal} {
		if err := m.SetPriority(0, p); err != nil {
			t.Fatal(err)
		}
		if slot, err := m.Keyslot(0); err != nil || slot.Priority != p {
			t.Errorf("priority %v: %v %v", p, slot.Priority, err)
		}
	}
	if string(m.Text()) != plainText {
		t.Error("back to normal does not give back the text")
	}
}

func TestAThirtyThirdKeyslotIsRefused(t *testing.T) {
	m := NewMetadata(MaxSize, 16<<20)
	for id := range MaxKeyslots {
		slot := Keyslot{ID: id, Type: TypeLUKS2, KeySize: 64, Priority: PriorityNormal}
		if err := m.AddKeyslot(slot); err != nil {
			t.Fatal(err)
		}
		if err := m.AddKeyslot(slot); !errors.Is(err, ErrTaken) {
			t.Fatalf("same id again: %v", err)
		}
	}
	if _, err := m.FreeKeyslotID(); !errors.Is(err, ErrNoID) {
		t.Errorf("free id: %v", err)
	}
	if err := m.AddKeyslot(Keyslot{ID: 32}); !errors.Is(err, ErrNoID) {
		t.Errorf("id 32: %v", err)
	}
}

func TestHostileCountsAreRefusedQuickly(t *testing.T) {
	for count, kind := range map[int]error{1000: ErrRule, 100000: ErrJSON} {
		var many strings.Builder
		for i := range count {
			fmt.Fprintf(&many, `"%d":0,`, i)
		}
		text := strings.Replace(plainText, plainKeyslot, many.String()+plainKeyslot, 1)
		if err := validated(t, text); !errors.Is(err, kind) {
			t.Errorf("%d keyslots: %v", count, err)
		}
	}
}

func TestTextsAreWeighedBeforeTheyAreParsed(t *testing.T) {
	plain := weigh([]byte(`{"a":[1,2,{"b\"]":"[[[["}],  "c" : 12345 }`))
	if want := (weight{depth: 3, marks: 12, bare: 5, escapes: 1}); plain != want {
		t.Errorf("%+v, want %+v", plain, want)
	}
	for name, text := range map[string]string{
		"deep":    strings.Repeat("[", maxDepth+1),
		"many":    "[" + strings.Repeat("0,", maxMarks) + "0]",
		"long":    `{"a":` + strings.Repeat("9", maxBare+1) + "}",
		"escaped": `"` + strings.Repeat(`\n`, maxEscapes+1) + `"`,
	} {
		if weigh([]byte(text)).excess() == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := weigh([]byte(plainText)).excess(); err != nil {
		t.Error(err)
	}
	if err := weigh([]byte(`{` + strings.Repeat(" ", 1000) + `"a":"` + strings.Repeat("x", 1<<20) + `"}`)).excess(); err != nil {
		t.Errorf("white space and a long text: %v", err)
	}
}

func TestEveryFlagOfDmCryptThatHeadersKeepIsKnown(t *testing.T) {
	m, err := ParseMetadata([]byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	known := append(target.EveryCryptFlag().Kept(), FlagNoJournal)
	m.SetFlags(append(slices.Clone(known), "later"))
	if got := m.UnknownMembers(); !slices.Equal(got, []string{"config.flags.later"}) {
		t.Errorf("unknown: %v", got)
	}
	if m.SetFlags(nil); !slices.Equal(m.Flags(), []string{"later"}) {
		t.Errorf("kept: %v", m.Flags())
	}
}

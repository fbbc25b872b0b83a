// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

func render(t *testing.T, line Target) string {
	t.Helper()
	buf, err := Text(line)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Close()
	return string(buf.Bytes())
}

func parse(t *testing.T, text string) Target {
	t.Helper()
	line, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	t.Cleanup(func() { _ = line.Close() })
	return line
}

// Tables as the kernel or cryptsetup write them; the ones with a second text are put in order.
func TestTablesRoundTrip(t *testing.T) {
	hexKey := strings.Repeat("0123456789abcdef", 8)
	for _, test := range []struct{ name, text, want string }{
		{"keyring", "0 43008 crypt aes-xts-plain64 :64:logon:cryptsetup:11111111-2222-4333-8444-555555555555-d0 0 7:0 6144 1 sector_size:4096", ""},
		{"all cryptsetup flags", "0 8 crypt aes-xts-plain64 :64:logon:a:b 7 7:0 6144 10 allow_discards same_cpu_crypt submit_from_crypt_cpus no_read_workqueue no_write_workqueue iv_large_sectors high_priority sector_size:4096 integrity:32:aead integrity_key_size:32", ""},
		{"raw key", "0 45056 crypt aes-xts-plain64 " + hexKey + " 0 7:1 4096", ""},
		{"empty key", "0 8 crypt cipher_null-ecb - 0 7:1 0", ""},
		{"kernel cipher", "0 8 crypt capi:authenc(hmac(sha256),xts(aes))-plain64 :96:logon:x:y 0 253:0 0 1 integrity:32:aead", ""},
		{"kernel's order", "0 8 crypt aes-cbc-essiv:sha256 - 0 7:1 0 3 integrity:16:none sector_size:4096 allow_discards", "0 8 crypt aes-cbc-essiv:sha256 - 0 7:1 0 3 allow_discards sector_size:4096 integrity:16:none"},
		{"sector size 512", "0 8 crypt aes-cbc-plain - 0 7:1 0 1 sector_size:512", "0 8 crypt aes-cbc-plain - 0 7:1 0"},
		{"unknown crypt options", "0 8 crypt aes-cbc-plain - 0 7:1 0 4 allow_discards new_flag sector_size:0 also:new", ""},
		{"integrity", "0 16 integrity 7:0 0 32 J 7 block_size:4096 journal_sectors:88 interleave_sectors:32768 buffer_sectors:128 journal_watermark:50 commit_time:10000 fix_padding", ""},
		{"integrity without options", "0 16 integrity 7:0 0 4 D 0", ""},
		{"integrity with keys", "0 16 integrity 7:0 0 - J 4 recalculate internal_hash:hmac(sha256):" + hexKey + " journal_crypt:ctr(aes):00ff journal_mac:crc32c", ""},
		{"integrity bitmap", "0 16 integrity 7:0 0 - B 5 meta_device:7:1 bitmap_flush_interval:10000 sectors_per_bit:32768 allow_discards internal_hash:crc32c", ""},
		{"unknown integrity options", "0 16 integrity 7:0 0 4 I 3 commit_time:7 journal_watermark:0 shiny", ""},
		{"linear", "100 200 linear 253:3 18446744073709551615", ""},
		{"error", "0 1 error", ""},
		{"error with a device", "0 1 error 7:0 3", ""},
		{"zero", "0 1 zero", ""},
		{"verity", "0 16 verity 1 7:0 7:1 4096 4096 2 1 sha256 " + hexKey[:64] + " - 3 ignore_zero_blocks use_fec_from_device 7:2", ""},
		{"verity with salt", "0 16 verity 1 7:0 7:1 4096 4096 2 1 sha256 " + hexKey[:64] + " 00ff", ""},
		{"unknown type", "0 16 thin-pool 253:1 253:2 128 0 1 skip_block_zeroing", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				test.want = test.text
			}
			first := parse(t, test.text)
			text := render(t, first)
			if text != test.want {
				t.Fatalf("rendered\n%s, want\n%s", text, test.want)
			}
			if again := render(t, parse(t, text)); again != text {
				t.Fatalf("a second round changed it to %s", again)
			}
		})
	}
}

func TestCryptFieldsComeOutWhereTheyBelong(t *testing.T) {
	got := parse(t, "3 43008 crypt aes-xts-plain64 :64:logon:cryptsetup:u-d0 5 7:9 6144 4 no_read_workqueue allow_discards sector_size:4096 integrity:28:aead")
	want := &Crypt{
		Start: 3, Length: 43008, Cipher: "aes-xts-plain64",
		Key: Key{Ring: &RingKey{64, "logon", "cryptsetup:u-d0"}}, IVOffset: 5, Device: "7:9", Offset: 6144,
		Flags: AllowDiscards | NoReadWorkqueue, SectorSize: 4096, IntegrityTag: 28, IntegrityKind: "aead",
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("parsed %+v, want %+v", got, want)
	}
	if got := want.Flags.String(); got != "allow_discards no_read_workqueue" {
		t.Errorf("flags print as %q", got)
	}
}

func TestRawKeyIsDecodedIntoSecretMemory(t *testing.T) {
	crypt := parse(t, "0 8 crypt aes-cbc-plain 00FFa5 0 7:1 0").(*Crypt)
	if !crypt.Key.Raw.Equal([]byte{0, 0xff, 0xa5}) || crypt.Key.Size() != 3 {
		t.Fatal("key differs")
	}
	clone, err := crypt.Key.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if err := crypt.Close(); err != nil || crypt.Key.Raw.Len() != 0 {
		t.Fatalf("Close left the key (%v)", err)
	}
	set, err := KeySet(clone)
	if err != nil {
		t.Fatal(err)
	}
	if !set.Equal([]byte("key set 00ffa5")) {
		t.Error("message differs")
	}
	if err := errors.Join(set.Close(), clone.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestBadTextIsRefusedAndNeverShowsAKey(t *testing.T) {
	for _, text := range []string{
		"", "0", "0 8", "x 8 zero", "-1 8 zero", "0 18446744073709551616 zero", "0 8 zero extra",
		"0 8 linear", "0 8 linear 7:0", "0 8 linear 7:0 x", "0 8 linear 7:0 0 1", `0 8 linear a\b 0`,
		"0 8 crypt aes-cbc-plain", "0 8 crypt aes-cbc-plain 5ec2e70 0 7:0 0", "0 8 crypt aes-cbc-plain 5ec2e7zz 0 7:0 0",
		"0 8 crypt aes-cbc-plain 5ec2e7 x 7:0 0", "0 8 crypt aes-cbc-plain 5ec2e7 0 7:0", "0 8 crypt aes-cbc-plain 5ec2e7 0 7:0 0 2 one",
		"0 8 crypt aes-cbc-plain 5ec2e7 0 7:0 0 1 one two", "0 8 crypt aes-cbc-plain 5ec2e7 0 7:0 0 99999999999 one",
		"0 8 crypt a :64 0 7:0 0", "0 8 crypt a :x:logon:y 0 7:0 0", "0 8 crypt a :0:logon:y 0 7:0 0", "0 8 crypt a :1::y 0 7:0 0", "0 8 crypt a :1:logon: 0 7:0 0",
		"0 8 integrity 7:0 0 4", "0 8 integrity 7:0 0 4 JJ 0", "0 8 integrity 7:0 0 x J 0",
		"0 8 integrity 7:0 0 - J 1 internal_hash:hmac(x):5ec2e7z", "0 8 integrity 7:0 0 - J 1 internal_hash:",
		"0 8 verity 1 7:0 7:1 4096 4096 2 1 sha256 xx -", "0 8 verity 1 7:0 7:1 4096 4096 2 1 sha256 00 xx", "0 8 verity 1 7:0",
	} {
		line, err := Parse([]byte(text))
		if err == nil {
			t.Errorf("%q accepted as %+v", text, line)
			continue
		}
		var field *FieldError
		if !errors.Is(err, ErrSyntax) || !errors.As(err, &field) || field.Field == "" {
			t.Errorf("%q: %v is no syntax error with a field", text, err)
		}
		if strings.Contains(err.Error(), "5ec2e7") {
			t.Errorf("%q: the error shows the key: %v", text, err)
		}
	}
}

func TestValuesWithoutTextAreRefused(t *testing.T) {
	raw, err := secret.Copy([]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	good := Crypt{Cipher: "a", Device: "7:0"}
	for name, change := range map[string]func(*Crypt){
		"blank in the cipher":    func(c *Crypt) { c.Cipher = "a b" },
		"no cipher":              func(c *Crypt) { c.Cipher = "" },
		"no device":              func(c *Crypt) { c.Device = "" },
		"newline in the device":  func(c *Crypt) { c.Device = "7:0\n" },
		"key twice":              func(c *Crypt) { c.Key = Key{Raw: raw, Ring: &RingKey{1, "logon", "x:y"}} },
		"blank in description":   func(c *Crypt) { c.Key.Ring = &RingKey{1, "logon", "x: y"} },
		"no key size":            func(c *Crypt) { c.Key.Ring = &RingKey{0, "logon", "x:y"} },
		"colon in the key type":  func(c *Crypt) { c.Key.Ring = &RingKey{1, "log:on", "x:y"} },
		"kind without a tag":     func(c *Crypt) { c.IntegrityKind = "aead" },
		"tag without a kind":     func(c *Crypt) { c.IntegrityTag = 3 },
		"blank in an option":     func(c *Crypt) { c.Unknown = []string{"a b"} },
		"backslash in an option": func(c *Crypt) { c.Unknown = []string{`a\`} },
	} {
		bad := good
		change(&bad)
		if buf, err := bad.Params(); !errors.Is(err, ErrValue) || buf != nil {
			t.Errorf("%s: %v, want ErrValue", name, err)
		}
	}
	colon := Integrity{Device: "7:0", Mode: 'J', InternalHash: KeyedAlgorithm{Algorithm: "a:b"}}
	if _, err := colon.Params(); !errors.Is(err, ErrValue) {
		t.Errorf("colon in an algorithm: %v", err)
	}
}

func TestStatusLines(t *testing.T) {
	for text, want := range map[string]IntegrityStatus{
		"0 1024 -":   {ProvidedSectors: 1024},
		"5 1024 512": {Mismatches: 5, ProvidedSectors: 1024, Recalculating: true, Recalculated: 512},
		"0 1024":     {ProvidedSectors: 1024},
	} {
		if got, err := ParseIntegrityStatus([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	if _, err := ParseIntegrityStatus([]byte("x")); !errors.Is(err, ErrSyntax) {
		t.Errorf("x: %v", err)
	}
	for text, want := range map[string]bool{"V": false, "C": true, "V 3": false} {
		if got, err := ParseVerityStatus([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParseVerityStatus([]byte("X")); err == nil {
		t.Error("X accepted")
	}
}

// FuzzParse: whatever parses renders, and the text is a fixed point.
func FuzzParse(f *testing.F) {
	f.Add([]byte("0 8 crypt aes-xts-plain64 00ff 0 7:1 0 3 allow_discards sector_size:4096 x:y"))
	f.Add([]byte("0 8 integrity 7:0 0 - J 2 internal_hash:hmac(sha256):00 journal_sectors:8"))
	f.Add([]byte("0 8 verity 1 7:0 7:1 4096 4096 2 1 sha256 00ff - 1 ignore_zero_blocks"))
	f.Add([]byte("0 8 crypt a :1:logon:a:b 0 7:1 0 1 integrity:4:a:b"))
	f.Add([]byte("0 8 crypt a :1:logon:a:b 0 7:1 0 1 integrity:4:\x00b"))
	f.Add([]byte("0 8 crypt a :1:logon:a:b 0 7:1 0 1 integrity:4:a\\b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := Parse(text)
		if err != nil {
			return
		}
		defer line.Close()
		first, err := Text(line)
		if err != nil {
			t.Fatalf("%q parses and has no text: %v", text, err)
		}
		defer first.Close()
		again, err := Parse(first.Bytes())
		if err != nil {
			t.Fatalf("%q renders to %q: %v", text, first.Bytes(), err)
		}
		defer again.Close()
		second, err := Text(again)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%q renders to %q, then %q", text, first.Bytes(), second.Bytes())
		}
	})
}

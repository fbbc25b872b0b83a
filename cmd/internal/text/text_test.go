// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// differ reports the first line in which two texts differ.
func differ(t *testing.T, name, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s, line %d:\n got %q\nwant %q", name, i+1, g[i], w[i])
			return
		}
	}
	t.Errorf("%s: %d lines, want %d", name, len(g), len(w))
}

func TestDumpsOfRecordedVolumes(t *testing.T) {
	for _, volume := range vectors.All() {
		image, _ := vectors.Open(volume.Name)
		if volume.LUKS1() {
			h, err := luks1.Decode(image)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, volume.Name, LUKS1(volume.Name+".img", h), vectors.Dump(volume.Name))
			continue
		}
		c, err := luks2.Decode(image, 0)
		if err != nil {
			t.Fatal(err)
		}
		differ(t, volume.Name, LUKS2(c.Header, c.Metadata), vectors.Dump(volume.Name))
		pretty, err := Pretty(c.Metadata.Text())
		if err != nil {
			t.Fatal(err)
		}
		differ(t, volume.Name+" as JSON", string(pretty), string(vectors.JSON(volume.Name)))
	}
}

// TestDumpsOfRareMetadata compares with what cryptsetup 2.8 printed for volumes whose JSON was edited
// to hold what it seldom holds.
func TestDumpsOfRareMetadata(t *testing.T) {
	for _, name := range []string{
		"flags-tokens-segments", "integrity", "requirement", "unknown-types", "linear",
		"reencrypt",
	} {
		raw := golden(t, name+".json")
		m, err := luks2.ParseMetadata(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := string(golden(t, name+".dump.txt"))
		h := luks2.Header{Size: 16384, UUID: "ffc565ee-5db9-4219-8ed0-4507ac86a947"}
		if _, err := fmt.Sscanf(want, "LUKS header information\nVersion:       \t2\nEpoch:         \t%d",
			&h.SeqID); err != nil {
			t.Fatal(err)
		}
		differ(t, name, LUKS2(h, m), want)
		pretty, err := Pretty(raw)
		if err != nil {
			t.Fatal(err)
		}
		differ(t, name+" as JSON", string(pretty), string(golden(t, name+".pretty.json")))
	}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReencryptionByDatashiftNamesItsShift(t *testing.T) {
	var b strings.Builder
	r := luks2.Reencryption{Mode: "encrypt", Direction: "backward", Area: luks2.Area{Type: "datashift"}, Shift: 4194304}
	writeReencryption(&b, r)
	differ(t, "datashift", b.String(), "\tMode:       encrypt\n\tDirection:  backward\n\tResilience: "+
		"datashift\n\tShift size: 4194304[bytes]\n")
}

func TestPrettyKeepsWhatIsInsideStrings(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`:                            "{\n}",
		`{"a":[]}`:                      "{\n  \"a\":[\n  ]\n}",
		`{"a":[[],{}]}`:                 "{\n  \"a\":[\n    [\n    ],\n    {\n    }\n  ]\n}",
		`{"a,b:{}":"x/\"[,]\\"}`:        "{\n  \"a,b:{}\":\"x/\\\"[,]\\\\\"\n}",
		` { "a" : 1.50 , "b" : null } `: "{\n  \"a\":1.50,\n  \"b\":null\n}",
		`{"<&>":"\u00e9é"}`:             "{\n  \"<&>\":\"\\u00e9é\"\n}",
	} {
		got, err := Pretty([]byte(raw))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v, want %q", raw, got, err, want)
		}
	}
	if _, err := Pretty([]byte(`{"a"`)); err == nil {
		t.Error("half a text accepted")
	}
}

// statuses are the reports that the recorded session prints, in its order.
var statuses = []Status{
	volStatus(func(*Status) {}),
	volStatus(func(*Status) {}),
	volStatus(func(s *Status) { s.Keyring, s.Suspended = false, true }),
	volStatus(func(s *Status) { s.Size = 2048 }),
	volStatus(func(s *Status) { s.Flags = []string{"discards"} }),
	volStatus(func(s *Status) { s.Flags, s.InUse = []string{"discards"}, true }),
	{Path: "/dev/mapper/vol"},
	volStatus(func(s *Status) {
		s.Path, s.Type, s.Keyring, s.ReadOnly = "/dev/mapper/v1", "LUKS1", false, true
		s.Device, s.Loop, s.SectorSize, s.Offset, s.Size = "/dev/loop1", "/run/t/b.img", 512, 4096, 45056
	}),
	volStatus(func(s *Status) { s.Path, s.Device = "/dev/mapper/byfile", "/dev/loop2" }),
	volStatus(func(s *Status) {
		s.Path, s.Type, s.KeyBits, s.Keyring = "/dev/mapper/pl", "PLAIN", 256, false
		s.Device, s.Loop, s.SectorSize, s.Offset, s.Size = "/dev/loop1", "/run/t/b.img", 512, 0, 49152
	}),
	detStatus(""),
	detStatus("LUKS2"),
}

func volStatus(change func(*Status)) Status {
	s := Status{
		Path: "/dev/mapper/vol", Active: true, Type: "LUKS2", Cipher: "aes-xts-plain64", KeyBits: 512, Keyring: true,
		Device: "/dev/loop0", Loop: "/run/t/a.img", SectorSize: 4096, Offset: 6144, Size: 43008,
	}
	change(&s)
	return s
}

func detStatus(kind string) Status {
	return volStatus(func(s *Status) {
		s.Path, s.Type, s.Device, s.Loop = "/dev/mapper/det", kind, "/dev/loop2", "/run/t/d.img"
		s.SectorSize, s.Offset, s.Size = 512, 0, 49152
	})
}

func TestStatusOfTheRecordedSession(t *testing.T) {
	next := 0
	for _, step := range vectors.Transcript("open") {
		if !strings.HasPrefix(step.Command, "cryptsetup status ") {
			continue
		}
		if next == len(statuses) {
			t.Fatalf("no value for %s", step.Command)
		}
		differ(t, step.Command, statuses[next].Text(), strings.Join(step.Stdout, "\n")+"\n")
		next++
	}
	if next != len(statuses) {
		t.Errorf("%d reports in the session, %d here", next, len(statuses))
	}
}

func TestKeyDumps(t *testing.T) {
	key := []byte{
		0x1e, 0xa8, 0xb5, 0x24, 0xd8, 0x76, 0x61, 0x9c, 0xb5, 0xb8, 0x1b, 0x84, 0xcc, 0xa0, 0x05, 0x3d,
		0x72,
	}
	volume := KeyDump{Device: "a.img", UUID: "1-2", Cipher: "aes-cbc-essiv:sha256", DataOffset: 6144, Key: key[:16]}
	stored := volume
	stored.Stored = "vk"
	for name, c := range map[string]struct {
		dump KeyDump
		want string
	}{
		"volume key": {
			volume,
			"LUKS header information for a.img\nCipher name:   \taes\nCipher mode:   \tcbc-essiv:sha256\nPayload offset:\t6144\n" +
				"UUID:          \t1-2\nMK bits:       \t128\nMK dump:\t1e a8 b5 24 d8 76 61 9c b5 b8 1b 84 cc a0 05 3d \n",
		},
		"stored": {
			stored,
			"LUKS header information for a.img\nCipher name:   \taes\nCipher mode:   \tcbc-essiv:sha256\nPayload offset:\t6144\n" +
				"UUID:          \t1-2\nMK bits:       \t128\nKey stored to file vk.\n",
		},
		"unbound": {
			KeyDump{Device: "l.img", UUID: "1-2", Unbound: true, Keyslot: 1, Key: key},
			"LUKS header information for l.img\nUUID:    \t1-2\nKeyslot: \t1\nKey bits:\t136\n" +
				"Unbound Key:\t1e a8 b5 24 d8 76 61 9c b5 b8 1b 84 cc a0 05 3d \n\t\t72 \n",
		},
	} {
		var out bytes.Buffer
		if err := WriteKey(&out, c.dump); err != nil {
			t.Fatal(err)
		}
		differ(t, name, out.String(), c.want)
	}
}

// A token that is known and not used shows itself all the same.
func TestARecoveryKeyIsShown(t *testing.T) {
	m, err := luks2.ParseMetadata(golden(t, "flags-tokens-segments.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetToken(9, []byte(`{"type":"systemd-recovery","keyslots":["1"]}`)); err != nil {
		t.Fatal(err)
	}
	want := "  9: systemd-recovery\n\tRecovery key: typed like a passphrase, with its dashes\n\tKeyslot:    1\n"
	if dump := LUKS2(luks2.Header{Size: 16384}, m); !strings.Contains(dump, want) {
		t.Errorf("no %q in\n%s", want, dump)
	}
}

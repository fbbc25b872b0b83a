// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
)

func TestLengthCoversTheDeviceInWholeSectors(t *testing.T) {
	cases := []struct {
		name                  string
		device, offset, fixed uint64
		sector                int
		want                  uint64 // 512-byte sectors; 0: refused
	}{
		{"to the end", 16<<20 + 4096, 16 << 20, 0, 512, 8},
		{"end between two large sectors", 16<<20 + 4096 + 3584, 16 << 20, 0, 4096, 8},
		{"less than one sector", 16<<20 + 511, 16 << 20, 0, 512, 0},
		{"less than one large sector", 16<<20 + 4095, 16 << 20, 0, 4096, 0},
		{"smaller than the offset", 1 << 20, 16 << 20, 0, 512, 0},
		{"fixed", 20 << 20, 16 << 20, 1 << 20, 4096, 2048},
		{"fixed, fitting exactly", 17 << 20, 16 << 20, 1 << 20, 4096, 2048},
		{"fixed, one byte short", 17<<20 - 1, 16 << 20, 1 << 20, 4096, 0},
		{"fixed, at the edge of 64 bits", 17 << 20, 1<<64 - 512, 1<<64 - 512, 512, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Length(c.device, c.offset, c.fixed, c.sector)
			if got != c.want || (err == nil) != (c.want != 0) || err != nil && !errors.Is(err, ErrTooSmall) {
				t.Errorf("%d, %v, want %d", got, err, c.want)
			}
		})
	}
}

func TestUUIDsAreThoseOfOtherTools(t *testing.T) {
	if got := UUID(LUKS2, "11111111-2222-4333-8444-555555555555", "vol"); got != "CRYPT-LUKS2-11111111222243338444555555555555-vol" {
		t.Error(got)
	}
	if got := UUID(Plain, "", "pl"); got != "CRYPT-PLAIN-pl" {
		t.Error(got)
	}
}

func TestTablesAreThoseOfCryptsetup(t *testing.T) {
	key, err := secret.New(64)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	m := Mapping{
		Device: dm.Number{Major: 7}, Offset: 6144, Length: 43008, Cipher: "aes-xts-plain64", SectorSize: 4096, Key: key,
		KeyDescription: LogonDescription("11111111-2222-4333-8444-555555555555", 0),
		Flags:          target.AllowDiscards | target.NoReadWorkqueue,
	}
	cases := []struct {
		name   string
		byRing bool
		sector int
		want   string
	}{
		{"key in the keyring", true, 4096, "0 43008 crypt aes-xts-plain64 :64:logon:cryptsetup:11111111-2222-4333-8444-555555555555-d0 0 7:0 6144 3 allow_discards no_read_workqueue sector_size:4096"},
		{"small sectors are not named", true, 512, "0 43008 crypt aes-xts-plain64 :64:logon:cryptsetup:11111111-2222-4333-8444-555555555555-d0 0 7:0 6144 2 allow_discards no_read_workqueue"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m.SectorSize = c.sector
			line, err := m.Target(c.byRing)
			if err != nil {
				t.Fatal(err)
			}
			defer line.Close()
			text, err := target.Text(line)
			if err != nil {
				t.Fatal(err)
			}
			defer text.Close()
			if string(text.Bytes()) != c.want {
				t.Errorf("got  %s\nwant %s", text.Bytes(), c.want)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"testing"
)

func TestPartitionsOfAVerifiedRootAreNamedByItsHash(t *testing.T) {
	const hash = "00112233445566778899AABBCCDDEEFFffeeddccbbaa99887766554433221100"
	tests := []struct {
		line, data, tree string
		wanted           bool
	}{
		{
			"roothash=" + hash, "PARTUUID=00112233-4455-6677-8899-aabbccddeeff",
			"PARTUUID=ffeeddcc-bbaa-9988-7766-554433221100", true,
		},
		{
			"roothash=" + hash + " systemd.verity_root_data=/dev/a rd.systemd.verity_root_hash=LABEL=b",
			"/dev/a", "LABEL=b", true,
		},
		{"roothash=0011 systemd.verity_root_data=/dev/a", "/dev/a", "", true},
		{"roothash=0011 systemd.verity=no", "", "", false},
		{"root=/dev/a", "", "", false},
		{"roothash=-", "", "", true},
		{"roothash=", "", "", false},
	}
	for _, test := range tests {
		v := Parse(test.line, true).Verity
		if data, tree := v.Root.Devices(); data != test.data || tree != test.tree || v.RootWanted() != test.wanted {
			t.Errorf("%s: %q, %q, wanted: %v", test.line, data, tree, v.RootWanted())
		}
		usr := strings.NewReplacer("roothash", "usrhash", "verity_root", "verity_usr").Replace(test.line)
		if got := Parse(usr, true).Verity; got.Usr != v.Root || got.RootWanted() || got.UsrWanted() != test.wanted {
			t.Errorf("%s: %+v", usr, got)
		}
	}
}

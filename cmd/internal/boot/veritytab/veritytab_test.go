// SPDX-License-Identifier: Apache-2.0

package veritytab

import (
	"reflect"
	"testing"
)

func TestLinesAreReadAsVeritytabHasThem(t *testing.T) {
	entries, problems := Parse([]byte("# images\n\n" +
		"usr PARTUUID=1 /dev/b 00FF superblock=yes,nofail,root-hash-signature=/sig\n" +
		"a\\040b /dev/c /dev/d - noauto,x-initrd.attach\n" +
		"plain /dev/e /dev/f ab\n"))
	want := []Entry{
		{
			Line: 3, Name: "usr", Data: "PARTUUID=1", Hash: "/dev/b", Root: "00ff",
			Options: "superblock=yes,nofail,root-hash-signature=/sig", NoFail: true,
		},
		{
			Line: 4, Name: "a b", Data: "/dev/c", Hash: "/dev/d", Options: "noauto,x-initrd.attach", NoAuto: true,
			Initrd: true,
		},
		{Line: 5, Name: "plain", Data: "/dev/e", Hash: "/dev/f", Root: "ab"},
	}
	if len(problems) > 0 || !reflect.DeepEqual(entries, want) {
		t.Errorf("%+v\n%v", entries, problems)
	}
	if file, found := entries[0].Value("root-hash-signature"); !found || file != "/sig" {
		t.Errorf("signature %q, %v", file, found)
	}
	if _, found := entries[2].Value("root-hash-signature"); found {
		t.Error("an option that is not there is found")
	}
}

func TestLinesThatCannotBeUsedAreNamed(t *testing.T) {
	for _, line := range []string{
		"a", "a b c", "a b c nothex", "a b c abc", "a/b c d ab", ".. c d ab", "a b c ab o more", "a b c ab\na b c ab",
	} {
		entries, problems := Parse([]byte(line))
		if len(problems) != 1 || len(entries) > 1 {
			t.Errorf("%q: %+v, %v", line, entries, problems)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("usr PARTUUID=1 /dev/b 00ff superblock=yes,nofail\n"))
	f.Add([]byte("a\\040b /dev/c /dev/d - noauto\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		entries, _ := Parse(table)
		for _, e := range entries {
			again, problems := Parse([]byte(e.String()))
			e.Line = 1
			if len(problems) > 0 || len(again) != 1 || !reflect.DeepEqual(again[0], e) {
				t.Errorf("%+v is read as %+v, %v", e, again, problems)
			}
		}
	})
}

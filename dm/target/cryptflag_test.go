// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"
	"testing"
)

func TestEachFlagIsListedOnceInTheOrderOfItsBits(t *testing.T) {
	seen := map[string]bool{}
	for i, f := range AllCryptFlags() {
		if f.Flag != 1<<i || f.Since == (Version{}) || f.Linux == "" || f.Purpose == "" || f.Option == "" {
			t.Errorf("%+v", f)
		}
		for _, word := range append(slices.Clone(f.Table), "kernel:"+f.Name, "kept:"+f.Kept, "option:"+f.Option) {
			if seen[word] && word != "kept:" {
				t.Errorf("%s twice", word)
			}
			seen[word] = true
		}
	}
	if n := len(AllCryptFlags()); n != len(EveryCryptFlag().List()) || EveryCryptFlag() != 1<<n-1 {
		t.Errorf("%d flags are listed of %b", n, EveryCryptFlag())
	}
}

func TestAnOldKernelLacksTheNewFlags(t *testing.T) {
	all := AllowDiscards | NoReadWorkqueue | HighPriority
	for _, c := range []struct {
		crypt Version
		want  string
	}{
		{Version{1, 26, 0}, ""},
		{Version{2, 0, 0}, ""},
		{Version{1, 25, 9}, "high_priority"},
		{Version{1, 21, 0}, "no_read_workqueue high_priority"},
		{Version{1, 5, 0}, "allow_discards no_read_workqueue high_priority"},
	} {
		var lacking CryptFlags
		for _, f := range all.Unknown(c.crypt) {
			lacking |= f.Flag
		}
		if lacking.String() != c.want {
			t.Errorf("%s lacks %q, want %q", c.crypt, lacking, c.want)
		}
	}
}

func TestKeptNamesComeBackAsFlags(t *testing.T) {
	for _, f := range AllCryptFlags() {
		want := f.Flag
		if f.Kept == "" {
			want = 0
		}
		if back := KeptFlags(f.Flag.Kept()); back != want {
			t.Errorf("%s comes back as %q", f.Name, back)
		}
	}
	if IVLargeSectors.Kept() != nil || len(EveryCryptFlag().Kept()) < 6 {
		t.Errorf("%v", EveryCryptFlag().Kept())
	}
	if KeptFlags([]string{"no-journal", "later", ""}) != 0 {
		t.Error("names of something else")
	}
}

// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"runtime"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/keyring"
)

func TestLinksNameKeyringAndKey(t *testing.T) {
	for text, want := range map[string]Link{
		"@s::name":              {"@s", "user", "name"},
		"@u::%user:a:b":         {"@u", "user", "a:b"},
		"@us::%logon:p:name":    {"@us", "logon", "p:name"},
		"@t::with::more colons": {"@t", "user", "with::more colons"},
	} {
		got, err := ParseLink(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if ring, err := got.Keyring(); err != nil || ring.String() != want.Ring {
			t.Errorf("%s: keyring %v, %v", text, ring, err)
		}
	}
	for _, text := range []string{"", "@s", "@s:name", ":ring::vk", "::name", "@s::", "@s::%asymmetric:x", "@s::%user:", "@s::%x"} {
		if got, err := ParseLink(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for _, ring := range []string{"%keyring:none such", "2147483646"} {
		if id, err := (Link{Ring: ring}).Keyring(); err == nil {
			t.Errorf("%s: %v", ring, id)
		}
	}
}

func TestALinkedKeyIsTakenBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := Link{"@t", keyring.TypeUser, "orthrus-test:link"}
	undo, err := l.Put(keyring.Thread, []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Search(keyring.Thread, l.Type, l.Description); err != nil {
		t.Error(err)
	}
	if err := undo(); err != nil {
		t.Error(err)
	}
	if _, err := keyring.Search(keyring.Thread, l.Type, l.Description); err == nil {
		t.Error("the key stayed")
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/keyring"
)

func TestLinksNameKeyringAndKey(t *testing.T) {
	for text, want := range map[string]keyLink{
		"@s::name":              {keyring.Session, "user", "name"},
		"@u::%user:a:b":         {keyring.User, "user", "a:b"},
		"@us::%logon:p:name":    {keyring.UserSession, "logon", "p:name"},
		"@t::with::more colons": {keyring.Thread, "user", "with::more colons"},
	} {
		if got, err := parseLink(text); err != nil || *got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "@s", "@s:name", "::name", "@s::", "@s::%asymmetric:x", "@s::%user:", "@s::%x", "%keyring:none such::x", "2147483646::x"} {
		if got, err := parseLink(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestALinkedKeyIsTakenBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := keyLink{keyring.Thread, keyring.TypeUser, "orthrus-test:link"}
	undo, err := l.put([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Search(keyring.Thread, l.kind, l.description); err != nil {
		t.Error(err)
	}
	if err := undo(); err != nil {
		t.Error(err)
	}
	if _, err := keyring.Search(keyring.Thread, l.kind, l.description); err == nil {
		t.Error("the key stayed")
	}
}

// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// heldNow is the line of /proc/keys about a key that is not revoked; "" where there is none.
func heldNow(t *testing.T, description string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && strings.Contains(line, description) && !strings.Contains(fields[1], "R") {
			return line
		}
	}
	return ""
}

func TestAHeldKeyIsThereUntilItIsReleased(t *testing.T) {
	one, two := "11111111-2222-4333-8444-5555555555aa", "11111111-2222-4333-8444-5555555555bb"
	key, err := secret.Copy(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	for _, volume := range []string{one, two} {
		if err := HoldKey(volume, 0, key); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = ReleaseKey(volume) })
	}
	if line := heldNow(t, LogonDescription(one, 0)); !strings.Contains(line, "logon") || !HoldsKey(one) {
		t.Errorf("held: %q", line)
	}
	if n, err := ReleaseKey(strings.ReplaceAll(one, "-", "")); n != 1 || err != nil {
		t.Errorf("released %d: %v", n, err)
	}
	if line := heldNow(t, LogonDescription(one, 0)); line != "" || HoldsKey(one) {
		t.Errorf("still held: %q", line)
	}
	if heldNow(t, LogonDescription(two, 0)) == "" || !HoldsKey(two) {
		t.Error("the other volume's key went too")
	}
	if n, err := ReleaseKey(one); n != 0 || err != nil {
		t.Errorf("released again: %d, %v", n, err)
	}
}

func TestAHeldKeyCannotBeRead(t *testing.T) {
	volume := "11111111-2222-4333-8444-5555555555cc"
	key, err := secret.Copy(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := HoldKey(volume, 1, key); err != nil {
		t.Fatal(err)
	}
	defer ReleaseKey(volume)
	err = withUserKeyring(func() error {
		id, err := keyring.Request(keyring.TypeLogon, LogonDescription(volume, 1))
		if err != nil {
			t.Errorf("the kernel would not find it: %v", err)
		}
		if _, err := keyring.Read(id); err == nil {
			t.Error("it can be read")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreKnownByTheirVolume(t *testing.T) {
	for description, want := range map[string]bool{
		"cryptsetup:aa-bb-d0":  true,
		"cryptsetup:aa-bb-d12": true,
		"cryptsetup:aa-bc-d0":  false,
		"cryptsetup:aa-bb":     false,
		"other:aa-bb-d0":       false,
	} {
		if got := isKeyOf(description, "aabb"); got != want {
			t.Errorf("%s: %v", description, got)
		}
	}
}

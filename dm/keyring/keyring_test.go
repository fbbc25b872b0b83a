// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// locked runs the test on one thread, whose keyring goes with it.
func locked(t *testing.T) {
	runtime.LockOSThread()
	t.Cleanup(func() {
		_ = Clear(Thread)
		runtime.UnlockOSThread()
	})
}

func add(t *testing.T, kind, description, payload string) ID {
	t.Helper()
	id, err := Add(kind, description, []byte(payload), Thread)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestUserKeyIsReadBack(t *testing.T) {
	locked(t)
	payload := strings.Repeat("0123456789", 300)
	id := add(t, TypeUser, "orthrus-test:read", payload)
	buf, err := Read(id)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Close()
	if !buf.Equal([]byte(payload)) {
		t.Fatalf("read %d bytes, or others than were added", buf.Len())
	}
}

func TestLogonKeyCannotBeRead(t *testing.T) {
	locked(t)
	id := add(t, TypeLogon, "orthrus-test:logon", "secret")
	if _, err := Read(id); err == nil {
		t.Fatal("the kernel gave a logon key away")
	}
	d, err := Describe(id)
	if err != nil {
		t.Fatal(err)
	}
	if d.Type != TypeLogon || d.Description != "orthrus-test:logon" || d.Permissions == 0 {
		t.Fatalf("described as %+v", d)
	}
}

func TestThreadKeyIsForItsThreadOnly(t *testing.T) {
	locked(t)
	id := add(t, TypeUser, "orthrus-test:thread", "x")
	if found, err := Request(TypeUser, "orthrus-test:thread"); err != nil || found != id {
		t.Fatalf("Request: %v, %v; want %v", found, err, id)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_, err := Request(TypeUser, "orthrus-test:thread")
		result <- err
	}()
	if err := <-result; !errors.Is(err, ErrNoKey) {
		t.Fatalf("another thread: %v, want ErrNoKey", err)
	}
}

func TestGoneKeysHaveTheirKinds(t *testing.T) {
	locked(t)
	revoked := add(t, TypeUser, "orthrus-test:revoked", "x")
	expired := add(t, TypeUser, "orthrus-test:expired", "x")
	invalid := add(t, TypeUser, "orthrus-test:invalid", "x")
	for _, err := range []error{Revoke(revoked), SetTimeout(expired, time.Second), Invalidate(invalid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1100 * time.Millisecond)
	for _, test := range []struct {
		description string
		kind        error
		errno       unix.Errno
	}{
		{"orthrus-test:revoked", ErrKeyRevoked, unix.EKEYREVOKED},
		{"orthrus-test:expired", ErrKeyExpired, unix.EKEYEXPIRED},
		{"orthrus-test:never", ErrNoKey, unix.ENOKEY},
	} {
		_, err := Request(TypeUser, test.description)
		if !errors.Is(err, test.kind) || !errors.Is(err, test.errno) {
			t.Errorf("%s: %v, want %v", test.description, err, test.kind)
		}
	}
	if _, err := Read(invalid); err == nil {
		t.Error("an invalidated key was read")
	}
}

func TestUpdateLinkAndUnlink(t *testing.T) {
	locked(t)
	id := add(t, TypeUser, "orthrus-test:update", "old")
	if err := Update(id, []byte("newer")); err != nil {
		t.Fatal(err)
	}
	buf, err := Read(id)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buf.Bytes(), []byte("newer")) {
		t.Error("payload not updated")
	}
	if err := buf.Close(); err != nil {
		t.Fatal(err)
	}
	ring := add(t, TypeKeyring, "orthrus-test-ring", "")
	if err := Link(id, ring); err != nil {
		t.Fatal(err)
	}
	if keys, err := Keys(ring); err != nil || !slices.Equal(keys, []ID{id}) {
		t.Errorf("ring holds %v, %v; want %v", keys, err, id)
	}
	if err := Unlink(id, ring); err != nil {
		t.Fatal(err)
	}
	if _, err := Search(ring, TypeUser, "orthrus-test:update"); !errors.Is(err, ErrNoKey) {
		t.Errorf("after unlink: %v, want ErrNoKey", err)
	}
}

func TestUnknownTypeIsUnsupported(t *testing.T) {
	locked(t)
	_, err := Add("no-such-type", "x", []byte("y"), Thread)
	if !errors.Is(err, ErrUnsupported) {
		t.Fatalf("%v, want ErrUnsupported", err)
	}
	if strings.Contains(err.Error(), "y\"") || !strings.Contains(err.Error(), "no-such-type:x") {
		t.Errorf("error text %q", err)
	}
}

func TestDescriptionsParse(t *testing.T) {
	got, err := parseDescription("user;1000;-1;3f010000;with;semicolon\x00")
	want := Description{"user", 1000, -1, 0x3f010000, "with;semicolon"}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "user;1;2;3", "user;x;0;0;d", "user;0;x;0;d", "user;0;0;x;d"} {
		if _, err := parseDescription(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestSpecialKeyringsHaveNamesAndNumbers(t *testing.T) {
	locked(t)
	id, err := Resolve(Thread, true)
	if err != nil || id <= 0 {
		t.Fatalf("thread keyring: %v, %v", id, err)
	}
	for ring, name := range map[ID]string{Thread: "@t", Process: "@p", Session: "@s", User: "@u", UserSession: "@us", 42: "42"} {
		if ring.String() != name {
			t.Errorf("%d prints as %s", ring, ring)
		}
	}
}

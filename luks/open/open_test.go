// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// image makes a volume in a file that "one" opens.
func image(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(20<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if _, err := luks.Format(t.Context(), dev, []byte("one"), luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
		UUID:             "aaaaaaaa-0000-4000-8000-00000000000a",
		Keyslot:          luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}},
		DigestIterations: 1000,
	}); err != nil {
		t.Fatal(err)
	}
	return path
}

func volume(t *testing.T) *luks.Volume {
	t.Helper()
	o := inspect(t, image(t))
	return o.Volume
}

func inspect(t *testing.T, path string) *luks.Opening {
	t.Helper()
	o, err := luks.Inspect(t.Context(), luks.Request{Header: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func word(t *testing.T, text string) Entry {
	t.Helper()
	return Entry{Source: One{Label: text, Get: func(context.Context) (Secret, error) {
		b, err := secret.From([]byte(text))
		return Passphrase(b), err
	}}}
}

func TestAVolumeOpensByAnyOfItsSources(t *testing.T) {
	o := inspect(t, image(t))
	any := luks.UnlockOptions{}
	win, err := Unlock(t.Context(), o.Volume, []Entry{word(t, "two"), word(t, "one")}, any)
	if err != nil {
		t.Fatal(err)
	}
	defer win.Key.Close()
	if win.By != "one" || win.Key.Keyslot != 0 {
		t.Errorf("by %s, keyslot %d", win.By, win.Key.Keyslot)
	}
	volumeKey := Entry{Source: One{Label: "the key", Get: func(context.Context) (Secret, error) {
		b, err := secret.Copy(win.Key.Bytes())
		return Secret{Buffer: b, VolumeKey: true}, err
	}}}
	again, err := Unlock(t.Context(), o.Volume, []Entry{volumeKey}, any)
	if err != nil || !again.Key.Equal(win.Key.Bytes()) {
		t.Errorf("by the key itself: %v", err)
	}
	if err := again.Key.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Unlock(t.Context(), o.Volume, []Entry{word(t, "two")}, any); !errors.Is(err, luks.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
}

func TestTokensThatCanBeUsedAreSources(t *testing.T) {
	path := image(t)
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := token.NewKeyring("orthrus-open-test: no such key", []int{0})
	if err != nil {
		t.Fatal(err)
	}
	for id, text := range []string{`{"type":"systemd-recovery","keyslots":["0"]}`, `{"type":"x","keyslots":["0"]}`, string(keyring)} {
		if _, err := v.SetToken(t.Context(), id, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	o := inspect(t, path)
	entries := Tokens(o.Volume, token.Help{})
	if len(entries) != 1 || entries[0].Name() != "token 2 (luks2-keyring)" || entries[0].Lead == 0 {
		t.Fatalf("%+v", entries)
	}
	any := luks.UnlockOptions{}
	if _, err := Unlock(t.Context(), o.Volume, entries, any); !errors.Is(err, token.ErrAbsent) {
		t.Errorf("%v", err)
	}
	first, err := o.Metadata().Token(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(t.Context(), o.Volume, []Entry{{Source: TokenSource{Token: first}}}, any); !errors.Is(err, token.ErrNotUsed) {
		t.Errorf("a token that only shows itself: %v", err)
	}
}

func TestADamagedCopyIsMendedOnceAndNotReadOnly(t *testing.T) {
	path := image(t)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 512), 16384); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	only, err := luks.Inspect(t.Context(), luks.Request{Header: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	if healed, err := only.Heal(t.Context()); healed || err != nil {
		t.Errorf("read-only: %v, %v", healed, err)
	}
	o := inspect(t, path)
	for _, want := range []bool{true, false} {
		if healed, err := o.Heal(t.Context()); healed != want || err != nil || !o.Choice.Healthy() && !want {
			t.Errorf("%v, %v, want %v", healed, err, want)
		}
	}
}

// The kernel counts: from the first look to the key, the device is opened once, and not closed. Events
// of one kind that follow each other are told as one, so what is open at the end counts as well. The
// lock of an image is an opening of its own, which a block device has not.
func TestTheDeviceIsOpenedOnce(t *testing.T) {
	path := image(t)
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, path, unix.IN_OPEN|unix.IN_CLOSE); err != nil {
		t.Fatal(err)
	}
	o, err := luks.Inspect(t.Context(), luks.Request{Header: path, NoLocks: true})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	win, err := Unlock(t.Context(), o.Volume, []Entry{word(t, "one")}, luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer win.Key.Close()
	events := make([]byte, 4096)
	if n, err := unix.Read(watch, events); err != nil || n/unix.SizeofInotifyEvent != 1 {
		t.Errorf("opened and closed %d times, %v", n/unix.SizeofInotifyEvent, err)
	}
	if n := descriptors(t, path); n != 1 {
		t.Errorf("open %d times", n)
	}
}

// descriptors counts this process's open files of that path.
func descriptors(t *testing.T, path string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == path {
			n++
		}
	}
	return n
}

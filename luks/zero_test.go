// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// What is nil is an error and no panic.
func TestNothingIsNoDeviceAndNoKey(t *testing.T) {
	ctx := context.Background()
	if _, err := luks.Format(ctx, nil, []byte("x"), luks.FormatOptions{}); !errors.Is(err, luks.ErrNoDevice) {
		t.Errorf("Format: %v", err)
	}
	if _, err := luks.Load(ctx, nil); !errors.Is(err, luks.ErrNoDevice) {
		t.Errorf("Load: %v", err)
	}
	if _, err := luks.LoadExamined(ctx, nil); !errors.Is(err, luks.ErrNoDevice) {
		t.Errorf("LoadExamined: %v", err)
	}
	v, err := luks.Load(ctx, exampleVolume())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []*luks.Key{nil, {}} {
		if _, err := v.AddKey(ctx, key, []byte("x"), luks.NewKeyslot{}); !errors.Is(err, luks.ErrVolumeKey) {
			t.Errorf("AddKey: %v", err)
		}
		if _, err := v.ChangeKey(ctx, key, []byte("x"), luks.NewKeyslot{}); !errors.Is(err, luks.ErrVolumeKey) {
			t.Errorf("ChangeKey: %v", err)
		}
		if _, err := v.Plaintext(v.Device(), key); !errors.Is(err, luks.ErrVolumeKey) {
			t.Errorf("Plaintext: %v", err)
		}
	}
	if _, err := v.Unlock(ctx, nil, luks.UnlockOptions{}); !errors.Is(err, luks.ErrPassphrase) {
		t.Errorf("Unlock: %v", err)
	}
}

// A cipher that there is not fails before a byte is written, and so does a passphrase that there is not.
func TestFormatWritesNothingForWhatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		passphrase []byte
		change     func(*luks.FormatOptions)
		want       error
	}{
		"a cipher that there is not":     {[]byte("x"), func(o *luks.FormatOptions) { o.Cipher = "foo" }, sector.ErrUnsupported},
		"a vector that there is not":     {[]byte("x"), func(o *luks.FormatOptions) { o.Cipher = "aes-xts-foo" }, sector.ErrUnsupported},
		"a key that no aes takes":        {[]byte("x"), func(o *luks.FormatOptions) { o.KeySize = 65 }, sector.ErrKeySize},
		"a passphrase that there is not": {nil, func(*luks.FormatOptions) {}, luks.ErrNoPassphrase},
	} {
		for version := 1; version <= 2; version++ {
			o := options(version)
			c.change(&o)
			dev := &memory{image: bytes.Repeat([]byte("precious"), 1<<20)}
			if _, err := luks.Format(context.Background(), dev, c.passphrase, o); !errors.Is(err, c.want) {
				t.Errorf("%s, LUKS%d: %v", name, version, err)
			}
			if !bytes.Equal(dev.image, bytes.Repeat([]byte("precious"), 1<<20)) {
				t.Errorf("%s, LUKS%d: the device was written", name, version)
			}
		}
	}
}

// A passphrase that is nil was forgotten; one that is empty is somebody's choice, as with cryptsetup.
func TestANilPassphraseProtectsNothing(t *testing.T) {
	ctx := context.Background()
	for version := 1; version <= 2; version++ {
		dev := &memory{image: make([]byte, 8<<20)}
		v, err := luks.Format(ctx, dev, []byte{}, options(version))
		if err != nil {
			t.Fatalf("an empty one: %v", err)
		}
		key, err := v.Unlock(ctx, []byte{}, luks.UnlockOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer key.Close()
		before := bytes.Clone(dev.image)
		if _, err := v.AddKey(ctx, key, nil, luks.NewKeyslot{}); !errors.Is(err, luks.ErrNoPassphrase) {
			t.Errorf("AddKey: %v", err)
		}
		if _, err := v.ChangeKey(ctx, key, nil, luks.NewKeyslot{}); !errors.Is(err, luks.ErrNoPassphrase) {
			t.Errorf("ChangeKey: %v", err)
		}
		if _, err := v.AddUnboundKey(ctx, key.Bytes(), nil, luks.NewKeyslot{}); !errors.Is(err, luks.ErrNoPassphrase) {
			t.Errorf("AddUnboundKey: %v", err)
		}
		if _, _, err := v.Enroll(ctx, key, nil, luks.NewKeyslot{}, []byte("{}")); !errors.Is(err, luks.ErrNoPassphrase) {
			t.Errorf("Enroll: %v", err)
		}
		if !bytes.Equal(dev.image, before) {
			t.Errorf("LUKS%d: the device was written", version)
		}
	}
}

// A device and a context that were left out are named.
func TestWhatIsLeftOutIsNamed(t *testing.T) {
	ctx := context.Background()
	var none context.Context
	var file *luks.File
	if _, err := luks.Format(ctx, file, []byte("x"), options(2)); !errors.Is(err, luks.ErrNoDevice) {
		t.Errorf("Format: %v", err)
	}
	if _, err := luks.Format(none, exampleVolume(), []byte("x"), options(2)); !errors.Is(err, luks.ErrNoContext) {
		t.Errorf("Format: %v", err)
	}
	if _, err := luks.Load(none, exampleVolume()); !errors.Is(err, luks.ErrNoContext) {
		t.Errorf("Load: %v", err)
	}
	v, err := luks.Load(ctx, exampleVolume())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unlock(none, []byte("correct horse"), luks.UnlockOptions{}); !errors.Is(err, luks.ErrNoContext) {
		t.Errorf("Unlock: %v", err)
	}
	if _, err := luks.NewOpening(nil, luks.Request{}).Unlock(ctx, []byte("x"), luks.UnlockOptions{}); !errors.Is(err, luks.ErrNoDevice) {
		t.Errorf("Opening: %v", err)
	}
}

// exampleVolume is a volume in memory.
func exampleVolume() *memory {
	dev := &memory{image: make([]byte, 6<<20)}
	if _, err := luks.Format(ctx, dev, []byte("correct horse"), options(2)); err != nil {
		panic(err)
	}
	return dev
}

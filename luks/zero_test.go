// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"context"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
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

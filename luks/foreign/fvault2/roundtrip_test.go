// SPDX-License-Identifier: Apache-2.0

package fvault2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
)

func load(t testing.TB, image []byte) *fvault2.Volume {
	t.Helper()
	v, err := fvault2.Load(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unlock(t testing.TB, v *fvault2.Volume, passphrase string) *secret.Buffer {
	t.Helper()
	key, err := v.Unlock(t.Context(), []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	return key
}

// readsAs compares what user space reads with what was written.
func readsAs(t *testing.T, v *fvault2.Volume, key *secret.Buffer, im *fvault2image.Image) {
	t.Helper()
	p, err := v.Plaintext(bytes.NewReader(im.Bytes), key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil || !bytes.Equal(got, im.Plain) {
		t.Fatalf("%d bytes are not those that were written: %v", len(got), err)
	}
	part := make([]byte, 700)
	if _, err := p.ReadAt(part, 1000); err != nil || !bytes.Equal(part, im.Plain[1000:1700]) {
		t.Errorf("a part is other data: %v", err)
	}
}

func TestVolumesOpenAndReadAsTheyWereWritten(t *testing.T) {
	for name, o := range map[string]fvault2image.Options{
		"one user":            {Passphrase: "secret"},
		"empty passphrase":    {},
		"second of two users": {Passphrase: "secret", Other: "somebody else's"},
		"values elsewhere":    {Passphrase: "secret", References: true},
		"many iterations":     {Passphrase: "secret", Iterations: 41000},
	} {
		t.Run(name, func(t *testing.T) {
			im := fvault2image.Make(o)
			v := load(t, im.Bytes)
			if !v.Healthy() || v.UUID != im.UUID || v.Family != im.Family || v.Chosen != fvault2.Headers {
				t.Errorf("%+v", v)
			}
			key := unlock(t, v, o.Passphrase)
			if !bytes.Equal(key.Bytes(), im.VolumeKey) {
				t.Error("another volume key")
			}
			readsAs(t, v, key, im)
		})
	}
}

func TestEveryUserOpensTheVolume(t *testing.T) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", Other: "other"})
	v := load(t, im.Bytes)
	if !unlock(t, v, "other").Equal(unlock(t, v, "secret").Bytes()) {
		t.Error("two keys")
	}
	if _, err := v.Unlock(t.Context(), []byte("wrong")); !errors.Is(err, fvault2.ErrKey) {
		t.Errorf("%v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Unlock(stopped, []byte("secret")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHalvesOfTheVolumeKeyProveEachOther(t *testing.T) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret"})
	v := load(t, im.Bytes)
	for at := range im.VolumeKey {
		changed := bytes.Clone(im.VolumeKey)
		changed[at] ^= 1
		if proved, err := v.Proves(changed); proved || err != nil {
			t.Errorf("byte %d changed: %v, %v", at, proved, err)
		}
	}
	if proved, err := v.Proves(im.VolumeKey); !proved || err != nil {
		t.Errorf("%v, %v", proved, err)
	}
}

func TestTableIsOneLine(t *testing.T) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret"})
	v := load(t, im.Bytes)
	line, err := v.Table("7:1", unlock(t, v, "secret"), target.AllowDiscards)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	if line.Start != 0 || line.Length != fvault2image.DataSize/512 || line.Offset != fvault2image.Data/512 ||
		line.IVOffset != 0 || line.Cipher != "aes-xts-plain64" || line.Device != "7:1" || line.SectorSize != 0 ||
		!line.Key.Raw.Equal(im.VolumeKey) || line.Flags != target.AllowDiscards {
		t.Errorf("%+v", line)
	}
}

func TestNewestValidCopyIsChosen(t *testing.T) {
	o := fvault2image.Options{Passphrase: "secret", Transactions: [4]uint64{5, 9, 9, 7}}
	im := fvault2image.Make(o)
	damage := func(i int) func([]byte) {
		return func(p []byte) { p[fvault2image.Label+i*fvault2image.LabelSpan+8000] ^= 1 }
	}
	all := func(p []byte) {
		for i := range fvault2image.Labels {
			damage(i)(p)
		}
	}
	for _, test := range []struct {
		name   string
		change func(p []byte)
		chosen int
		state  header.State
	}{
		{"none is damaged", func([]byte) {}, 1, header.Valid},
		{"the newest is damaged", damage(1), 2, header.Valid},
		{"the oldest is damaged", damage(0), 1, header.Valid},
		{"both newest are", func(p []byte) { damage(1)(p); damage(2)(p) }, 3, header.Valid},
		{"all are, and what they lead to is sound", all, 1, header.Damaged},
		{"the first header is damaged", func(p []byte) { p[400] ^= 1 }, 1, header.Valid},
		{"the first header is gone", func(p []byte) { clear(p[:4096]) }, 1, header.Valid},
		{"the last header is gone", func(p []byte) { clear(p[len(p)-512:]) }, 1, header.Valid},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := bytes.Clone(im.Bytes)
			test.change(image)
			v := load(t, image)
			whole := bytes.Equal(image, im.Bytes) // labels of several ages are no damage
			if v.Chosen != fvault2.Headers+test.chosen || v.Found[v.Chosen].State != test.state || v.Healthy() != whole {
				t.Errorf("copy %d of %+v", v.Chosen, v.Found)
			}
			readsAs(t, v, unlock(t, v, "secret"), im)
		})
	}
}

func TestLastHeaderIsWhereTheVolumeEnds(t *testing.T) {
	im := fvault2image.Make(fvault2image.Options{Passphrase: "secret"})
	longer := append(bytes.Clone(im.Bytes), make([]byte, 4096+100)...)
	if v := load(t, longer); !v.Healthy() {
		t.Errorf("%+v", v.Found)
	}
}

func TestVolumeOfWhichHalfIsEncryptedIsRefused(t *testing.T) {
	for _, status := range []string{"Pending", "Converting", "Failed"} {
		im := fvault2image.Make(fvault2image.Options{Passphrase: "secret", Conversion: status})
		v := load(t, im.Bytes)
		if err := v.Openable(); !errors.Is(err, fvault2.ErrUnfinished) {
			t.Errorf("%s: %v", status, err)
		}
		if _, err := v.Plaintext(bytes.NewReader(im.Bytes), unlock(t, v, "secret")); !errors.Is(err, fvault2.ErrUnfinished) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

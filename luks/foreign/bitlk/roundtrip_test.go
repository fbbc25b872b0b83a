// SPDX-License-Identifier: Apache-2.0

package bitlk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
)

const (
	passphrase = "Größe und Δx 🙂"
	recovery   = "000011-720885-110000-022000-330000-440011-550000-660000"
)

func load(t testing.TB, image []byte) *bitlk.Volume {
	t.Helper()
	v, err := bitlk.Load(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryMethodAndSectorSizeIsReadAsItWasWritten(t *testing.T) {
	for method := uint16(0x8000); method <= 0x8005; method++ {
		for _, sector := range []int{512, 4096} {
			for _, togo := range []bool{false, true} {
				t.Run(fmt.Sprintf("%x, %d, to go %v", method, sector, togo), func(t *testing.T) {
					im := bitlkimage.Make(bitlkimage.Options{
						Method: method, SectorSize: sector, ToGo: togo, ClearKey: true, Size: 1<<20 + 4096,
					})
					v := load(t, im.Bytes)
					key, err := v.ClearKey()
					if err != nil {
						t.Fatal(err)
					}
					defer key.Close()
					if !key.Equal(im.VolumeKey) || key.Len() != v.Method.KeySize() {
						t.Fatal("another volume key")
					}
					readsAs(t, v, key, im)
				})
			}
		}
	}
}

func readsAs(t *testing.T, v *bitlk.Volume, key *bitlk.Key, im *bitlkimage.Image) {
	t.Helper()
	p, err := v.Plaintext(bytes.NewReader(im.Bytes), key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil || !bytes.Equal(got, im.Plain) {
		t.Fatalf("%d bytes differ from byte %d on: %v", len(got), firstDifference(got, im.Plain), err)
	}
	for _, at := range []int64{0, 1, 511, 8190, int64(im.Moved) - 3, int64(im.Offsets[2]) + 65535, int64(im.Size) - 5} {
		part := make([]byte, 5)
		if n, err := p.ReadAt(part, at); n != 5 || err != nil || !bytes.Equal(part, im.Plain[at:at+5]) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	if n, err := p.ReadAt(make([]byte, 9), p.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestEachProtectorOpens(t *testing.T) {
	im := bitlkimage.Make(bitlkimage.Options{
		Passphrase: passphrase, Recovery: recovery, Startup: true, VolumeGUID: true, TPM: true, Unknown: true,
		Description: "HOST C: 1/2/2026", MovedFirst: true,
	})
	v := load(t, im.Bytes)
	if v.Description != "HOST C: 1/2/2026" || len(v.VMKs) != 4 {
		t.Fatalf("%q, %d protectors", v.Description, len(v.VMKs))
	}
	for _, test := range []struct {
		name, given string
		want        bitlk.Protection
	}{
		{"passphrase", passphrase, bitlk.ByPassphrase},
		{"recovery password", recovery, bitlk.ByRecovery},
		{"recovery password with a newline", recovery + "\n", bitlk.ByRecovery},
		{
			"recovery password without dashes", string(bytes.ReplaceAll([]byte(recovery), []byte("-"), nil)),
			bitlk.ByRecovery,
		},
		{
			"recovery password with blanks", string(bytes.ReplaceAll([]byte(recovery), []byte("-"), []byte(" - "))),
			bitlk.ByRecovery,
		},
		{"startup key", string(im.BEK), bitlk.ByStartupKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := v.Unlock(context.Background(), []byte(test.given))
			if err != nil {
				t.Fatal(err)
			}
			defer key.Close()
			if got := v.VMKs[key.VMK].Protection; got != test.want || !key.Equal(im.VolumeKey) {
				t.Errorf("opened by %v", got)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
)

// sealedDisks are volumes and what opens them, or does not.
func sealedDisks(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	startup := bitlkimage.Make(bitlkimage.Options{Passphrase: "secret", Startup: true})
	for name, content := range map[string][]byte{
		"bitlk":     startup.Bytes,
		"startup":   startup.BEK,
		"suspended": bitlkimage.Make(bitlkimage.Options{ClearKey: true}).Bytes,
		"half":      bitlkimage.Make(bitlkimage.Options{Passphrase: "secret", Present: 2, Next: 4}).Bytes,
		"diffused":  bitlkimage.Make(bitlkimage.Options{Method: 0x8000, ClearKey: true}).Bytes,
		"fvault2":   fvault2image.Make(fvault2image.Options{Passphrase: "secret"}).Bytes,
		"k":         []byte("secret"),
		"wrong":     []byte("other"),
		"noise":     make([]byte, 1<<20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBitLockerAndFileVaultLinesOpenOrSayWhyNot(t *testing.T) {
	dir := sealedDisks(t)
	for _, c := range []struct {
		name, line, cmdline string
		want                error // nil: it opens
	}{
		{"BitLocker by startup key", "v DIR/bitlk DIR/startup bitlk", "", nil},
		{"BitLocker by passphrase", "v DIR/bitlk DIR/k bitlk,read-only", "", nil},
		{"BitLocker whose protection is suspended", "v DIR/suspended DIR/wrong bitlk", "", nil},
		{"BitLocker with a wrong passphrase", "v DIR/bitlk DIR/wrong bitlk", "", luks.ErrPassphrase},
		{"BitLocker half encrypted", "v DIR/half DIR/k bitlk", "", bitlk.ErrUnfinished},
		{"no BitLocker", "v DIR/noise DIR/k bitlk", "", bitlk.ErrNotBitLocker},
		{"BitLocker by a cipher that boots refuse", "v DIR/diffused DIR/k bitlk", "", &CipherError{}},
		{"BitLocker by one that is allowed", "v DIR/diffused DIR/k bitlk", "rd.orthrus.ciphers=aes-cbc-*", nil},
		{"FileVault", "v DIR/fvault2 DIR/k fvault2", "", nil},
		{"FileVault with a wrong passphrase", "v DIR/fvault2 DIR/wrong fvault2", "", luks.ErrPassphrase},
		{"no FileVault", "v DIR/noise DIR/k fvault2", "", fvault2.ErrNotFileVault},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := booted(t, nil, strings.ReplaceAll(c.line, "DIR", dir), c.cmdline, nil)
			var cipher *CipherError
			switch _, refused := c.want.(*CipherError); {
			case c.want == nil && (got.err != nil || got.Volumes[0].State != Opened):
				t.Errorf("%v: %+v", got.err, got.Volumes)
			case refused && !errors.As(got.err, &cipher):
				t.Errorf("%v, and no word of the cipher", got.err)
			case c.want != nil && !refused && (!errors.Is(got.err, c.want) || got.Volumes[0].State != Failed):
				t.Errorf("%v: %+v", got.err, got.Volumes)
			}
		})
	}
}

func TestBitLockerLinesAsk(t *testing.T) {
	got := booted(t, says("secret"), "v "+sealedDisks(t)+"/bitlk none bitlk", "", nil)
	if got.err != nil || got.Volumes[0].State != Opened {
		t.Errorf("%v: %+v", got.err, got.Volumes)
	}
}

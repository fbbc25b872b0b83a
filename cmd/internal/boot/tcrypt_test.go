// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/tcryptimage"
)

// tcryptDisk makes a volume of those options, and beside it files of these contents.
func tcryptDisk(t *testing.T, o tcryptimage.Options, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files["disk"] = string(tcryptimage.Make(o).Bytes)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTcryptLinesOpenWithKeyFilesAndPIM(t *testing.T) {
	veracrypt := tcryptimage.Options{Passphrase: "secret", VeraCrypt: true, PIM: 2, KeyFiles: []string{"one", "two"}}
	for name, c := range map[string]struct {
		o       tcryptimage.Options
		options string
	}{
		"VeraCrypt": {veracrypt, "veracrypt-pim=2,tcrypt-veracrypt,tcrypt-keyfile=DIR/k1,tcrypt-keyfile=DIR/k2"},
		"hidden":    {tcryptimage.Options{Passphrase: "secret", Hidden: 64 << 10, Ciphers: "twofish-aes"}, "tcrypt,tcrypt-hidden"},
		"system":    {tcryptimage.Options{Passphrase: "secret", System: true, Start: 64 << 10, Length: 64 << 10, Hash: "ripemd160"}, "tcrypt-system"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tcryptDisk(t, c.o, map[string]string{"passphrase": "secret\nsecond line", "k1": "one", "k2": "two"})
			line := "v DIR/disk DIR/passphrase " + c.options
			got := booted(t, nil, strings.ReplaceAll(line, "DIR", dir), "", nil)
			if got.err != nil || got.Volumes[0].State != Opened {
				t.Errorf("%v: %+v", got.err, got.Volumes)
			}
		})
	}
}

func TestTcryptLinesAskAndRefuse(t *testing.T) {
	dir := tcryptDisk(t, tcryptimage.Options{Passphrase: "secret"}, map[string]string{"wrong": "other"})
	tab := "v " + dir + "/disk none tcrypt,hash=sha512,cipher=aes"
	got := booted(t, says("secret"), tab, "", nil)
	if got.err != nil || got.Volumes[0].State != Opened {
		t.Errorf("%v: %+v", got.err, got.Volumes)
	}
	got = booted(t, nil, strings.Replace(tab, "none", dir+"/wrong", 1)+",veracrypt-pim=1", "", nil)
	if !errors.Is(got.err, luks.ErrPassphrase) || got.Volumes[0].State != Failed {
		t.Errorf("with a wrong passphrase: %v", got.err)
	}
	got = booted(t, nil, strings.Replace(tab, "none", dir+"/missing", 1)+",tcrypt-keyfile=/missing", "", nil)
	if got.err == nil {
		t.Error("opened without its key file")
	}
}

func TestTcryptVolumesObeyThePolicyOnCiphers(t *testing.T) {
	dir := tcryptDisk(t, tcryptimage.Options{Passphrase: "secret", Version: 1, Mode: "cbc-tcw"}, map[string]string{"k": "secret"})
	tab := "v " + dir + "/disk " + dir + "/k tcrypt"
	var refused *CipherError
	if got := booted(t, nil, tab, "", nil); !errors.As(got.err, &refused) || refused.Cipher != "aes-cbc-tcw" {
		t.Errorf("%v", got.err)
	}
	if got := booted(t, nil, tab, "rd.orthrus.ciphers=aes-cbc-tcw", nil); got.err != nil {
		t.Error(got.err)
	}
	if got := booted(t, nil, tab+",x-orthrus.ciphers=aes-cbc-*", "", nil); got.err != nil {
		t.Error(got.err)
	}
}

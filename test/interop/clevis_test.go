// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// tangServer runs tangd for each connection, as its socket unit does, and returns the address and the keys' folder.
func tangServer(t *testing.T) (url, keys string) {
	t.Helper()
	keys = t.TempDir()
	if out, err := exec.Command("/usr/libexec/tangd-keygen", keys).CombinedOutput(); err != nil {
		t.Fatalf("run ./scripts/setup: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f, err := c.(*net.TCPConn).File()
			_ = c.Close()
			if err != nil {
				return
			}
			cmd := exec.Command("/usr/libexec/tangd", keys)
			cmd.Stdin, cmd.Stdout = f, f
			go func() {
				_ = cmd.Run() // a client that hangs up makes it fail
				_ = f.Close()
			}()
		}
	}()
	return "http://" + l.Addr().String(), keys
}

// binds has clevis bind a new keyslot of a.img.
func (b *tpmBed) binds(pin, config string) {
	b.t.Helper()
	b.volume()
	b.tpm.Flush()
	cmd := exec.Command("clevis", "luks", "bind", "-y", "-d", "a.img", "-k", "k1", pin, config)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "TPM2TOOLS_TCTI="+b.tpm.Device)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("clevis luks bind %s %s: %v\n%s", pin, config, err, out)
	}
	b.tpm.Flush()
}

// TestTokensOfClevisOpen: each pin, and sss of them, with one share missing, too.
func TestTokensOfClevisOpen(t *testing.T) {
	b := newTPMBed(t)
	url, _ := tangServer(t)
	gone, goneKeys := tangServer(t)
	tang, tpm := `{"url":"`+url+`"}`, `{"pcr_bank":"sha256","pcr_ids":"7,11"}`
	missing := `{"url":"` + gone + `"}`
	for _, bound := range []struct{ pin, config string }{
		{"tang", tang},
		{"tpm2", "{}"},
		{"tpm2", tpm},
		{"tpm2", `{"key":"rsa","pcr_bank":"sha1","pcr_ids":"7"}`},
		{"sss", `{"t":2,"pins":{"tang":[` + tang + `],"tpm2":` + tpm + `}}`},
		{"sss", `{"t":1,"pins":{"tang":[` + missing + `],"tpm2":` + tpm + `}}`},
		{"sss", `{"t":2,"pins":{"tang":[` + missing + `,` + tang + `],"sss":{"t":1,"pins":{"tpm2":` + tpm + `}}}}`},
	} {
		b.binds(bound.pin, bound.config)
		if strings.Contains(bound.config, gone) {
			hideKeys(t, goneKeys, true)
		}
		b.opens(0)
		hideKeys(t, goneKeys, false)
	}
}

// hideKeys takes a server's keys away, or brings them back.
func hideKeys(t *testing.T, folder string, hide bool) {
	t.Helper()
	from, to := ".jwk", ".gone"
	if !hide {
		from, to = to, from
	}
	list, err := filepath.Glob(filepath.Join(folder, "*"+from))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		if err := os.Rename(path, strings.TrimSuffix(path, from)+to); err != nil {
			t.Fatal(err)
		}
	}
}

// rotate hides a server's keys, which still work then, and makes new ones.
func rotate(t *testing.T, folder string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*.jwk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		if err := os.Rename(path, filepath.Join(folder, "."+filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("/usr/libexec/tangd-keygen", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestClevisTokensThatDoNotOpenSayWhy: a state that changed, a key that is gone, and a server that nobody named.
func TestClevisTokensThatDoNotOpenSayWhy(t *testing.T) {
	b := newTPMBed(t)
	url, keys := tangServer(t)
	check := words("enroll check --token-id 0 a.img --tpm2-device " + b.tpm.Device)
	b.binds("tang", `{"url":"`+url+`"}`)
	if r := b.exits(b.own, 0, check...); !strings.Contains(r.stdout, "opens now") {
		t.Errorf("check: %s", r.stdout)
	}
	rotate(t, keys)
	if r := b.exits(b.own, 0, check...); !strings.Contains(r.stdout, "opens now; "+url+" has rotated the key") {
		t.Errorf("check: %s", r.stdout)
	}
	b.opens(0)
	r := b.exits(b.own, 2, words("open --test-passphrase --token-only a.img")...)
	if strings.Contains(r.stderr, "does not unlock") {
		t.Errorf("a server that nobody named: %s", r.stderr)
	}
	if err := os.RemoveAll(keys); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(keys, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := b.opens(2); !strings.Contains(r.stderr, "the server does not have the key any more") {
		t.Errorf("rotated: %s", r.stderr)
	}
	if r := b.exits(b.own, 1, check...); !strings.Contains(r.stdout, "the server does not have the key any more") {
		t.Errorf("check: %s", r.stdout)
	}
	b.binds("tpm2", `{"pcr_bank":"sha256","pcr_ids":"7"}`)
	b.tpm.Extend(vectors.TPM2Extends()[0])
	if r := b.opens(2); !strings.Contains(r.stderr, "the system is in another state than at enrolment") {
		t.Errorf("another state: %s", r.stderr)
	}
}

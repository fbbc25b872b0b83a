// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/test/swtpm"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// tpmBed is a bed with a TPM, whose registers 7 and 11 are in use, and a volume that k1 opens.
type tpmBed struct {
	*bed
	tpm *swtpm.TPM
	own tool
}

func newTPMBed(t *testing.T) *tpmBed {
	t.Helper()
	b := &tpmBed{newBed(t), swtpm.Start(t, nil), bench.ours}
	b.tpm.Tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=31", "--recovery-time=600")
	b.tpm.Extend(vectors.TPM2Extends()...)
	b.write("k1", "pw")
	b.write("pin", "1234\n")
	b.write("wrongpin", "4321")
	if err := os.Symlink(b.own.path, b.path("orthrus")); err != nil {
		t.Fatal(err)
	}
	b.own = tool{"orthrus", b.path("orthrus")}
	b.volume()
	return b
}

// volume makes a.img anew.
func (b *tpmBed) volume() {
	b.t.Helper()
	b.image("a.img", 8<<20)
	b.must(bench.bookworm, words("luksFormat -q --type luks2 --luks2-keyslots-size 2m"+quick+"a.img k1")...)
}

// cryptenroll are the releases of systemd.
func cryptenroll(t *testing.T) map[string]string {
	t.Helper()
	path, err := exec.LookPath("systemd-cryptenroll")
	if err != nil {
		t.Fatal("run ./scripts/setup: ", err)
	}
	return map[string]string{"252": path, "257": filepath.Join(filepath.Dir(bench.trixie.path), "systemd-cryptenroll")}
}

// enrols runs systemd-cryptenroll.
func (b *tpmBed) enrols(program string, args ...string) {
	b.t.Helper()
	b.tpm.Flush()
	cmd := exec.Command(program, append(args, "a.img")...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "PASSWORD=pw", "NEWPIN=1234", "PIN=1234")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	b.tpm.Flush()
}

// opens tries the newest token alone.
func (b *tpmBed) opens(code int, args ...string) result {
	b.t.Helper()
	fixed := append(words("open --test-passphrase --token-only --token-id 0 a.img --tpm2-device"), b.tpm.Device)
	args = append(fixed, args...)
	r := b.exits(b.own, code, args...)
	if loaded := b.tpm.Loaded(); loaded != "" {
		b.t.Errorf("%v leaves in the TPM:\n%s", args, loaded)
	}
	return r
}

// signs makes a key, and signs a policy of register 11 as it is.
func (b *tpmBed) signs() {
	b.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("public.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))
	_, value, _ := strings.Cut(b.tpm.Tool("tpm2_pcrread", "sha256:11"), "0x")
	register, err := hex.DecodeString(strings.TrimSpace(value))
	if err != nil {
		b.t.Fatal(err)
	}
	values := sha256.Sum256(register)
	command := append(make([]byte, 32), 0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, 0, 8, 0)
	policy := sha256.Sum256(append(command, values[:]...))
	digest := sha256.Sum256(policy[:])
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		b.t.Fatal(err)
	}
	fingerprint := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	text, err := json.Marshal(map[string]any{"sha256": []any{map[string]any{
		"pcrs": []int{11}, "pkfp": hex.EncodeToString(fingerprint[:]), "pol": hex.EncodeToString(policy[:]),
		"sig": base64.StdEncoding.EncodeToString(signature),
	}}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("signature.json", string(text))
}

const signedWords = " --tpm2-public-key=public.pem --tpm2-public-key-pcrs=11 --tpm2-signature=signature.json"

// TestTokensOfSystemdOpen: every form that two releases write opens with ours, and not in another state.
func TestTokensOfSystemdOpen(t *testing.T) {
	for release, program := range cryptenroll(t) {
		t.Run(release, func(t *testing.T) {
			b := newTPMBed(t)
			b.signs()
			for _, form := range []struct {
				args   string
				broken string // a register that changes it
			}{
				{"--tpm2-pcrs=7", "7"},
				{"--tpm2-pcrs=7 --tpm2-with-pin=yes", "7"},
				{"--tpm2-pcrs= --tpm2-with-pin=yes", ""},
				{"--tpm2-pcrs=", ""},
				{"--tpm2-pcrs=7" + signedWords, "11"},
				{"--tpm2-pcrs= --tpm2-with-pin=yes" + signedWords, "11"},
			} {
				b.volume()
				b.enrols(program, append(words(form.args), "--tpm2-device="+b.tpm.Device)...)
				signature := "--tpm2-signature=" + b.path("signature.json")
				b.opens(0, "--pin-file", "pin", signature)
				before := b.tpm.Failed()
				if strings.Contains(form.args, "pin") {
					r := b.opens(2, "--pin-file", "wrongpin", signature)
					if !strings.Contains(r.stderr, "the PIN is wrong") || b.tpm.Failed() == before {
						t.Errorf("%s: %s, counted %s, before %s", form.args, r.stderr, b.tpm.Failed(), before)
					}
					before = b.tpm.Failed()
				}
				if form.broken != "" {
					b.tpm.Extend(form.broken + ":sha256=" + strings.Repeat("0", 63) + "5")
					r := b.opens(2, "--pin-file", "pin", signature)
					if !strings.Contains(r.stderr, "the system is in another state than at enrolment") ||
						b.tpm.Failed() != before {
						t.Errorf("%s, register %s changed: %s, counted %s, before %s", form.args, form.broken,
							r.stderr, b.tpm.Failed(), before)
					}
					b.signs()
				}
			}
		})
	}
}

// TestOurTokensOpenWithSystemd: 257 unlocks by each form that enroll writes.
func TestOurTokensOpenWithSystemd(t *testing.T) {
	b := newTPMBed(t)
	for _, form := range []string{
		"", "--tpm2-pcrs=7+11", "--tpm2-pcrs=7:sha1", "--tpm2-with-pin", "--tpm2-with-pin --tpm2-pcrs=",
		"--tpm2-pcrs= --allow-unmeasured",
	} {
		b.volume()
		args := words("enroll add --tpm2 --key-file k1 --pin-file pin a.img " + form)
		args = append(args, "--tpm2-device", b.tpm.Device)
		b.must(b.own, args...)
		b.opens(0, "--pin-file", "pin")
		b.enrols(cryptenroll(t)["257"], "--unlock-tpm2-device="+b.tpm.Device, "--recovery-key")
		list := b.must(b.own, "enroll", "list", "a.img")
		if !strings.Contains(list, "   1 tpm2          0") || !strings.Contains(list, "   2 recovery      1") {
			t.Errorf("%s:\n%s", form, list)
		}
	}
}

// TestEnrolmentThatFailsWritesNothing: the header stays as it was, and the reason is told.
func TestEnrolmentThatFailsWritesNothing(t *testing.T) {
	b := newTPMBed(t)
	before := b.sum("a.img")
	for _, c := range []struct{ args, says string }{
		{"--tpm2-pcrs=12", "nothing was measured into these registers"},
		{"--tpm2-pcrs=", "without registers and PIN"},
		{"--tpm2-pcrs=7:sha256+11:sha1", "all registers must be of one bank"},
		{"--tpm2-pcrs=7:sha256=00", "not as long as those"},
		{"--tpm2-pcrs=24", "is no register"},
		{"--dry-run", "Without --dry-run one is made"},
		{"--tpm2-with-pin --pin-file empty", "An empty PIN is no PIN"},
	} {
		b.write("empty", "")
		args := append(words("enroll add --tpm2 --key-file k1 a.img "+c.args), "--tpm2-device", b.tpm.Device)
		r := b.exits(b.own, 1, args...)
		if !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: %s", c.args, r.stderr)
		}
	}
	r := b.exits(b.own, 1, words("enroll add --tpm2 --key-file k1 a.img --tpm2-device swtpm:host=127.0.0.1,port=1")...)
	if !strings.Contains(r.stderr, "refused") {
		t.Errorf("no TPM: %s", r.stderr)
	}
	if b.sum("a.img") != before {
		t.Error("the volume was written to")
	}
}

// TestCheckTellsWhetherTokensOpen without a PIN, before and after a register changed and the TPM was cleared.
func TestCheckTellsWhetherTokensOpen(t *testing.T) {
	b := newTPMBed(t)
	device := []string{"--tpm2-device", b.tpm.Device, "a.img"}
	for _, args := range []string{"", "--tpm2-with-pin --pin-file pin --tpm2-pcrs=11"} {
		b.must(b.own, append(words("enroll add --tpm2 --key-file k1 "+args), device...)...)
	}
	check := func(code int, want ...string) {
		t.Helper()
		r := b.exits(b.own, code, append(words("enroll check"), device...)...)
		for _, w := range want {
			if !strings.Contains(r.stdout, w) {
				t.Errorf("%q is missing in\n%s", w, r.stdout)
			}
		}
	}
	check(0, "Token 0 (systemd-tpm2): opens now.", "Token 1 (systemd-tpm2): opens now; 31 of 31 tries of a PIN")
	b.tpm.Extend("7:sha256=" + strings.Repeat("1", 64))
	check(1, "Token 0 (systemd-tpm2): does not open now: the system is in another state",
		"Token 1 (systemd-tpm2): opens now")
	b.tpm.Tool("tpm2_clear")
	check(1, "Token 0 (systemd-tpm2): does not open now: the TPM's storage key is gone: the TPM was cleared")
	if failed := strings.TrimSpace(b.tpm.Failed()); failed != "0x0" {
		t.Errorf("checks cost tries: %s", failed)
	}
}

// TestRecordedTokensOpen unseals tokens that were recorded with the state of their TPM, by the handler alone.
func TestRecordedTokensOpen(t *testing.T) {
	v, err := vectors.TPM2Tokens()
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Tokens) < 12 {
		t.Fatalf("%d tokens are recorded", len(v.Tokens))
	}
	tpm := swtpm.Start(t, v.State)
	tpm.Extend(vectors.TPM2Extends()...)
	signature := filepath.Join(t.TempDir(), "signature.json")
	if err := os.WriteFile(signature, v.Signature, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, text := range v.Tokens {
		tok := luks2.Token{Type: "systemd-tpm2", Raw: text}
		opener, err := token.OpenerFor(tok)
		if err != nil {
			t.Fatal(err)
		}
		passphrase, err := opener.Passphrase(t.Context(), tok, helpOf(tpm.Device, signature))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if secret, err := base64.StdEncoding.DecodeString(string(passphrase.Bytes())); err != nil || len(secret) != 32 {
			t.Errorf("%s: a passphrase that is no base64 of 32 bytes", name)
		}
		seen[name] = string(passphrase.Bytes())
	}
	sums := sha256.Sum256([]byte(seen["257-signed-pin"]))
	if got := hex.EncodeToString(sums[:8]); got != "0741c468762db93d" {
		t.Errorf("the passphrase of 257-signed-pin has the sum %s", got)
	}
}

// helpOf answers with the recorded PIN.
func helpOf(device, signature string) token.Help {
	options := map[string]string{"tpm2-device": device, "tpm2-signature": signature}
	return token.Help{
		Option: func(name string) (string, bool) { value, given := options[name]; return value, given },
		Ask: func(context.Context, token.Question) (*secret.Buffer, error) {
			return secret.Copy([]byte(vectors.TPM2PIN))
		},
	}
}

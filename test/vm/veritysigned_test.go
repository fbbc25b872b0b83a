// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// verityAuthority signs root hashes; a kernel may be made to trust it.
type verityAuthority struct {
	key    *rsa.PrivateKey
	vendor *x509.Certificate
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newVerityAuthority(t *testing.T) *verityAuthority {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return &verityAuthority{key: key, vendor: &x509.Certificate{
		SerialNumber: big.NewInt(20), Subject: pkix.Name{CommonName: "who signs root hashes"},
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}}
}

// certificate makes one of so many bytes: an extension that nobody knows fills it up.
func (a *verityAuthority) certificate(size int) (der []byte, err error) {
	for fill := 1; fill < size; fill++ {
		a.vendor.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 25, 20}, Value: make([]byte, fill)}}
		der, err = x509.CreateCertificate(rand.Reader, a.vendor, a.vendor, a.key.Public(), a.key)
		if err != nil || len(der) == size {
			return der, err
		}
		fill += max(0, size-len(der)-16) // the lengths before it grow, too
	}
	return nil, fmt.Errorf("no certificate has %d bytes: the last had %d", size, len(der))
}

// What PKCS #7 (RFC 2315, 9) has for a signature of something that is not in it.
type (
	pkcs7 struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content struct{ Type asn1.ObjectIdentifier }
		Signers []signerInfo `asn1:"set"`
	}
	signerInfo struct {
		Version int
		Of      struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest, Encryption pkix.AlgorithmIdentifier
		Signature          []byte
	}
)

// sign signs a root hash, as dm-verity wants it: in lower case hexadecimal.
func (a *verityAuthority) sign(t *testing.T, root string) []byte {
	t.Helper()
	sum := sha256.Sum256([]byte(root))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	must(t, err)
	issuer, err := asn1.Marshal(a.vendor.Subject.ToRDNSequence())
	must(t, err)
	algorithm := func(id ...int) pkix.AlgorithmIdentifier {
		return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.NullRawValue}
	}
	digest := algorithm(2, 16, 840, 1, 101, 3, 4, 2, 1)
	by := signerInfo{
		Version: 1, Digest: digest, Encryption: algorithm(1, 2, 840, 113549, 1, 1, 1), Signature: signature,
	}
	by.Of.Issuer, by.Of.Serial = asn1.RawValue{FullBytes: issuer}, a.vendor.SerialNumber
	p := pkcs7{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, Content: signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{digest}, Signers: []signerInfo{by},
	}}
	p.Content.Content.Type = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	der, err := asn1.Marshal(p)
	must(t, err)
	return der
}

// trustedBy has a kernel made that trusts the authority, and returns what boots it.
func (a *verityAuthority) trustedBy(t *testing.T, dir string) (qemuArgs []string) {
	t.Helper()
	image, err := machine.TrustingKernel(dir, a.certificate)
	must(t, err)
	return []string{"-kernel", image}
}

// A kernel that trusts who has signed the root hash maps the image, for ours and for veritysetup alike; it maps no
// other image by that signature, and none by a signature of somebody else.
func TestVeritySignaturesThatTheKernelTrustsOpen(t *testing.T) {
	const keyFile = "/signer"
	cfg := config()
	cfg.Disks = nil
	if !machine.IsInside() {
		dir := t.TempDir()
		a := newVerityAuthority(t)
		cfg.QEMUArgs = a.trustedBy(t, dir)
		must(t, os.WriteFile(filepath.Join(dir, "key"), x509.MarshalPKCS1PrivateKey(a.key), 0o600))
		cfg.Files = map[string]string{keyFile: filepath.Join(dir, "key")}
	}
	machine.Boot(t, cfg).Step(t, "open", func(t *testing.T) {
		der, err := os.ReadFile(keyFile)
		must(t, err)
		trusted, stranger := newVerityAuthority(t), newVerityAuthority(t)
		trusted.key, err = x509.ParsePKCS1PrivateKey(der)
		must(t, err)
		mine, theirs := veritysetups(t)
		b, root := verityBench(t, mine)
		b.write("signature", trusted.sign(t, root))
		b.write("other", trusted.sign(t, strings.Repeat("00", 32)))
		b.write("stranger", stranger.sign(t, root))
		b.signedAlike(mine, theirs, root)
		for file, says := range map[string]string{
			"other": "The kernel refuses the signature other.", "stranger": "The kernel refuses the signature stranger.",
		} {
			args := []string{"open", "data", "v", "hash", root, "--root-hash-signature", file}
			a, other := b.run(mine, args...), b.run(theirs, args...)
			t.Logf("%s: exit %d, theirs %d\n%s%s", file, a.code, other.code, a.stderr, other.stderr)
			if a.code == 0 || other.code == 0 || !strings.Contains(a.stderr, says) {
				t.Errorf("%s: exit %d, theirs %d\n%s", file, a.code, other.code, a.stderr)
			}
			b.expect(mine, 4, "status", "v")
		}
	})
}

// signedAlike opens by both: equal tables, with the key's description in them, and the data are read.
func (b *bench) signedAlike(mine, theirs program, root string) {
	b.t.Helper()
	var tables []string
	for _, p := range []program{mine, theirs} {
		b.expect(p, 0, "open", "data", "v", "hash", root, "--root-hash-signature", "signature")
		tables = append(tables, mappingText(b.t, "v"))
		for _, q := range []program{mine, theirs} {
			if got := b.expect(q, 0, "status", "v"); !strings.Contains(got.stdout, "verified (with signature)") {
				b.t.Errorf("opened by %s, status of %s:\n%s", p.name, q.name, got.stdout)
			}
		}
		if got, err := os.ReadFile("/dev/mapper/v"); err != nil || !bytes.Equal(got, b.content("data")) {
			b.t.Errorf("%s: %d bytes, %v", p.name, len(got), err)
		}
		b.expect(p, 0, "close", "v")
	}
	const words = " 2 root_hash_sig_key_desc cryptsetup:11111111-2222-3333-4444-555555555555-v"
	if tables[0] != tables[1] || !strings.Contains(tables[0], words) {
		b.t.Errorf("tables:\n%s%s", tables[0], tables[1])
	}
	b.t.Logf("%s", tables[0])
}

// SPDX-License-Identifier: Apache-2.0

package token

import (
	"slices"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The limits of a TPM's token, bytes.
const (
	mostShards  = 4
	mostBlob    = 2048
	mostPublic  = 1024
	mostPEM     = 8 << 10
	mostPINSalt = 64
	policySize  = 32 // SHA-256, whatever the registers' bank
)

// TPM2 is what a token of type systemd-tpm2 says.
type TPM2 struct {
	Blobs      [][]byte // of one shard each
	Policies   [][]byte // the digest of each shard's policy
	PCRs       []int    // literal ones, rising
	Bank       string   // "sha256"; empty where it is left out
	PrimaryAlg string   // "ecc", "rsa"; empty where it is left out
	PIN        bool
	PCRLock    bool
	SignedPCRs []int  // those of a signed policy
	PEM        []byte // the key that signs it, as text
	PolicyRef  string
	Salt       []byte // of the PIN
	SRK        []byte // the storage key, as tpm2-tss writes it
	LockIndex  []byte // the NV index of pcrlock, as tpm2-tss writes it
	Argon2     *kdf.Params
}

type tpm2 struct{}

// Type is systemd's name.
func (tpm2) Type() string { return "systemd-tpm2" }

// Kind is the word of systemd-cryptenroll.
func (tpm2) Kind() string { return "tpm2" }

// parseTPM2 reads the fields that systemd does, each within its limits.
func parseTPM2(t luks2.Token) (TPM2, error) {
	f := fieldsOf(t)
	if f.has("fido2-credential") {
		f.fail("", notOne)
	}
	v := TPM2{
		PCRs: f.pcrs("tpm2-pcrs", true), Bank: strings.ToLower(f.text("tpm2-pcr-bank", 16, false)),
		PrimaryAlg: f.word("tpm2-primary-alg", "ecc", "rsa"),
		PIN:        isTrue(f.flag("tpm2-pin")), PCRLock: isTrue(f.flag("tpm2_pcrlock")),
		SignedPCRs: f.pcrs("tpm2_pubkey_pcrs", false), PEM: f.encoded("tpm2_pubkey", mostPEM, false),
		PolicyRef: f.text("tpm2_pubkey_ref", 1024, false),
		Salt:      f.encoded("tpm2_salt", mostPINSalt, false), SRK: f.encoded("tpm2_srk", mostBlob, false),
		LockIndex: f.encoded("tpm2_pcrlock_nv", mostBlob, false),
	}
	for _, text := range f.several("tpm2-blob", mostShards) {
		v.Blobs = append(v.Blobs, f.decoded("tpm2-blob", text, mostBlob))
	}
	for _, text := range f.several("tpm2-policy-hash", mostShards) {
		v.Policies = append(v.Policies, f.hexadecimal("tpm2-policy-hash", text, 64))
	}
	if v.Bank != "" && !slices.Contains(banks(), v.Bank) {
		f.fail("tpm2-pcr-bank", unknown)
	}
	v.Argon2 = parseArgon2(f)
	return v, f.err
}

func banks() []string { return []string{"sha1", "sha256", "sha384", "sha512"} }

func isTrue(b *bool) bool { return b != nil && *b }

// parseArgon2 reads the costs that the PIN goes through: all three or none, within those of keyslots.
func parseArgon2(f *fields) *kdf.Params {
	memory, m := f.number("tpm2_argon2id_memcost")
	passes, p := f.number("tpm2_argon2id_iterations")
	lanes, l := f.number("tpm2_argon2id_lanes")
	switch {
	case f.err != nil || !m && !p && !l:
		return nil
	case !m || !p || !l:
		f.fail("tpm2_argon2id_memcost", "one of its three costs is missing")
		return nil
	case memory%1024 != 0 || memory>>42 > 0 || passes>>32 > 0 || lanes>>32 > 0:
		f.fail("tpm2_argon2id_memcost", badCosts)
		return nil
	}
	costs := kdf.Params{Type: kdf.Argon2id, Time: uint32(passes), Memory: uint32(memory / 1024), CPUs: uint32(lanes)}
	if err := kdf.OpeningLimits().Admit(costs); err != nil {
		f.fail("tpm2_argon2id_memcost", badCosts)
	}
	return &costs
}

// judge refuses what no TPM could be given, whatever it is asked.
func (v *TPM2) judge(f *fields) {
	for i, blob := range v.Blobs {
		judgeBlob(f, blob)
		if i < len(v.Policies) && len(v.Policies[i]) != policySize {
			f.fail("tpm2-policy-hash", noLength)
		}
	}
	switch {
	case len(v.Blobs) != len(v.Policies):
		f.fail("tpm2-policy-hash", "not one for each blob")
	case len(v.SignedPCRs) > 0 && len(v.PEM) == 0:
		f.fail("tpm2_pubkey", "missing, and registers are to be signed")
	case len(v.PEM) > 0 && !isRSA(v.PEM):
		f.fail("tpm2_pubkey", "not an RSA public key of 2048 to 4096 bits in PEM")
	case v.PCRLock && len(v.LockIndex) == 0:
		f.fail("tpm2_pcrlock_nv", missing)
	case v.Argon2 != nil && (!v.PIN || len(v.Salt) == 0):
		f.fail("tpm2_argon2id_memcost", "without a PIN and its salt")
	}
	judgeHandle(f, "tpm2_srk", v.SRK, 1)
	judgeHandle(f, "tpm2_pcrlock_nv", v.LockIndex, 2)
}

// judgeBlob: |private| |public| and, for a key that was sealed elsewhere, |seed|. Each has its length, 2 bytes, in
// front.
func judgeBlob(f *fields, blob []byte) {
	private, rest, ok := sized(blob)
	public, rest, also := sized(rest)
	if ok = ok && also && len(private) > 0 && len(public) > 0 && len(public) <= mostPublic; ok && len(rest) > 0 {
		_, rest, ok = sized(rest)
	}
	if !ok || len(rest) > 0 {
		f.fail("tpm2-blob", "not a private and a public part")
	}
}

// judgeHandle: a handle, 4 bytes, |name|, the kind of what it is, 4 bytes, |public|. Nothing is no fault.
func judgeHandle(f *fields, name string, p []byte, kind byte) {
	if len(p) == 0 {
		return
	}
	ok := len(p) > 4
	if ok {
		_, rest, named := sized(p[4:])
		if ok = named && len(rest) > 4 && [4]byte(rest[:4]) == [4]byte{3: kind}; ok {
			_, rest, ok = sized(rest[4:])
			ok = ok && len(rest) == 0
		}
	}
	if !ok {
		f.fail(name, "not a handle with its name and public part")
	}
}

// sized cuts off a part that has its length, 2 bytes big-endian, in front.
func sized(p []byte) (part, rest []byte, ok bool) {
	if len(p) < 2 {
		return nil, p, false
	}
	n := 2 + (int(p[0])<<8 | int(p[1]))
	if n > len(p) {
		return nil, p, false
	}
	return p[2:n], p[n:], true
}

// Show is what the plugin of systemd 257 prints; nothing for what it refuses.
func (tpm2) Show(t luks2.Token) []string {
	v, err := parseTPM2(t)
	if err != nil {
		return nil
	}
	lines := []string{"tpm2-hash-pcrs:   " + plus(v.PCRs), "tpm2-pcr-bank:    " + orNone(v.Bank)}
	lines = append(append(lines, below("tpm2-pubkey:", v.PEM)...), "tpm2-pubkey-pcrs: "+plus(v.SignedPCRs))
	if v.PrimaryAlg != "" {
		lines = append(lines, "tpm2-primary-alg: "+v.PrimaryAlg)
	}
	for _, flag := range []struct {
		label string
		is    bool
	}{
		{"tpm2-pin:         ", v.PIN},
		{"tpm2-pcrlock:     ", v.PCRLock},
		{"tpm2-salt:        ", len(v.Salt) > 0},
		{"tpm2-srk:         ", len(v.SRK) > 0},
		{"tpm2-pcrlock-nv:  ", len(v.LockIndex) > 0},
	} {
		lines = append(lines, flag.label+strconv.FormatBool(flag.is))
	}
	for _, p := range v.Policies {
		lines = append(lines, below("tpm2-policy-hash:", p)...)
	}
	for _, p := range v.Blobs {
		lines = append(lines, dump("tpm2-blob:        ", p)...)
	}
	return lines
}

// Read tells what unseals the passphrase.
func (tpm2) Read(t luks2.Token) (Facts, error) {
	v, err := parseTPM2(t)
	if err != nil {
		return Facts{}, err
	}
	f := judging(t)
	v.judge(f)
	pin := when(v.PIN, "yes")
	if v.Argon2 != nil {
		pin = "yes, through Argon2id"
	}
	facts := factsOf(Detail{"pcrs", plus(v.PCRs)}, Detail{"bank", v.Bank}, Detail{"signed pcrs", plus(v.SignedPCRs)},
		Detail{"pin", pin}, Detail{"pcrlock", when(v.PCRLock, "yes")},
		Detail{"storage key", when(len(v.SRK) == 0, "made anew each time")})
	return facts, f.err
}

// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// object is JSON of a token that tests change a member of.
type object map[string]any

// with is a copy with members set, or left out where they are nil.
func (o object) with(members ...any) object {
	o = maps.Clone(o)
	for i := 0; i < len(members); i += 2 {
		if o[members[i].(string)] = members[i+1]; members[i+1] == nil {
			delete(o, members[i].(string))
		}
	}
	return o
}

func (o object) text(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func b64(p []byte) string  { return base64.StdEncoding.EncodeToString(p) }
func b64u(p []byte) string { return base64.RawURLEncoding.EncodeToString(p) }

// part is bytes with their length in front.
func part(n int) []byte { return append([]byte{byte(n >> 8), byte(n)}, make([]byte, n)...) }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// pemKey is an RSA key of so many bytes, none of which is a key's.
func pemKey(bytes int) string {
	der := func(tag byte, content []byte) []byte {
		return join([]byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}, content)
	}
	modulus := join([]byte{0, 0x80}, make([]byte, bytes-1))
	key := der(derSequence, join(der(derInteger, modulus), []byte{derInteger, 3, 1, 0, 1}))
	whole := der(derSequence, join([]byte{derSequence, byte(len(rsaAlgorithm))}, rsaAlgorithm, der(derBits, join([]byte{0}, key))))
	return pemBegin + "\n" + base64.StdEncoding.EncodeToString(whole) + "\n" + pemEnd + "\n"
}

func srk(kind byte) []byte {
	return join([]byte{0x81, 0, 0, 1}, part(34), []byte{0, 0, 0, kind}, part(90))
}

var policy = strings.Repeat("ab", policySize)

var (
	goodTPM2 = object{
		"type": "systemd-tpm2", "keyslots": []string{"0"}, "tpm2-blob": b64(join(part(100), part(78))),
		"tpm2-pcrs": []int{7}, "tpm2-pcr-bank": "sha256", "tpm2-policy-hash": policy, "tpm2_srk": b64(srk(1)),
	}
	goodFIDO2 = object{
		"type": "systemd-fido2", "keyslots": []string{"0"}, "fido2-credential": b64(make([]byte, 64)),
		"fido2-salt": b64(make([]byte, 32)), "fido2-rp": "io.systemd.cryptsetup", "fido2-up-required": true,
	}
	goodPKCS11 = object{
		"type": "systemd-pkcs11", "keyslots": []string{"0"}, "pkcs11-uri": "pkcs11:token=T;type=private",
		"pkcs11-key": b64(make([]byte, 256)),
	}
)

// protected is the header of a JWE.
func protected(t testing.TB, o object) string { return b64u([]byte(o.text(t))) }

func coordinates() object {
	return object{"kty": "EC", "crv": "P-521", "x": b64u(make([]byte, 66)), "y": b64u(make([]byte, 66))}
}

func tangHeader(url string) object {
	return object{
		"alg": "ECDH-ES", "enc": "A256GCM", "epk": coordinates(), "kid": strings.Repeat("k", 43),
		"clevis": object{"pin": "tang", "tang": object{"url": url, "adv": object{"keys": []object{coordinates()}}}},
	}
}

func clevisTPM2Header() object {
	return object{"alg": "dir", "enc": "A256GCM", "clevis": object{"pin": "tpm2", "tpm2": object{
		"hash": "sha256", "key": "ecc", "jwk_pub": b64u(part(80)), "jwk_priv": b64u(part(120)), "pcr_bank": "sha256",
		"pcr_ids": "7,8",
	}}}
}

func sssHeader(threshold int, shares ...string) object {
	return object{"alg": "dir", "enc": "A256GCM", "clevis": object{"pin": "sss", "sss": object{
		"t": threshold, "p": b64u(append(make([]byte, 31), 1)), "jwe": shares,
	}}}
}

func compact(t testing.TB, header object) string {
	t.Helper()
	return strings.Join([]string{
		protected(t, header), "", b64u(make([]byte, 12)), b64u(make([]byte, 54)), b64u(make([]byte, 16)),
	}, ".")
}

func clevisToken(t testing.TB, header object) object {
	t.Helper()
	parts := strings.Split(compact(t, header), ".")
	return object{"type": "clevis", "keyslots": []string{"0"}, "jwe": object{
		"protected": parts[0], "encrypted_key": parts[1], "iv": parts[2], "ciphertext": parts[3], "tag": parts[4],
	}}
}

// nested is sss in sss.
func nested(t testing.TB, depth int) object {
	t.Helper()
	h := tangHeader("http://deep")
	for range depth {
		h = sssHeader(1, compact(t, h))
	}
	return h
}

func TestWhatTokensSay(t *testing.T) {
	shares := []string{compact(t, tangHeader("http://one")), compact(t, clevisTPM2Header())}
	for name, c := range map[string]struct {
		token object
		kind  string
		want  string
	}{
		"tpm2":          {goodTPM2, "tpm2", "[{pcrs 7} {bank sha256}]"},
		"tpm2 of 248":   {goodTPM2.with("tpm2_srk", nil, "tpm2-pcr-bank", nil), "tpm2", "[{pcrs 7} {storage key made anew each time}]"},
		"tpm2 with PIN": {goodTPM2.with("tpm2-pin", true, "tpm2_salt", b64(make([]byte, 32))), "tpm2", "[{pcrs 7} {bank sha256} {pin yes}]"},
		"tpm2 of 262": {
			goodTPM2.with("tpm2-pin", true, "tpm2_salt", b64(make([]byte, 32)), "tpm2_argon2id_memcost", 64<<20,
				"tpm2_argon2id_iterations", 4, "tpm2_argon2id_lanes", 1), "tpm2",
			"[{pcrs 7} {bank sha256} {pin yes, through Argon2id}]",
		},
		"tpm2 signed": {
			goodTPM2.with("tpm2-pcrs", []int{}, "tpm2_pubkey_pcrs", []int{11}, "tpm2_pubkey", b64([]byte(pemKey(256)))), "tpm2",
			"[{bank sha256} {signed pcrs 11}]",
		},
		"tpm2 of two shards": {
			goodTPM2.with("tpm2-blob", []string{b64(join(part(9), part(8))), b64(join(part(9), part(8), part(7)))}, "tpm2-policy-hash",
				[]string{policy, policy}, "tpm2_pcrlock", true, "tpm2_pcrlock_nv", b64(srk(2))), "tpm2",
			"[{pcrs 7} {bank sha256} {pcrlock yes}]",
		},
		"fido2":         {goodFIDO2, "fido2", "[{relying party io.systemd.cryptsetup} {touch yes}]"},
		"fido2 of 248":  {goodFIDO2.with("fido2-rp", nil, "fido2-up-required", nil), "fido2", "[]"},
		"pkcs11":        {goodPKCS11, "pkcs11", "[{uri pkcs11:token=T;type=private}]"},
		"pkcs11 of 261": {goodPKCS11.with("pkcs11-padding", "oaep-sha256"), "pkcs11", "[{uri pkcs11:token=T;type=private} {padding oaep-sha256}]"},
		"recovery":      {object{"type": "systemd-recovery"}, "recovery", "[]"},
		"keyring":       {object{"type": "luks2-keyring", "key_description": "a key"}, "keyring", "[{key a key}]"},
		"tang":          {clevisToken(t, tangHeader("http://h:7500/x")), "clevis", "[{pin tang http://h:7500/x}]"},
		"clevis tpm2":   {clevisToken(t, clevisTPM2Header()), "clevis", "[{pin tpm2 sha256:7,8}]"},
		"clevis pkcs11": {
			clevisToken(t, object{"alg": "dir", "enc": "A256GCM", "clevis": object{"pin": "pkcs11", "pkcs11": object{
				"uri": "pkcs11:id=%01", "mechanism": "RSA-PKCS", "key": b64u(make([]byte, 256)),
			}}}), "clevis", "[{pin pkcs11 pkcs11:id=%01}]",
		},
		"sss": {
			clevisToken(t, sssHeader(1, shares...)), "clevis",
			"[{pin sss 1 of (tang http://one, tpm2 sha256:7,8)}]",
		},
		"sss three deep": {clevisToken(t, nested(t, mostDepth)), "clevis", "[{pin sss 1 of (sss 1 of (sss 1 of (tang http://deep)))}]"},
	} {
		facts, err := Read(tokenOf(t, c.token.text(t)))
		if got := fmt.Sprint(facts.Details); err != nil || facts.Kind != c.kind || got != c.want {
			t.Errorf("%s: %s %s, %v; want %s", name, facts.Kind, got, err, c.want)
		}
	}
}

func TestHostileTokensAreRefusedFromTheirTextAlone(t *testing.T) {
	many := func(n int, text string) (list []string) {
		for range n {
			list = append(list, text)
		}
		return list
	}
	ints := make([]int, mostPCRs+1)
	blob := func(n int) string { return b64(join(part(n), part(9))) }
	for name, o := range map[string]object{
		"five blobs":            goodTPM2.with("tpm2-blob", many(5, blob(9)), "tpm2-policy-hash", many(5, policy)),
		"no blobs":              goodTPM2.with("tpm2-blob", []string{}, "tpm2-policy-hash", []string{}),
		"blobs without policy":  goodTPM2.with("tpm2-blob", many(2, blob(9))),
		"a long blob":           goodTPM2.with("tpm2-blob", blob(mostBlob)),
		"a long public part":    goodTPM2.with("tpm2-blob", b64(join(part(9), part(mostPublic+1)))),
		"a blob with a tail":    goodTPM2.with("tpm2-blob", b64(join(part(9), part(9), part(9), []byte{0}))),
		"a cut blob":            goodTPM2.with("tpm2-blob", b64(part(9)[:5])),
		"a number for a blob":   goodTPM2.with("tpm2-blob", 7),
		"25 registers":          goodTPM2.with("tpm2-pcrs", ints),
		"register -1":           goodTPM2.with("tpm2-pcrs", []int{-1}),
		"register 24":           goodTPM2.with("tpm2_pubkey_pcrs", []int{24}),
		"half a register":       goodTPM2.with("tpm2-pcrs", []float64{7.5}),
		"no registers":          goodTPM2.with("tpm2-pcrs", nil),
		"null for registers":    goodTPM2.with("tpm2-pcrs", json.RawMessage("null")),
		"a short policy":        goodTPM2.with("tpm2-policy-hash", "abcd"),
		"no padding":            goodTPM2.with("tpm2-blob", strings.TrimRight(blob(10), "=")),
		"another bank":          goodTPM2.with("tpm2-pcr-bank", "md5"),
		"signed without key":    goodTPM2.with("tpm2_pubkey_pcrs", []int{11}),
		"no PEM":                goodTPM2.with("tpm2_pubkey", b64([]byte("key"))),
		"a long PEM":            goodTPM2.with("tpm2_pubkey", b64(make([]byte, mostPEM+1))),
		"RSA of 1024 bits":      goodTPM2.with("tpm2_pubkey", b64([]byte(pemKey(128)))),
		"RSA of 8192 bits":      goodTPM2.with("tpm2_pubkey", b64([]byte(pemKey(1024)))),
		"a long salt":           goodTPM2.with("tpm2_salt", b64(make([]byte, mostPINSalt+1))),
		"another storage key":   goodTPM2.with("tpm2_srk", b64(srk(2))),
		"half a storage key":    goodTPM2.with("tpm2_srk", b64(srk(1)[:20])),
		"pcrlock without index": goodTPM2.with("tpm2_pcrlock", true),
		"Argon2 of 1 TiB": goodTPM2.with("tpm2-pin", true, "tpm2_salt", b64(make([]byte, 32)), "tpm2_argon2id_memcost", int64(1)<<40,
			"tpm2_argon2id_iterations", 1, "tpm2_argon2id_lanes", 1),
		"Argon2 of no pass": goodTPM2.with("tpm2-pin", true, "tpm2_salt", b64(make([]byte, 32)), "tpm2_argon2id_memcost", 64<<20,
			"tpm2_argon2id_iterations", 0, "tpm2_argon2id_lanes", 1),
		"two costs of Argon2": goodTPM2.with("tpm2-pin", true, "tpm2_argon2id_memcost", 64<<20, "tpm2_argon2id_lanes", 1),
		"Argon2 without PIN": goodTPM2.with("tpm2_argon2id_memcost", 64<<20, "tpm2_argon2id_iterations", 4,
			"tpm2_argon2id_lanes", 1),
		"a TPM and a key":       goodTPM2.with("fido2-credential", "AAAA"),
		"a key and a TPM":       goodFIDO2.with("tpm2-blob", "AAAA"),
		"a long credential":     goodFIDO2.with("fido2-credential", b64(make([]byte, mostCredential+1))),
		"no credential":         goodFIDO2.with("fido2-credential", ""),
		"a short FIDO2 salt":    goodFIDO2.with("fido2-salt", b64(make([]byte, 31))),
		"a word for a flag":     goodFIDO2.with("fido2-uv-required", "no"),
		"a long relying party":  goodFIDO2.with("fido2-rp", strings.Repeat("x", 254)),
		"a long URI":            goodPKCS11.with("pkcs11-uri", "pkcs11:"+strings.Repeat("x", mostURI)),
		"another URI":           goodPKCS11.with("pkcs11-uri", "file:///etc/passwd"),
		"a long key":            goodPKCS11.with("pkcs11-key", b64(make([]byte, mostPKCS11Key+1))),
		"another padding":       goodPKCS11.with("pkcs11-padding", "none"),
		"a long text":           goodPKCS11.with("note", strings.Repeat("x", mostText)),
		"sss four deep":         clevisToken(t, nested(t, mostDepth+1)),
		"33 shares":             clevisToken(t, sssHeader(1, many(mostShares+1, compact(t, clevisTPM2Header()))...)),
		"no share":              clevisToken(t, sssHeader(0)),
		"none of one":           clevisToken(t, sssHeader(0, compact(t, clevisTPM2Header()))),
		"two of one":            clevisToken(t, sssHeader(2, compact(t, clevisTPM2Header()))),
		"a share that is none":  clevisToken(t, sssHeader(1, "a.b.c.d.e")),
		"a file":                clevisToken(t, tangHeader("file:///etc/passwd")),
		"somebody's password":   clevisToken(t, tangHeader("http://u:p@host/")),
		"a line in the address": clevisToken(t, tangHeader("http://host/\r\nHost: x")),
		"a long address":        clevisToken(t, tangHeader("http://"+strings.Repeat("x", mostURL))),
		"another enc":           clevisToken(t, clevisTPM2Header().with("enc", "A128CBC-HS256")),
		"another alg":           clevisToken(t, clevisTPM2Header().with("alg", "RSA-OAEP")),
		"a short point":         clevisToken(t, tangHeader("http://h").with("epk", coordinates().with("x", "AA"))),
		"a file pin":            clevisToken(t, clevisTPM2Header().with("clevis", object{"pin": "file", "file": object{"name": "/etc/shadow"}})),
		"Fedora's pin": clevisToken(t, clevisTPM2Header().with("clevis", object{"pin": "tpm2", "tpm2": object{
			"policy_ref": "x", "jwk_pub": b64u(part(1)), "jwk_priv": b64u(part(1)),
		}})),
		"17 advertised keys": clevisToken(t, tangHeader("http://h").with("clevis", object{"pin": "tang", "tang": object{
			"url": "http://h", "adv": object{"keys": make([]object, mostAdvKeys+1)},
		}})),
		"no JWE":     {"type": "clevis", "keyslots": []string{}},
		"a list":     {"type": "clevis", "jwe": []int{1}},
		"a long JWE": {"type": "clevis", "jwe": object{"protected": strings.Repeat("A", mostJWE), "iv": "", "ciphertext": strings.Repeat("A", 8), "tag": ""}},
	} {
		token := tokenOf(t, o.text(t))
		var field *FieldError
		if _, err := Read(token); !errors.Is(err, ErrBroken) || !errors.As(err, &field) || field.Type != token.Type {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnknownTypeIsNamed(t *testing.T) {
	var unknown *TypeError
	if _, err := Read(tokenOf(t, `{"type":"sideroKMS"}`)); !errors.As(err, &unknown) || unknown.Type != "sideroKMS" {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, o := range []object{
		goodTPM2, goodFIDO2, goodPKCS11,
		{"type": "systemd-recovery"},
		{"type": "luks2-keyring", "key_description": "k"},
		clevisToken(f, tangHeader("http://h")), clevisToken(f, nested(f, 2)),
	} {
		f.Add(o["type"].(string), o.text(f))
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		token := tokenOf(t, `{"type":""}`)
		token.Type, token.Raw = kind, json.RawMessage(text)
		Show(token)
		facts, err := Read(token)
		if _, known := For(token); err == nil && (!known || facts.Kind == "") {
			t.Errorf("%q: %+v", kind, facts)
		}
	})
}

// FuzzJWE gives texts to the reader of compact JWEs, and wraps each once as the header of another.
func FuzzJWE(f *testing.F) {
	for _, h := range []object{tangHeader("http://h"), clevisTPM2Header(), nested(f, 2)} {
		f.Add(compact(f, h), h.text(f))
	}
	f.Fuzz(func(t *testing.T, whole, header string) {
		for _, text := range []string{whole, b64u([]byte(header)) + "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"} {
			reader := judging(luks2.Token{Type: "clevis"})
			j := parseCompact(reader, text, 1)
			if reader.err == nil && (j.Pin == "" || len(j.Shares) > mostShares || j.Pin == "sss" && j.Threshold < 1) {
				t.Errorf("%q: %+v", text, j)
			}
		}
	})
}

// BenchmarkHostile is the text that takes longest of those that are read at all.
func BenchmarkHostile(b *testing.B) {
	shares := make([]string, mostShares)
	for i := range shares {
		shares[i] = compact(b, sssHeader(1, compact(b, clevisTPM2Header())))
	}
	token := tokenOf(b, clevisToken(b, sssHeader(1, shares...)).text(b))
	if _, err := Read(token); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(token.Raw)), "bytes")
	for b.Loop() {
		if _, err := Read(token); err != nil {
			b.Fatal(err)
		}
	}
}

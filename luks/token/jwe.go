// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The limits of a JWE and of what is in it, bytes where nothing else is said.
const (
	mostJWE      = 64 << 10 // all its parts together
	mostDepth    = 3        // of sss in sss
	mostShares   = 32
	mostAdvKeys  = 16
	mostPrime    = 512 // bits
	mostURL      = 1024
	mostPassword = 1024 // of what is encrypted
)

// JWE is a key that clevis encrypted (RFC 7516), as much of it as says how it is got back.
type JWE struct {
	Pin    string // "tang", "tpm2", "sss", …
	Config string // what its pin was told: "http://host", "sha256:7"; empty for nothing
	// Threshold and Shares are those of sss: so many of these give the key.
	Threshold int
	Shares    []JWE
}

// String is the pin and its configuration in a few words.
func (j JWE) String() string {
	if j.Pin != "sss" {
		return strings.TrimSpace(j.Pin + " " + j.Config)
	}
	parts := make([]string, len(j.Shares))
	for i, s := range j.Shares {
		parts[i] = s.String()
	}
	return fmt.Sprintf("sss %d of (%s)", j.Threshold, strings.Join(parts, ", "))
}

// parseJWE reads the flattened form: five members, each base64url without padding.
func parseJWE(f *fields) JWE {
	parts := map[string]string{}
	size := 0
	for _, name := range []string{"protected", "encrypted_key", "iv", "ciphertext", "tag"} {
		parts[name] = f.text(name, mostJWE, name != "encrypted_key")
		size += len(parts[name])
	}
	if size > mostJWE {
		f.fail("", tooLong)
	}
	return parseParts(f, parts, 1)
}

// parseCompact reads the five parts with dots between them.
func parseCompact(f *fields, text string, depth int) JWE {
	list := strings.SplitN(text, ".", 6)
	if len(list) != 5 {
		f.fail("", "no JWE of five parts")
		return JWE{}
	}
	return parseParts(f, map[string]string{
		"protected": list[0], "encrypted_key": list[1], "iv": list[2], "ciphertext": list[3], "tag": list[4],
	}, depth)
}

// parseParts checks the parts' lengths, which are those of AES-256-GCM, and reads the protected header.
func parseParts(f *fields, parts map[string]string, depth int) JWE {
	for _, part := range []struct {
		name        string
		least, most int
	}{{"encrypted_key", 0, 0}, {"iv", 12, 12}, {"ciphertext", 1, mostPassword}, {"tag", 16, 16}} {
		p := unpadded(f, part.name, parts[part.name])
		if len(p) < part.least || len(p) > part.most {
			f.fail(part.name, noLength)
		}
	}
	h := f.inside("protected")
	if text := unpadded(f, "protected", parts["protected"]); json.Unmarshal(text, &h.all) != nil {
		h.fail("", "the protected header is no JSON object")
	}
	return parseProtected(h, depth)
}

// unpadded decodes base64url without padding.
func unpadded(f *fields, name, text string) []byte {
	p, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		f.fail(name, "no base64url")
	}
	return p
}

// unpaddedText is a member that is base64url, of least to most bytes.
func unpaddedText(f *fields, name string, least, most int) []byte {
	p := unpadded(f, name, f.text(name, base64.RawURLEncoding.EncodedLen(most), true))
	if len(p) < least || len(p) > most {
		f.fail(name, noLength)
	}
	return p
}

func parseProtected(h *fields, depth int) JWE {
	if h.text("enc", 16, true) != "A256GCM" {
		h.fail("enc", unknown)
	}
	alg, c := h.text("alg", 16, true), h.within("clevis")
	j := JWE{Pin: c.text("pin", 16, true)}
	want := "dir"
	switch j.Pin {
	case "tang":
		want = "ECDH-ES"
		j.Config = parseTang(h, c.within("tang"))
	case "tpm2":
		j.Config = parseClevisTPM2(c.within("tpm2"))
	case "sss":
		j.parseSSS(c.within("sss"), depth)
	case "pkcs11":
		j.Config = parseClevisPKCS11(c.within("pkcs11"))
	case "null":
	default:
		c.fail("pin", unknown)
	}
	if alg != want {
		h.fail("alg", "not that of its pin")
	}
	return j
}

// parseTang holds the server's keys, the one-time key and the address against the rules. The address is that of a web
// server: nobody lets a header choose what else is asked.
func parseTang(h, tang *fields) string {
	address := tang.text("url", mostURL, true)
	if !isHTTP(address) {
		tang.fail("url", noAddress)
	}
	keys, _ := value[[]map[string]json.RawMessage](tang.within("adv"), "keys", "a list of objects", true)
	if len(keys) == 0 || len(keys) > mostAdvKeys {
		tang.fail("adv.keys", tooMany)
	}
	if kid := h.text("kid", 43, true); len(kid) != 43 && len(kid) != 27 {
		h.fail("kid", "not a thumbprint")
	}
	point(h.within("epk"))
	return address
}

// isHTTP: a scheme, then a host without anybody's name or password before it, and nothing that is no visible ASCII.
func isHTTP(address string) bool {
	rest, plain := strings.CutPrefix(address, "http://")
	if !plain {
		rest, plain = strings.CutPrefix(address, "https://")
	}
	host, _, _ := strings.Cut(rest, "/")
	visible := !strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' })
	return plain && visible && host != "" && !strings.ContainsAny(host, "@?#")
}

// point: coordinates of as many bytes as their curve has.
func point(f *fields) {
	size := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}[f.word("crv", "P-256", "P-384", "P-521")]
	if kty := f.text("kty", 8, true); kty != "EC" || size == 0 {
		f.fail("kty", "no elliptic curve")
	}
	unpaddedText(f, "x", size, size)
	unpaddedText(f, "y", size, size)
}

// parseClevisTPM2 reads the pin of the shell's clevis; that of Fedora's Rust program has fields for signed policies.
func parseClevisTPM2(f *fields) string {
	if f.has("policy_pubkey_path", "policy_ref", "policy_path") {
		f.fail("", "the signed policies of clevis-pin-tpm2 are not understood")
	}
	f.word("hash", banks()...)
	f.word("key", "ecc", "rsa")
	if _, rest, ok := sized(unpaddedText(f, "jwk_pub", 2, mostPublic)); !ok || len(rest) > 0 {
		f.fail("jwk_pub", "not a public part with its length")
	}
	if _, rest, ok := sized(unpaddedText(f, "jwk_priv", 2, mostPublic)); !ok || len(rest) > 0 {
		f.fail("jwk_priv", "not a private part with its length")
	}
	ids := f.text("pcr_ids", 128, false)
	if ids == "" {
		return ""
	}
	for _, word := range strings.Split(ids, ",") {
		if n, err := strconv.ParseUint(word, 10, 8); err != nil || n >= registers {
			f.fail("pcr_ids", noNumber)
		}
	}
	bank := f.word("pcr_bank", banks()...)
	return bank + ":" + ids
}

func parseClevisPKCS11(f *fields) string {
	uri := f.text("uri", mostURI, true)
	if !strings.HasPrefix(uri, "pkcs11:") {
		f.fail("uri", noURI)
	}
	unpaddedText(f, "key", 1, mostPKCS11Key)
	return uri
}

// parseSSS reads the shares, which are JWEs themselves.
func (j *JWE) parseSSS(f *fields, depth int) {
	if depth > mostDepth {
		f.fail("", "sss in sss in too many layers")
	}
	t, _ := f.number("t")
	shares, _ := value[[]string](f, "jwe", "a list of strings", true)
	if len(shares) == 0 || len(shares) > mostShares {
		f.fail("jwe", tooMany)
	}
	if t < 1 || t > uint64(len(shares)) {
		f.fail("t", "more than there are shares, or none")
	}
	if p := unpaddedText(f, "p", 1, mostPrime/8); len(p) == 0 || p[len(p)-1]&1 == 0 {
		f.fail("p", "no odd prime")
	}
	if f.err != nil {
		return
	}
	j.Threshold = int(t)
	for i, text := range shares {
		if f.err != nil {
			return
		}
		j.Shares = append(j.Shares, parseCompact(f.inside("jwe."+strconv.Itoa(i)), text, depth+1))
	}
}

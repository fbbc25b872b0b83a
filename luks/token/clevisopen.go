// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token/curve"
	"github.com/orthrus-luks/orthrus/luks/token/tang"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// parts are those of a JWE as they stand in the header, each base64url; the protected one is authenticated so.
type parts struct {
	Protected  string `json:"protected"`
	IV         string `json:"iv"`
	Ciphertext string `json:"ciphertext"`
	Tag        string `json:"tag"`
}

// protectedHeader is as much of a JWE's protected header as leads to the key of its contents.
type protectedHeader struct {
	Kid    string   `json:"kid"`
	Epk    pointJWK `json:"epk"`
	Clevis struct {
		Pin  string `json:"pin"`
		Tang struct {
			URL string `json:"url"`
			Adv struct {
				Keys []pointJWK `json:"keys"`
			} `json:"adv"`
		} `json:"tang"`
		TPM2 clevisTPM2 `json:"tpm2"`
		SSS  struct {
			Threshold int      `json:"t"`
			Prime     string   `json:"p"`
			Shares    []string `json:"jwe"`
		} `json:"sss"`
	} `json:"clevis"`
}

type clevisTPM2 struct {
	Hash    string `json:"hash"`
	Key     string `json:"key"`
	Public  string `json:"jwk_pub"`
	Private string `json:"jwk_priv"`
	Bank    string `json:"pcr_bank"`
	PCRs    string `json:"pcr_ids"`
}

type pointJWK struct {
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

// ErrPin: clevis has a way to this key that is not known here.
var ErrPin = errors.New("its pin is one that is not understood")

// errKey: the key of the contents is another.
var errKey = fmt.Errorf("%w: it does not decrypt with the key that was got", ErrBroken)

// Effort is Patient: a chip, or a server.
func (clevis) Effort(luks2.Token) Effort { return Patient }

// Passphrase decrypts it, with the key that the pin leads to.
//
// Errors are of ErrBroken, ErrForbidden, ErrAbsent, ErrPin and the kinds of packages tpm and tang.
func (h clevis) Passphrase(ctx context.Context, t luks2.Token, help Help) (*secret.Buffer, error) {
	j, err := h.judged(t)
	if err != nil {
		return nil, err
	}
	return j.open(ctx, help)
}

// judged is the JWE of a token whose form was judged.
func (h clevis) judged(t luks2.Token) (*parts, error) {
	if _, err := h.Read(t); err != nil {
		return nil, err
	}
	var text struct {
		JWE parts `json:"jwe"`
	}
	if err := json.Unmarshal(t.Raw, &text); err != nil {
		return nil, ErrBroken
	}
	return &text.JWE, nil
}

// open decrypts a JWE whose form was judged.
func (j *parts) open(ctx context.Context, help Help) (*secret.Buffer, error) {
	h, err := j.header()
	if err != nil {
		return nil, err
	}
	key, err := h.key(ctx, help)
	if err != nil {
		return nil, errors.Join(err, key.Close())
	}
	plain, err := j.decrypt(key)
	return plain, errors.Join(err, key.Close())
}

func (j *parts) header() (h *protectedHeader, err error) {
	if err = json.Unmarshal(unbase64(j.Protected), &h); err != nil {
		err = ErrBroken
	}
	return h, err
}

// unbase64 is nil for what is no base64url, which was judged before.
func unbase64(text string) []byte {
	p, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return p
}

// decrypt is AES-256-GCM over the text as it is stored.
func (j *parts) decrypt(key *secret.Buffer) (*secret.Buffer, error) {
	const keySize = 32
	if key.Len() != keySize {
		return nil, fmt.Errorf("%w: its key has %d bytes, not %d", ErrBroken, key.Len(), keySize)
	}
	block, err := aes.NewCipher(key.Bytes())
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	sealed := append(unbase64(j.Ciphertext), unbase64(j.Tag)...)
	plain, err := secret.New(len(sealed))
	if err != nil {
		return nil, err
	}
	got, err := gcm.Open(plain.Bytes()[:0], unbase64(j.IV), sealed, []byte(j.Protected))
	if err != nil {
		return nil, errors.Join(errKey, plain.Close())
	}
	plain.Truncate(len(got))
	return plain, nil
}

// key is that of the contents.
func (h *protectedHeader) key(ctx context.Context, help Help) (*secret.Buffer, error) {
	switch h.Clevis.Pin {
	case "tang":
		return h.tangKey(ctx, help)
	case "tpm2":
		return h.Clevis.TPM2.key(ctx, help)
	case "sss":
		return h.sssKey(ctx, help)
	}
	return nil, fmt.Errorf("%w: %s", ErrPin, h.Clevis.Pin)
}

// binding is what a server is to be asked for.
func (h *protectedHeader) binding() (b tang.Binding, err error) {
	c, known := curve.Named(h.Epk.Crv)
	if !known {
		return b, ErrBroken
	}
	b = tang.Binding{URL: h.Clevis.Tang.URL, Kid: h.Kid, Curve: c, Client: h.Epk.point()}
	for _, k := range h.Clevis.Tang.Adv.Keys {
		if k.Crv == c.Name && k.isCalled(h.Kid) {
			b.Server = k.point()
			return b, nil
		}
	}
	return b, fmt.Errorf("%w: the key that it names is not among those of its server", ErrBroken)
}

func (k pointJWK) point() curve.Point { return curve.Point{X: unbase64(k.X), Y: unbase64(k.Y)} }

// isCalled compares the thumbprint (RFC 7638): SHA-256, or as clevis once had it SHA-1.
func (k pointJWK) isCalled(kid string) bool {
	text := []byte(`{"crv":"` + k.Crv + `","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`)
	for _, hash := range []tpm.Hash{tpm.SHA256, tpm.SHA1} {
		if base64.RawURLEncoding.EncodeToString(hash.Sum(text)) == kid {
			return true
		}
	}
	return false
}

// tangKey asks the server, if that is allowed: a header could name any.
func (h *protectedHeader) tangKey(ctx context.Context, help Help) (*secret.Buffer, error) {
	b, err := h.binding()
	if err != nil {
		return nil, err
	}
	if !help.Network {
		return nil, fmt.Errorf("%w: %s is asked where the token is named, at boot with _netdev", ErrForbidden, b.URL)
	}
	shared, err := b.Recover(ctx)
	if errors.Is(err, tang.ErrAbsent) {
		err = &absentError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.URL, err)
	}
	key, err := secret.From(concatKDF(shared.Bytes()))
	return key, errors.Join(err, shared.Close())
}

// concatKDF is one block of the key derivation of JWA (RFC 7518, 4.6), for A256GCM and nobody named.
func concatKDF(shared []byte) []byte {
	const algorithm, nobody, bits = "\x00\x00\x00\x07A256GCM", "\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x01\x00"
	return tpm.SHA256.Sum([]byte("\x00\x00\x00\x01"), shared, []byte(algorithm+nobody+bits))
}

// key has the TPM unseal a key in JSON.
func (q *clevisTPM2) key(ctx context.Context, help Help) (*secret.Buffer, error) {
	device := help.option("tpm2-device")
	if device == "no" {
		return nil, fmt.Errorf("%w: tpm2-device=no", ErrForbidden)
	}
	c, err := openTPM(ctx, device, help.Patience)
	if err != nil {
		return nil, err
	}
	text, err := q.unseal(ctx, c)
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, errors.Join(err, text.Close())
	}
	key, err := octetKey(text.Bytes())
	return key, errors.Join(err, text.Close())
}

// sealed takes apart what was judged.
func (q *clevisTPM2) sealed() (s tpm.Sealed, ok bool) {
	return tpm.Parse(append(unbase64(q.Private), unbase64(q.Public)...))
}

func (q *clevisTPM2) unseal(ctx context.Context, c *tpm.Client) (*secret.Buffer, error) {
	s, ok := q.sealed()
	if !ok {
		return nil, fmt.Errorf("%w: no sealed object", ErrBroken)
	}
	conditions, err := q.conditions(ctx, c, s)
	if err != nil {
		return nil, err
	}
	parent, err := q.parent(ctx, c)
	if err != nil {
		return nil, err
	}
	text, err := c.Unseal(ctx, parent, s, conditions, nil, nil)
	return text, errors.Join(err, c.Free(ctx, parent))
}

func (q *clevisTPM2) parent(ctx context.Context, c *tpm.Client) (tpm.Parent, error) {
	hash, known := tpm.HashNamed(q.Hash)
	if q.Hash == "" {
		hash, known = tpm.SHA256, true
	}
	if !known {
		return tpm.Parent{}, ErrBroken
	}
	kind := q.Key
	if kind == "" {
		kind = "ecc"
	}
	return c.LegacyPrimary(ctx, kind, hash)
}

// conditions are the registers, which hold what they did: ErrState where they do not.
func (q *clevisTPM2) conditions(ctx context.Context, c *tpm.Client, s tpm.Sealed) ([]tpm.Condition, error) {
	if q.PCRs == "" {
		return nil, nil
	}
	bank, known := tpm.HashNamed(q.Bank)
	if !known {
		return nil, fmt.Errorf("%w: pcr_bank: %s", ErrBroken, unknown)
	}
	var pcrs []int
	for _, word := range strings.Split(q.PCRs, ",") {
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil || n >= registers {
			return nil, ErrBroken
		}
		pcrs = append(pcrs, int(n))
	}
	sort.Ints(pcrs)
	list := []tpm.Condition{tpm.PCRs{Bank: bank, Numbers: pcrs}}
	now, err := c.Expect(ctx, tpm.NameHash(s.Public), list)
	if err == nil && !bytes.Equal(now.Digest, s.Policy()) {
		err = tpm.ErrState
	}
	return list, err
}

// octetKey finds "k" in a JSON Web Key of random bytes, without making a string of it.
func octetKey(text []byte) (*secret.Buffer, error) {
	_, rest, found := bytes.Cut(text, []byte(`"k":`))
	rest = bytes.TrimLeft(rest, " ")
	if !found || len(rest) == 0 || rest[0] != '"' {
		return nil, fmt.Errorf("%w: no key in what was unsealed", ErrBroken)
	}
	encoded, _, _ := bytes.Cut(rest[1:], []byte(`"`))
	key, err := secret.New(base64.RawURLEncoding.DecodedLen(len(encoded)))
	if err != nil {
		return nil, err
	}
	if _, err := base64.RawURLEncoding.Decode(key.Bytes(), encoded); err != nil {
		return nil, errors.Join(ErrBroken, key.Close())
	}
	return key, nil
}

// Check asks the server for its advertisement where that is allowed, and the TPM whether it would take the object; of
// shared secrets, whether enough shares would come.
func (h clevis) Check(ctx context.Context, t luks2.Token, help Help) (notes []string, err error) {
	j, err := h.judged(t)
	if err != nil {
		return nil, err
	}
	return j.check(ctx, help)
}

func (j *parts) check(ctx context.Context, help Help) (notes []string, err error) {
	h, err := j.header()
	if err != nil {
		return nil, err
	}
	switch h.Clevis.Pin {
	case "tang":
		return h.checkTang(ctx, help)
	case "tpm2":
		return nil, h.Clevis.TPM2.check(ctx, help)
	case "sss":
		return h.checkShares(ctx, help)
	}
	return nil, fmt.Errorf("%w: %s", ErrPin, h.Clevis.Pin)
}

func (h *protectedHeader) checkTang(ctx context.Context, help Help) (notes []string, err error) {
	b, err := h.binding()
	if err == nil && !help.Network {
		err = fmt.Errorf("%w: %s is asked where the token is named", ErrForbidden, b.URL)
	}
	if err == nil {
		err = b.Knows(ctx)
	}
	if err != nil {
		return nil, err
	}
	offered, err := b.Advertises(ctx, func(crv, x, y string) bool { return pointJWK{crv, x, y}.isCalled(h.Kid) })
	if err == nil && !offered {
		notes = append(notes, b.URL+" has rotated the key and may delete it: bind again")
	}
	return notes, nil
}

func (q *clevisTPM2) check(ctx context.Context, help Help) error {
	device := help.option("tpm2-device")
	if device == "no" {
		return fmt.Errorf("%w: tpm2-device=no", ErrForbidden)
	}
	c, err := openTPM(ctx, device, help.Patience)
	if err != nil {
		return err
	}
	s, ok := q.sealed()
	if !ok {
		return errors.Join(ErrBroken, c.Close())
	}
	parent, err := q.parent(ctx, c)
	if err == nil {
		err = errors.Join(c.Try(ctx, parent, s), c.Free(ctx, parent))
	}
	if err == nil {
		_, err = q.conditions(ctx, c, s)
	}
	return errors.Join(err, c.Close())
}

func (h *protectedHeader) checkShares(ctx context.Context, help Help) (notes []string, err error) {
	good := 0
	for i, text := range h.Clevis.SSS.Shares {
		j, ok := compactParts(text)
		if !ok {
			return notes, ErrBroken
		}
		some, why := j.check(ctx, help)
		notes = append(notes, some...)
		if why != nil {
			notes = append(notes, fmt.Sprintf("share %d would not come: %v", i+1, why))
			continue
		}
		good++
	}
	if good < h.Clevis.SSS.Threshold {
		err = ErrTooFew
	}
	return notes, err
}

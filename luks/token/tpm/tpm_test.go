// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"testing"
)

// hexed reads what a test states.
func hexed(t *testing.T, text string) []byte {
	t.Helper()
	p, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPoliciesAreThoseOfPeers: digests that systemd-cryptenroll 252 and 257 wrote, of register 7 as one extension of
// the recorded TPM left it. They stand in test/vectors/tpm2.
func TestPoliciesAreThoseOfPeers(t *testing.T) {
	register := sha256.Sum256(append(make([]byte, 32), append(make([]byte, 31), 1)...))
	seven := NewPolicy(SHA256).PCRs(SHA256, []int{7}, [][]byte{register[:]})
	for name, test := range map[string]struct {
		got  Policy
		want string
	}{
		"pcr":      {seven, "51a6f4a83e15f72f77f0ce44fa71f5aa514c5edd5ad36de523839d7ba8e70cec"},
		"pin":      {seven.AuthValue(), "32903f7b827c0ac2dbaa6832bee210e3b2364d7f37fcac27cc164c28a97f0d4a"},
		"pin only": {NewPolicy(SHA256).AuthValue(), "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e"},
	} {
		if got := hex.EncodeToString(test.got.Digest); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestHMACAndCFBAreThoseOfTheStandardLibrary(t *testing.T) {
	for _, size := range []int{0, 1, 16, 64, 65, 200} {
		key, text := make([]byte, size), make([]byte, size)
		if _, err := rand.Read(key); err != nil {
			t.Fatal(err)
		}
		std := hmac.New(sha256.New, key)
		_, _ = std.Write(text)
		if got := SHA256.HMAC(key, text[:size/2], text[size/2:]); !bytes.Equal(got, std.Sum(nil)) {
			t.Errorf("HMAC with a key of %d bytes: %x", size, got)
		}
		secrets := SHA256.kdfa(key, "CFB", nil, nil, 32)
		block, err := aes.NewCipher(secrets[:16])
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, size)
		//lint:ignore SA1019 TPMs have this mode
		cipher.NewCFBEncrypter(block, secrets[16:]).XORKeyStream(want, text)
		got := bytes.Clone(text)
		if err := cfb(secrets, got, false); err != nil || !bytes.Equal(got, want) {
			t.Errorf("CFB of %d bytes: %x, want %x, %v", size, got, want, err)
		}
		if err := cfb(secrets, got, true); err != nil || !bytes.Equal(got, text) {
			t.Errorf("CFB of %d bytes back: %x, %v", size, got, err)
		}
	}
}

// TestSaltsReachKeysOfRSA decrypts them with the standard library.
func TestSaltsReachKeysOfRSA(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := storage("rsa", SHA256, storageKey)
	public = append(public[:len(public)-2], Sized(key.N.Bytes())...)
	if key.E != publicExponent {
		t.Fatal(big.NewInt(int64(key.E)))
	}
	salt, encrypted, err := Parent{Public: public}.salt()
	if err != nil {
		t.Fatal(err)
	}
	got, err := rsa.DecryptOAEP(sha256.New(), nil, key, encrypted, []byte("SECRET\x00"))
	if err != nil || !bytes.Equal(got, salt) {
		t.Errorf("%x, want %x, %v", got, salt, err)
	}
}

// script answers commands with what was written for them.
type script struct{ answers [][]byte }

func (s *script) Exchange(context.Context, []byte) ([]byte, error) {
	if len(s.answers) == 0 {
		return nil, io.EOF
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return bytes.Clone(a), nil
}

func (*script) Close() error { return nil }

// framed is an answer with its head.
func framed(tag uint16, code uint32, rest []byte) []byte {
	p := binary.BigEndian.AppendUint16(nil, tag)
	p = binary.BigEndian.AppendUint32(p, uint32(headerSize+len(rest)))
	return append(binary.BigEndian.AppendUint32(p, code), rest...)
}

func TestRefusalsAreToldByTheirKind(t *testing.T) {
	for code, want := range map[uint32]error{
		0x99d: ErrState, 0x98e: ErrAuth, 0x921: ErrLockedOut, 0x1df: ErrForeign, 0x18b: ErrNoKey, 0x902: ErrFull,
	} {
		c := NewClient(&script{[][]byte{framed(tagPlain, code, nil)}})
		_, err := c.ReadParent(t.Context(), HandleSRK)
		if !errors.Is(err, want) {
			t.Errorf("0x%x: %v", code, err)
		}
	}
}

func TestCommandsAreGivenAgainWhileTheTPMIsBusy(t *testing.T) {
	busy := framed(tagPlain, resultRetry, nil)
	value := framed(tagPlain, 0, hexed(t, "00"+"00000006"+"00000001"+"00000200"+"00000007"))
	c := NewClient(&script{[][]byte{busy, busy, value}})
	c.retry = 1
	if got, err := c.property(t.Context(), propertyPermanent); err != nil || got != 7 {
		t.Errorf("%d, %v", got, err)
	}
}

// TestAnswersOfSomebodyElseAreRefused: an answer without the session's proof.
func TestAnswersOfSomebodyElseAreRefused(t *testing.T) {
	s := &session{hash: SHA256, caller: make([]byte, 32), tpm: make([]byte, 32), key: []byte("key")}
	area := append(append(Sized(make([]byte, 32)), 1), Sized(make([]byte, 32))...)
	rest := append(append([]byte{0, 0, 0, 2}, 0, 0), area...)
	c := NewClient(&script{[][]byte{framed(tagSessions, 0, rest)}})
	_, _, err := c.run(t.Context(), &command{name: "Unseal", code: 0x15e, entities: []Entity{{Handle: 1}}, auth: s})
	if !errors.Is(err, ErrForged) {
		t.Errorf("%v", err)
	}
}

// FuzzAnswers gives the client what a hostile TPM could say: it returns errors, and never more than was said.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{}, framed(tagPlain, 0, nil), framed(tagPlain, 0, nil))
	f.Add(storage("ecc", SHA256, storageKey), framed(tagPlain, 0, Sized(storage("ecc", SHA256, storageKey))), []byte{})
	f.Fuzz(func(t *testing.T, public, one, two []byte) {
		for _, do := range []func(*Client) error{
			func(c *Client) error { _, err := c.ReadLockout(t.Context()); return err },
			func(c *Client) error { _, err := c.Banks(t.Context()); return err },
			func(c *Client) error { _, err := c.ReadPCRs(t.Context(), SHA256, []int{7, 8}); return err },
			func(c *Client) error { _, err := c.ReadParent(t.Context(), HandleSRK); return err },
			func(c *Client) error { _, err := c.LegacyPrimary(t.Context(), "ecc", SHA256); return err },
			func(c *Client) error {
				sealed, _ := Parse(public)
				_, err := c.Unseal(t.Context(), KnownParent(HandleSRK, public), sealed, nil, nil, nil)
				if err == nil {
					t.Error("a secret came out of nowhere")
				}
				return nil
			},
		} {
			c := NewClient(&script{[][]byte{framed(tagPlain, 0, one), one, framed(tagSessions, 0, two), two}})
			c.retry = 3e9 // no repetition
			_ = do(c)
		}
	})
}

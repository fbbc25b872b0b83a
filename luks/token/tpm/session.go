// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// The handles that are always there.
const (
	handleOwner    = 0x40000001
	handleNull     = 0x40000007
	handlePassword = 0x40000009
)

// password authorises with an empty one, as hierarchies and storage keys have it.
type password struct{}

func (password) command(*command) ([]byte, error) {
	var w writer
	w.u32(handlePassword)
	w.sized(nil)
	w.u8(continues)
	w.sized(nil)
	return w, nil
}

// answer finds an empty nonce, attributes and an empty HMAC.
func (password) answer(_ uint32, _ []byte, r *reader) error {
	r.sized()
	r.u8()
	r.sized()
	return nil
}

// The attributes of a session in one command.
const (
	continues = 0x01
	decrypts  = 0x20 // the command's first parameter is encrypted
	encrypts  = 0x40 // the answer's is
)

// The kinds of session.
const (
	sessionHMAC   = 0
	sessionPolicy = 1
)

// session is one with a key that only the TPM and this program know.
type session struct {
	Entity
	hash        Hash
	caller, tpm []byte // the nonces: the caller's and the TPM's last
	key         []byte
	auth        []byte // the value that whoever uses the object has to know; nil for none
	attributes  byte
	policy      bool
	wantsAuth   bool // the policy has PolicyAuthValue
}

// start begins a session that is salted with the parent's key and, where bind is not nil, bound to that object, whose
// authorisation value is auth.
func (c *Client) start(ctx context.Context, kind byte, hash Hash, parent Parent, bind *Entity, auth []byte,
) (*session, error) {
	s := &session{
		hash: hash, caller: make([]byte, hash.Size()), policy: kind == sessionPolicy, auth: auth,
		attributes: continues,
	}
	if _, err := rand.Read(s.caller); err != nil {
		return nil, err
	}
	salt, encrypted, err := parent.salt()
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(salt)
	bound := Entity{Handle: handleNull}
	if bind != nil {
		bound, salt = *bind, append(bytes.Clone(auth), salt...)
		defer secret.Wipe(salt)
	}
	var p writer
	p.sized(s.caller)
	p.sized(encrypted)
	p.u8(kind)
	p.u16(algorithmAES)
	p.u16(128)
	p.u16(modeCFB)
	p.u16(uint16(hash))
	handle, r, err := c.run(ctx, &command{
		name: "StartAuthSession", code: 0x176, entities: []Entity{parent.Entity, bound}, params: p, gives: true,
	})
	if err != nil {
		return nil, err
	}
	s.Handle, s.tpm = handle, bytes.Clone(r.sized())
	s.key = hash.kdfa(salt, "ATH", s.tpm, s.caller, hash.Size())
	return s, r.done("StartAuthSession")
}

// end gives the session's place back, whatever has become of the context.
func (c *Client) end(ctx context.Context, s *session) error {
	secret.Wipe(s.key)
	return c.flush(ctx, s.Handle)
}

// flush gives back the place of an object or a session. One that is gone is no failure.
func (c *Client) flush(ctx context.Context, handle uint32) error {
	var p writer
	p.u32(handle)
	_, _, err := c.run(context.WithoutCancel(ctx), &command{name: "FlushContext", code: 0x165, params: p})
	if errors.Is(err, ErrNoKey) || is(err, 0x84) {
		return nil
	}
	return err
}

// command encrypts the first parameter where the attributes say so, and authorises what results.
func (s *session) command(c *command) ([]byte, error) {
	if _, err := rand.Read(s.caller); err != nil {
		return nil, err
	}
	if s.attributes&decrypts != 0 {
		c.params = bytes.Clone(c.params) // a command that is given again is encrypted anew
		if err := s.crypt(c.params, s.caller, s.tpm, false); err != nil {
			return nil, err
		}
	}
	parts := [][]byte{number(c.code)}
	for _, e := range c.entities {
		parts = append(parts, e.Name())
	}
	digest := s.hash.Sum(append(parts, c.params)...)
	var w writer
	w.u32(s.Handle)
	w.sized(s.caller)
	w.u8(s.attributes)
	w.sized(s.mac(digest, s.caller, s.tpm))
	return w, nil
}

// mac proves that the session's key is known, and the value of the object where the kind of session wants it.
func (s *session) mac(digest, newer, older []byte) []byte {
	key := bytes.Clone(s.key)
	if !s.policy || s.wantsAuth {
		key = append(key, s.auth...)
	}
	defer secret.Wipe(key)
	return s.hash.HMAC(key, digest, newer, older, []byte{s.attributes})
}

// crypt works on the content of the TPM2B that parameters begin with.
func (s *session) crypt(params, newer, older []byte, decrypt bool) error {
	r := reader{rest: params}
	first := r.sized()
	if r.short {
		return ErrAnswer
	}
	key := append(bytes.Clone(s.key), s.auth...)
	defer secret.Wipe(key)
	secrets := s.hash.kdfa(key, "CFB", newer, older, 32)
	defer secret.Wipe(secrets)
	return cfb(secrets, first, decrypt)
}

// answer checks that who answers knows the key.
func (s *session) answer(code uint32, params []byte, r *reader) error {
	nonce, attributes, mac := bytes.Clone(r.sized()), r.u8(), r.sized()
	if r.short || len(r.rest) > 0 || len(nonce) == 0 {
		return ErrAnswer
	}
	sent := s.attributes
	s.tpm, s.attributes = nonce, attributes
	want := s.mac(s.hash.Sum(number(0), number(code), params), s.tpm, s.caller)
	s.attributes = sent
	if subtle.ConstantTimeCompare(want, mac) != 1 {
		return ErrForged
	}
	if s.attributes&encrypts != 0 {
		return s.crypt(params, s.tpm, s.caller, true)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Sealed is an object that gives its secret to whoever satisfies its policy.
type Sealed struct {
	Private, Public []byte
	Seed            []byte // for one that was sealed to the parent's public key elsewhere; empty for others
}

// Parse reads |private| |public| and, for what was sealed elsewhere, |seed|; false for anything else.
func Parse(blob []byte) (Sealed, bool) {
	r := reader{rest: blob}
	s := Sealed{Private: r.sized(), Public: r.sized()}
	if len(r.rest) > 0 {
		s.Seed = r.sized()
	}
	kind := reader{rest: s.Public}
	ok := !r.short && len(r.rest) == 0 && len(s.Private) > 0 && kind.u16() == algorithmKeyed
	return s, ok && NameHash(s.Public) != 0
}

// Policy is the digest that the object's public area demands.
func (s Sealed) Policy() []byte {
	r := reader{rest: s.Public}
	r.take(min(8, len(r.rest)))
	return r.sized()
}

// changes is how often registers may change between a policy and its use before that is given up.
const changes = 30

// Unseal opens an object under a parent. auth is its authorisation value, which the policy may not ask for; see PIN.
// A wrong one counts. want is the digest that the policy must have come to before the object is touched, nil for no
// such check. One without a policy is opened by its authorisation value alone. Errors: ErrState, ErrAuth, ErrLockedOut,
// ErrForeign and those of the transport.
func (c *Client) Unseal(ctx context.Context, parent Parent, s Sealed, conditions []Condition, auth, want []byte,
) (*secret.Buffer, error) {
	object, err := c.load(ctx, parent, s)
	if err != nil {
		return nil, err
	}
	for range changes {
		got, again := c.unsealOnce(ctx, parent, object, s, conditions, auth, want)
		if err = again; !is(err, resultPCRChanged) {
			return got, errors.Join(err, c.flush(ctx, object.Handle))
		}
	}
	return nil, errors.Join(err, c.flush(ctx, object.Handle))
}

func (c *Client) unsealOnce(ctx context.Context, parent Parent, object Entity, sealed Sealed, conditions []Condition,
	auth, want []byte,
) (got *secret.Buffer, err error) {
	kind := byte(sessionPolicy)
	if len(sealed.Policy()) == 0 {
		kind = sessionHMAC
	}
	var bind *Entity
	if len(auth) > 0 {
		bind = &object
	}
	s, err := c.start(ctx, kind, NameHash(sealed.Public), parent, bind, auth)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.end(ctx, s)) }()
	for _, condition := range conditions {
		if err := condition.satisfy(ctx, c, s); err != nil {
			return nil, err
		}
	}
	if want != nil {
		now, err := c.digest(ctx, s)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(now, want) {
			return nil, ErrState
		}
	}
	s.attributes |= encrypts
	_, r, err := c.run(ctx, &command{name: "Unseal", code: 0x15e, entities: []Entity{object}, auth: s})
	if err != nil {
		return nil, err
	}
	p := r.sized()
	if err := r.done("Unseal"); err != nil {
		return nil, err
	}
	return secret.From(p)
}

// load brings an object under its parent into the TPM.
func (c *Client) load(ctx context.Context, parent Parent, s Sealed) (Entity, error) {
	private, err := c.imported(ctx, parent, s)
	if err != nil {
		return Entity{}, err
	}
	var p writer
	p.sized(private)
	p.sized(s.Public)
	handle, r, err := c.run(ctx, &command{
		name: "Load", code: 0x157, entities: []Entity{parent.Entity}, auth: password{}, params: p, gives: true,
	})
	if err != nil {
		return Entity{}, err
	}
	called := bytes.Clone(r.sized())
	if !bytes.Equal(called, name(s.Public)) {
		r.short = true
	}
	return Entity{handle, called}, r.done("Load")
}

// Try loads an object and lets it go: ErrForeign where the parent did not make it.
func (c *Client) Try(ctx context.Context, parent Parent, s Sealed) error {
	object, err := c.load(ctx, parent, s)
	if err != nil {
		return err
	}
	return c.flush(ctx, object.Handle)
}

// imported is the private part for this TPM; what was sealed elsewhere is brought in first.
func (c *Client) imported(ctx context.Context, parent Parent, s Sealed) ([]byte, error) {
	if len(s.Seed) == 0 {
		return s.Private, nil
	}
	var p writer
	p.sized(nil) // no key around it beside the seed's
	p.sized(s.Public)
	p.sized(s.Private)
	p.sized(s.Seed)
	p.u16(algorithmNull)
	_, r, err := c.run(ctx, &command{
		name: "Import", code: 0x156, entities: []Entity{parent.Entity}, auth: password{}, params: p,
	})
	if err != nil {
		return nil, err
	}
	return bytes.Clone(r.sized()), r.done("Import")
}

// Seal makes an object under a parent that gives data to whoever satisfies a policy. auth is its authorisation value,
// empty for none; with one, wrong tries count. What is secret goes to the TPM encrypted.
func (c *Client) Seal(ctx context.Context, parent Parent, policy Policy, data, auth []byte) (sealed Sealed, err error) {
	s, err := c.start(ctx, sessionHMAC, SHA256, parent, nil, nil)
	if err != nil {
		return Sealed{}, err
	}
	defer func() { err = errors.Join(err, c.end(ctx, s)) }()
	s.attributes |= decrypts
	attributes := uint32(sealedSecret)
	if len(auth) == 0 {
		attributes |= noDictionary
	}
	p := sensitive(data, auth)
	defer secret.Wipe(p)
	p.sized(sealedArea(policy, attributes))
	p.sized(nil)
	p.u32(0)
	_, r, err := c.run(ctx, &command{
		name: "Create", code: 0x153, entities: []Entity{parent.Entity}, auth: s, params: p,
	})
	if err != nil {
		return Sealed{}, err
	}
	sealed = Sealed{Private: bytes.Clone(r.sized()), Public: bytes.Clone(r.sized())}
	if !bytes.Equal(sealed.Policy(), policy.Digest) {
		return Sealed{}, fmt.Errorf("TPM2_Create: %w", ErrAnswer)
	}
	return sealed, r.done("Create")
}

// sensitive is a TPM2B_SENSITIVE_CREATE, with room for what comes behind it, so that no copy is left.
func sensitive(data, auth []byte) writer {
	p := make(writer, 0, 512)
	p.u16(uint16(4 + len(auth) + len(data)))
	p.sized(auth)
	p.sized(data)
	return p
}

// sealedArea is the public area of a sealed object.
func sealedArea(policy Policy, attributes uint32) []byte {
	var w writer
	w.u16(algorithmKeyed)
	w.u16(uint16(policy.Hash))
	w.u32(attributes)
	w.sized(policy.Digest)
	w.u16(algorithmNull)
	w.sized(nil)
	return w
}

// Blob is what systemd stores: |private| |public|.
func (s Sealed) Blob() []byte { return append(Sized(s.Private), Sized(s.Public)...) }

// AuthValue is that of a text: its SHA-256 without the zeros at its end, as TPMs compare them.
func AuthValue(text []byte) []byte { return bytes.TrimRight(SHA256.Sum(text), "\x00") }

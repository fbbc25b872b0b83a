// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// The codes of policy commands, which go into digests.
const (
	codePolicyAuthValue   = 0x16b
	codePolicyAuthorize   = 0x16a
	codePolicyPCR         = 0x17f
	codePolicyOR          = 0x171
	codePolicyAuthorizeNV = 0x192
)

// Policy is a policy's digest as it grows (Part 3, 23).
type Policy struct {
	Hash   Hash
	Digest []byte
}

// NewPolicy is an empty one.
func NewPolicy(hash Hash) Policy { return Policy{hash, make([]byte, hash.Size())} }

func (p Policy) extend(code uint32, parts ...[]byte) Policy {
	return Policy{p.Hash, p.Hash.Sum(append([][]byte{p.Digest, number(code)}, parts...)...)}
}

// PCRs demands that registers have values, in the order of pcrs, which rises.
func (p Policy) PCRs(bank Hash, pcrs []int, values [][]byte) Policy {
	return p.extend(codePolicyPCR, selection(bank, pcrs), p.Hash.Sum(values...))
}

// AuthValue demands the object's PIN.
func (p Policy) AuthValue() Policy { return p.extend(codePolicyAuthValue) }

// Authorize replaces what there is by: any policy that the key of this name signed, with this reference.
func (p Policy) Authorize(key, reference []byte) Policy {
	n := NewPolicy(p.Hash).extend(codePolicyAuthorize, key)
	return Policy{p.Hash, p.Hash.Sum(n.Digest, reference)}
}

// Or replaces what there is by: one of these.
func (p Policy) Or(digests [][]byte) Policy {
	return NewPolicy(p.Hash).extend(codePolicyOR, digests...)
}

// AuthorizeNV replaces what there is by: the policy that is written in the index of this name.
func (p Policy) AuthorizeNV(index []byte) Policy {
	return NewPolicy(p.Hash).extend(codePolicyAuthorizeNV, index)
}

// Condition is a part of a policy, which a session is to satisfy.
type Condition interface {
	// satisfy gives the TPM the command.
	satisfy(ctx context.Context, c *Client, s *session) error
	// Expect is the digest that it leads to, from the present state of the machine, without a session.
	Expect(ctx context.Context, c *Client, p Policy) (Policy, error)
}

// PCRs are registers with the values that they had.
type PCRs struct {
	Bank    Hash
	Numbers []int // rising
}

func (q PCRs) satisfy(ctx context.Context, c *Client, s *session) error {
	if len(q.Numbers) == 0 {
		return nil
	}
	var p writer
	p.sized(nil)
	p.raw(selection(q.Bank, q.Numbers))
	_, _, err := c.run(ctx, &command{name: "PolicyPCR", code: codePolicyPCR, entities: []Entity{s.Entity}, params: p})
	return err
}

// Expect reads the registers.
func (q PCRs) Expect(ctx context.Context, c *Client, p Policy) (Policy, error) {
	if len(q.Numbers) == 0 {
		return p, nil
	}
	values, err := c.ReadPCRs(ctx, q.Bank, q.Numbers)
	return p.PCRs(q.Bank, q.Numbers, values), err
}

// PIN is the object's authorisation value.
type PIN struct{}

func (PIN) satisfy(ctx context.Context, c *Client, s *session) error {
	_, _, err := c.run(ctx, &command{name: "PolicyAuthValue", code: codePolicyAuthValue, entities: []Entity{s.Entity}})
	s.wantsAuth = err == nil
	return err
}

// Expect reads nothing.
func (PIN) Expect(_ context.Context, _ *Client, p Policy) (Policy, error) { return p.AuthValue(), nil }

// Signature is a policy that a key signed.
type Signature struct {
	Policy    []byte // the digest
	Reference []byte
	Signature []byte // RSASSA-PKCS1-v1_5 with SHA-256
}

// ErrUnsigned: nobody signed a policy for the state that the machine is in.
var ErrUnsigned = fmt.Errorf("%w: no signed policy fits it", ErrState)

// Signed is a policy of registers, whichever of several was signed.
type Signed struct {
	PCRs
	Key       []byte // the public area of who signs
	Reference []byte
	// Find returns the signature of the policy with this digest; false for none.
	Find func(policy []byte) (Signature, bool)
}

func (q Signed) satisfy(ctx context.Context, c *Client, s *session) error {
	if err := q.PCRs.satisfy(ctx, c, s); err != nil {
		return err
	}
	now, err := c.digest(ctx, s)
	if err != nil {
		return err
	}
	signed, found := q.Find(now)
	if !found {
		return ErrUnsigned
	}
	key, err := c.loadPublic(ctx, q.Key)
	if err != nil {
		return err
	}
	ticket, err := c.verify(ctx, key, SHA256.Sum(signed.Policy, q.Reference), signed.Signature)
	if err = errors.Join(err, c.flush(ctx, key.Handle)); err != nil {
		return err
	}
	var p writer
	p.sized(signed.Policy)
	p.sized(q.Reference)
	p.sized(key.name)
	p.raw(ticket)
	_, _, err = c.run(ctx, &command{
		name: "PolicyAuthorize", code: codePolicyAuthorize, entities: []Entity{s.Entity}, params: p,
	})
	return err
}

// Expect reads the registers and looks for a signature; whether that is true, the TPM says at last.
func (q Signed) Expect(ctx context.Context, c *Client, p Policy) (Policy, error) {
	now, err := q.PCRs.Expect(ctx, c, p)
	if err != nil {
		return p, err
	}
	if _, found := q.Find(now.Digest); !found {
		return p, ErrUnsigned
	}
	return p.Authorize(name(q.Key), q.Reference), nil
}

// verify has the TPM check a signature, and returns the ticket that says so.
func (c *Client) verify(ctx context.Context, key Entity, digest, signature []byte) ([]byte, error) {
	var p writer
	p.sized(digest)
	p.u16(0x0014) // RSASSA
	p.u16(uint16(SHA256))
	p.sized(signature)
	_, r, err := c.run(ctx, &command{name: "VerifySignature", code: 0x177, entities: []Entity{key}, params: p})
	if err != nil {
		return nil, err
	}
	return bytes.Clone(r.rest), nil
}

// Alternatives are registers that may each have one of several values: PolicyPCR and then PolicyOR.
type Alternatives struct {
	Bank   Hash
	Number int
	Values [][]byte // at least 2, at most 8
}

func (q Alternatives) digests(p Policy) (list [][]byte) {
	for _, v := range q.Values {
		list = append(list, p.PCRs(q.Bank, []int{q.Number}, [][]byte{v}).Digest)
	}
	return list
}

func (q Alternatives) satisfy(ctx context.Context, c *Client, s *session) error {
	before, err := c.digest(ctx, s)
	if err != nil {
		return err
	}
	list := q.digests(Policy{s.hash, before})
	if err := (PCRs{q.Bank, []int{q.Number}}).satisfy(ctx, c, s); err != nil {
		return err
	}
	var p writer
	p.u32(uint32(len(list)))
	for _, d := range list {
		p.sized(d)
	}
	_, _, err = c.run(ctx, &command{name: "PolicyOR", code: codePolicyOR, entities: []Entity{s.Entity}, params: p})
	if is(err, 0x84) { // none of them is the present one
		err = errors.Join(ErrState, err)
	}
	return err
}

// Expect holds the register's value against the ones that may be.
func (q Alternatives) Expect(ctx context.Context, c *Client, p Policy) (Policy, error) {
	now, err := (PCRs{q.Bank, []int{q.Number}}).Expect(ctx, c, p)
	if err != nil {
		return p, err
	}
	list := q.digests(p)
	for _, d := range list {
		if bytes.Equal(d, now.Digest) {
			return p.Or(list), nil
		}
	}
	return p, ErrState
}

// Index is the policy that is written in an NV index, which these conditions make up.
type Index struct {
	Entity
	Conditions []Condition
}

// NewIndex is one of a handle with its public area (TPMS_NV_PUBLIC).
func NewIndex(handle uint32, public []byte, conditions []Condition) (Index, bool) {
	r := reader{rest: public}
	same, hash := r.u32() == handle, Hash(r.u16())
	if r.short || !same || hash.Size() == 0 {
		return Index{}, false
	}
	called := Sized(nil)[:0]
	called = append(called, byte(hash>>8), byte(hash))
	return Index{Entity{handle, append(called, hash.Sum(public)...)}, conditions}, true
}

func (q Index) satisfy(ctx context.Context, c *Client, s *session) error {
	for _, condition := range q.Conditions {
		if err := condition.satisfy(ctx, c, s); err != nil {
			return err
		}
	}
	_, _, err := c.run(ctx, &command{
		name: "PolicyAuthorizeNV", code: codePolicyAuthorizeNV,
		entities: []Entity{{Handle: handleOwner}, q.Entity, s.Entity}, auth: password{},
	})
	if is(err, 0x9d) || is(err, 0x84) {
		err = errors.Join(ErrState, err)
	}
	return err
}

// Expect goes through the conditions; whether that is what the index holds, the TPM says at last.
func (q Index) Expect(ctx context.Context, c *Client, p Policy) (Policy, error) {
	var err error
	inner := p
	for _, condition := range q.Conditions {
		if inner, err = condition.Expect(ctx, c, inner); err != nil {
			return p, err
		}
	}
	return p.AuthorizeNV(q.name), nil
}

// digest is the session's policy as it stands.
func (c *Client) digest(ctx context.Context, s *session) ([]byte, error) {
	_, r, err := c.run(ctx, &command{name: "PolicyGetDigest", code: 0x189, entities: []Entity{s.Entity}})
	if err != nil {
		return nil, err
	}
	return bytes.Clone(r.sized()), r.done("PolicyGetDigest")
}

// Expect is the digest that conditions lead to in the present state. Errors are of kind ErrState where they cannot be
// satisfied.
func (c *Client) Expect(ctx context.Context, hash Hash, conditions []Condition) (Policy, error) {
	p := NewPolicy(hash)
	for _, condition := range conditions {
		next, err := condition.Expect(ctx, c, p)
		if err != nil {
			return p, err
		}
		p = next
	}
	return p, nil
}

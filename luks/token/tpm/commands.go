// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// HandleSRK is where the storage root key lies (TCG TPM v2.0 Provisioning Guidance, 7.5.1).
const HandleSRK uint32 = 0x81000001

// Registers are as many as a bank has.
const Registers = 24

// properties of a TPM (Part 2, 6.13).
const (
	propertyPermanent = 0x200
	propertyCounter   = 0x20e
	propertyLimit     = 0x20f
	propertyInterval  = 0x210
)

// Lockout is how the TPM stands to wrong PINs.
type Lockout struct {
	Locked   bool
	Failed   int           // tries that failed and were not forgiven yet
	Limit    int           // so many lock it
	Interval time.Duration // after which one is forgiven
	// OwnerSet and LockoutSet: the passwords of the owner and of who may reset the counter are set.
	OwnerSet, LockoutSet bool
}

// Left is how many tries are left.
func (l Lockout) Left() int { return max(0, l.Limit-l.Failed) }

// ReadLockout asks for it; nothing is counted.
func (c *Client) ReadLockout(ctx context.Context) (l Lockout, err error) {
	permanent, err := c.property(ctx, propertyPermanent)
	if err != nil {
		return l, err
	}
	counter, err := c.property(ctx, propertyCounter)
	if err != nil {
		return l, err
	}
	limit, err := c.property(ctx, propertyLimit)
	if err != nil {
		return l, err
	}
	interval, err := c.property(ctx, propertyInterval)
	return Lockout{
		Locked: permanent>>9&1 == 1, Failed: int(counter), Limit: int(limit),
		Interval: time.Duration(interval) * time.Second, OwnerSet: permanent&1 == 1, LockoutSet: permanent>>2&1 == 1,
	}, err
}

// property is one of the TPM's numbers.
func (c *Client) property(ctx context.Context, which uint32) (uint32, error) {
	r, err := c.capability(ctx, 6, which, 1)
	if err != nil {
		return 0, err
	}
	count, got, value := r.u32(), r.u32(), r.u32()
	if count != 1 || got != which || r.short {
		return 0, fmt.Errorf("TPM2_GetCapability: %w", ErrAnswer)
	}
	return value, nil
}

// capability asks for a list; its reader stands behind the kind.
func (c *Client) capability(ctx context.Context, kind, from, count uint32) (*reader, error) {
	var p writer
	p.u32(kind)
	p.u32(from)
	p.u32(count)
	_, r, err := c.run(ctx, &command{name: "GetCapability", code: 0x17a, params: p})
	if err != nil {
		return nil, err
	}
	r.u8() // more
	if r.u32() != kind || r.short {
		return nil, fmt.Errorf("TPM2_GetCapability: %w", ErrAnswer)
	}
	return r, nil
}

// Banks are the hashes that registers are kept in: those of all 24.
func (c *Client) Banks(ctx context.Context) (list []Hash, err error) {
	r, err := c.capability(ctx, 5, 0, 1)
	if err != nil {
		return nil, err
	}
	for range min(r.u32(), 16) {
		hash, n := Hash(r.u16()), int(r.u8())
		if all := r.take(n); n >= 3 && bytes.Equal(all[:3], []byte{0xff, 0xff, 0xff}) && hash.Size() > 0 {
			list = append(list, hash)
		}
	}
	return list, r.done("GetCapability")
}

// selection is a TPML_PCR_SELECTION of one bank.
func selection(bank Hash, pcrs []int) []byte {
	var w writer
	var bits [3]byte
	for _, n := range pcrs {
		bits[n/8] |= 1 << (n % 8)
	}
	w.u32(1)
	w.u16(uint16(bank))
	w.u8(byte(len(bits)))
	w.raw(bits[:])
	return w
}

// ReadPCRs returns the values of registers of a bank, in the order of pcrs, which rises.
func (c *Client) ReadPCRs(ctx context.Context, bank Hash, pcrs []int) (values [][]byte, err error) {
	for at := 0; at < len(pcrs); at += 8 {
		some, err := c.readPCRs(ctx, bank, pcrs[at:min(at+8, len(pcrs))])
		if err != nil {
			return nil, err
		}
		values = append(values, some...)
	}
	return values, nil
}

// readPCRs reads as many as one answer has room for, 8.
func (c *Client) readPCRs(ctx context.Context, bank Hash, pcrs []int) (values [][]byte, err error) {
	_, r, err := c.run(ctx, &command{name: "PCR_Read", code: 0x17e, params: selection(bank, pcrs)})
	if err != nil {
		return nil, err
	}
	r.u32() // the count of updates
	got := r.take(min(len(selection(bank, pcrs)), len(r.rest)))
	if !bytes.Equal(got, selection(bank, pcrs)) {
		return nil, fmt.Errorf("the TPM has no bank of %v for all of these registers: %w", bank, ErrUnsupported)
	}
	if r.u32() != uint32(len(pcrs)) {
		return nil, fmt.Errorf("TPM2_PCR_Read: %w", ErrAnswer)
	}
	for range pcrs {
		values = append(values, bytes.Clone(r.sized()))
	}
	return values, r.done("PCR_Read")
}

// ReadParent is the storage key at a handle, with the public area that the TPM says it has.
func (c *Client) ReadParent(ctx context.Context, handle uint32) (Parent, error) {
	_, r, err := c.run(ctx, &command{name: "ReadPublic", code: 0x173, entities: []Entity{{Handle: handle}}})
	if is(err, 0x84) {
		err = errors.Join(ErrNoKey, err)
	}
	if err != nil {
		return Parent{}, err
	}
	public, called := bytes.Clone(r.sized()), bytes.Clone(r.sized())
	if !bytes.Equal(name(public), called) {
		r.short = true
	}
	return Parent{Entity: Entity{handle, called}, Public: public}, r.done("ReadPublic")
}

// KnownParent is the storage key at a handle whose public area is known from before. It is not asked for: what answers
// with another key learns nothing.
func KnownParent(handle uint32, public []byte) Parent {
	return Parent{Entity: Entity{handle, name(public)}, Public: public}
}

// LegacyPrimary makes the storage key that systemd up to 253 and clevis make each time: the same seed and template give
// the same key. Free gives its place back.
func (c *Client) LegacyPrimary(ctx context.Context, kind string, hash Hash) (Parent, error) {
	return c.primary(ctx, storage(kind, hash, storageKey))
}

func (c *Client) primary(ctx context.Context, template []byte) (Parent, error) {
	var p writer
	p.sized([]byte{0, 0, 0, 0}) // no authorisation, no data
	p.sized(template)
	p.sized(nil)
	p.u32(0)
	handle, r, err := c.run(ctx, &command{
		name: "CreatePrimary", code: 0x131, entities: []Entity{{Handle: handleOwner}}, auth: password{}, params: p,
		gives: true,
	})
	if errors.Is(err, ErrAuth) {
		err = errors.Join(ErrOwner, err)
	}
	if err != nil {
		return Parent{}, err
	}
	public := bytes.Clone(r.sized())
	return Parent{Entity: Entity{handle, name(public)}, Public: public, transient: true}, r.done("CreatePrimary")
}

// PersistentSRK is the storage root key, made and stored where there is none yet. made tells that it was.
func (c *Client) PersistentSRK(ctx context.Context) (srk Parent, made bool, err error) {
	srk, err = c.ReadParent(ctx, HandleSRK)
	if !errors.Is(err, ErrNoKey) {
		return srk, false, err
	}
	made = true
	fresh, err := c.primary(ctx, storage("ecc", SHA256, storageKey|noDictionary))
	if err != nil {
		return Parent{}, false, err
	}
	var p writer
	p.u32(HandleSRK)
	_, _, err = c.run(ctx, &command{
		name: "EvictControl", code: 0x120, entities: []Entity{{Handle: handleOwner}, fresh.Entity}, auth: password{},
		params: p,
	})
	if err = errors.Join(err, c.Free(ctx, fresh)); err != nil {
		return Parent{}, false, err
	}
	srk, err = c.ReadParent(ctx, HandleSRK)
	return srk, made, err
}

// Free gives the place of a key back that was made; others stay.
func (c *Client) Free(ctx context.Context, p Parent) error {
	if !p.transient {
		return nil
	}
	return c.flush(ctx, p.Handle)
}

// loadPublic takes a key in that signs, and returns it with its name.
func (c *Client) loadPublic(ctx context.Context, public []byte) (Entity, error) {
	var p writer
	p.sized(nil) // no private part
	p.sized(public)
	p.u32(handleOwner)
	handle, r, err := c.run(ctx, &command{name: "LoadExternal", code: 0x167, params: p, gives: true})
	if err != nil {
		return Entity{}, err
	}
	called := bytes.Clone(r.sized())
	if !bytes.Equal(called, name(public)) {
		r.short = true
	}
	return Entity{handle, called}, r.done("LoadExternal")
}

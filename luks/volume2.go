// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func (v *Volume) setLUKS2(heads header.Heads, choice header.Choice) {
	h, m := choice.Copy.Header, choice.Copy.Metadata
	v.Version, v.UUID, v.Label, v.Subsystem = 2, h.UUID, h.Label, h.Subsystem
	v.Heads, v.Choice = heads, choice
	v.setData(m)
	for _, slot := range m.Keyslots() {
		v.Keyslots = append(v.Keyslots, v.keyslot2(m, slot))
	}
}

func (v *Volume) setData(m *luks2.Metadata) {
	v.Data = Data{Offset: m.DataOffset(), DigestID: -1}
	v.Data.Size, v.Data.Dynamic = m.DataSize()
	if v.Data.Dynamic {
		v.Data.Size = 0
	}
	segment, found := m.DefaultSegment()
	if !found {
		return
	}
	v.Data.Type, v.Data.Cipher, v.Data.SectorSize = segment.Type, segment.Encryption, int(segment.SectorSize)
	v.Data.IVTweak, v.Data.Integrity = segment.IVTweak, segment.Integrity
	d, found := m.DigestOfSegment(segment.ID)
	if !found {
		return
	}
	v.Data.DigestID, v.digest = d.ID, digest2(d)
	for _, id := range d.Keyslots {
		if slot, err := m.Keyslot(id); err == nil {
			v.Data.KeySize = int(slot.KeySize)
			break
		}
	}
}

// digest2 returns nil for digests of unknown types.
func digest2(d luks2.Digest) *digest.Digest {
	if d.Type != "pbkdf2" {
		return nil
	}
	return &digest.Digest{Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Sum: d.Value}
}

func (v *Volume) keyslot2(m *luks2.Metadata, slot luks2.Keyslot) Keyslot {
	k := Keyslot{
		ID: slot.ID, Type: slot.Type, Priority: slot.Priority, Unbound: true,
		Area: luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size},
	}
	if d, found := m.DigestOfKeyslot(slot.ID); found {
		k.Unbound = d.ID != v.Data.DigestID
		k.digest = digest2(d)
	}
	if slot.Type == luks2.TypeLUKS2 {
		k.Spec = keyslot.Spec{
			KeySize: int(slot.KeySize), Stripes: int(slot.AF.Stripes), AFHash: slot.AF.Hash,
			Cipher: slot.Area.Encryption, CipherKeySize: int(slot.Area.KeySize), KDF: kdf.Params(slot.KDF),
		}
	}
	return k
}

// Requirements returns the requirements of the header that are not met here; while there are any,
// the volume is neither activated nor changed.
func (v *Volume) Requirements() []string {
	if v.Version != 2 {
		return nil
	}
	return v.Metadata().Requirements()
}

// CheckRequirements returns a RequirementsError where Requirements names any.
func (v *Volume) CheckRequirements() error {
	if unmet := v.Requirements(); len(unmet) > 0 {
		return &RequirementsError{Names: unmet}
	}
	return nil
}

// areaWrite is material that must be durable before, or wiped after, the header that goes with it.
type areaWrite struct {
	what   string
	offset uint64 // bytes
	bytes  []byte
}

func writeAreas(dev Device, writes []areaWrite) error {
	for _, w := range writes {
		if err := commit.WriteArea(dev, w.what, w.offset, w.bytes); err != nil {
			return err
		}
	}
	return nil
}

// change is what one operation does to a LUKS2 header.
type change struct {
	next   luks2.Copy
	before []areaWrite // durable before the header
	after  []areaWrite // only once both copies are durable
}

// update2 changes a LUKS2 header under the exclusive lock, against the metadata as it is then:
// what somebody else committed since this volume was loaded stays. The plan, and with it the check
// that the JSON fits, is made before the first write.
func (v *Volume) update2(ctx context.Context, derive func(now luks2.Copy) (change, error)) error {
	return locked(ctx, v.dev, true, func() error { return v.amend2(derive) })
}

// amend2 is update2 for a caller that holds the lock.
func (v *Volume) amend2(derive func(now luks2.Copy) (change, error)) error {
	heads, choice, err := v.current()
	if err != nil {
		return err
	}
	now := choice.Copy
	now.Metadata = now.Metadata.Clone()
	c, err := derive(now)
	if err != nil {
		return err
	}
	c.next.Metadata.DropIdleDigests()
	plan, err := header.PlanUpdate(heads, choice, c.next, rand.Reader)
	if err != nil {
		return err
	}
	step, err := v.stepFar(choice.Copy, c.next)
	if err != nil {
		return err
	}
	return v.carryOut(plan, c, step)
}

// carryOut writes heads and areas, and then the far header. Its error after that does not hide what
// was done: the volume is loaded as it is now.
func (v *Volume) carryOut(plan header.Plan, c change, step *farStep) error {
	if err := step.before(plan); err != nil {
		return err
	}
	if err := v.commit(plan, c); err != nil {
		return err
	}
	lag, err := step.after(plan)
	err = errors.Join(err, v.load())
	v.FarLag = lag
	return err
}

// commit carries the change out. Where a write turns out to have gone elsewhere, a head is put
// back that names what is durable: the old one until the new one is, the new one from then on.
func (v *Volume) commit(plan header.Plan, c change) error {
	if err := writeAreas(v.dev, c.before); err != nil {
		return v.salvage(err, plan.Now)
	}
	if err := commit.Apply(v.dev, plan); err != nil {
		return v.salvage(err, plan.Now)
	}
	if err := writeAreas(v.dev, c.after); err != nil {
		return v.salvage(err, plan.Next)
	}
	return nil
}

func (v *Volume) salvage(err error, c luks2.Copy) error {
	return commit.Salvage(v.dev, err, c, rand.Reader)
}

// current reads the heads again and makes them fit to be changed: the same volume as before, not
// conflicting, no foreign signature over a damaged copy, and not at the end of the sequence
// numbers. An update that wraps carries no other change, so that whichever copy the next reader
// takes for the newer one says the same.
func (v *Volume) current() (header.Heads, header.Choice, error) {
	heads := header.Read(v.dev)
	choice, err := header.Choose(heads)
	if err != nil {
		return heads, choice, err
	}
	if choice.Copy.Header.UUID != v.UUID {
		return heads, choice, ErrAnotherVolume
	}
	if _, err := v.planHeal(heads, choice, false); err != nil {
		return heads, choice, err
	}
	return v.wrapped(heads, choice)
}

// settings2 is update2 for what says how a volume is to be used: it needs the header to be understood
// wholly, so a requirement that is not met here is an error.
func (v *Volume) settings2(ctx context.Context, derive func(now luks2.Copy) (change, error)) error {
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	return v.update2(ctx, derive)
}

// relabel changes the binary header's texts.
func (v *Volume) relabel(ctx context.Context, set func(h *luks2.Header)) error {
	if v.Version != 2 {
		return errors.Join(ErrUnsupported, errors.New("LUKS1 has no such field"))
	}
	return v.settings2(ctx, func(now luks2.Copy) (change, error) {
		set(&now.Header)
		return change{next: now}, nil
	})
}

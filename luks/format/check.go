// SPDX-License-Identifier: Apache-2.0

package format

import (
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Check refuses what Plan would refuse for a metadata device of size bytes, as far as that follows
// from the options: it derives and writes nothing. Size 0 stands for a file that is yet to be made
// or made longer. It returns where the parts will lie. Errors are a fault.GeometryError,
// a fault.KeyslotError with luks2.ErrNoID, fault.ErrUnsupported, and those of package sector.
func (o Options) Check(size uint64) (Geometry, error) {
	switch o.Version {
	case 1:
		return o.check1(size)
	case 2:
		return o.check2(size)
	}
	return Geometry{}, unsupported(o.Version)
}

func (o Options) check1(size uint64) (Geometry, error) {
	if err := checkLUKS1(o, o.KeySize); err != nil {
		return Geometry{}, err
	}
	if _, err := sector.ParseSpec(o.Cipher); err != nil {
		return Geometry{}, err
	}
	parts, err := o.layout1(o.KeySize)
	if err != nil {
		return Geometry{}, err
	}
	material := parts.Apply(luks1.Header{KeyBytes: uint32(o.KeySize)}).MaterialRoom()
	g := Geometry{KeyslotsSize: material.End(), DataOffset: uint64(parts.Payload) * 512}
	return g, g.fits(o, size)
}

func (o Options) layout1(keySize int) (luks1.Layout, error) {
	return luks1.NewLayout(uint32(keySize), luks1.Placement{
		Detached: o.Detached &&
			o.DataOffset == 0, Payload: uint32(o.DataOffset / 512), Alignment: uint32(o.alignment() / 512),
		Shift: uint32(o.AlignmentOffset / 512),
	})
}

func (o Options) check2(size uint64) (Geometry, error) {
	if err := o.checkCipher(o.KeySize); err != nil {
		return Geometry{}, err
	}
	if uint(o.FirstKeyslot()) >= luks2.MaxKeyslots {
		return Geometry{}, fault.Keyslot(o.FirstKeyslot(), luks2.ErrNoID)
	}
	if err := o.checkLabels(); err != nil {
		return Geometry{}, err
	}
	g, err := geometryOf(o, size)
	if err == nil {
		err = o.checkTags(g, size)
	}
	if err != nil || !o.FarHeader || size == 0 {
		return g, err
	}
	_, err = o.FarPlace(g, size)
	return g, err
}

func (o Options) checkLabels() error {
	if len(o.Label) >= luks2.LabelSize || len(o.Subsystem) >= luks2.LabelSize {
		return fault.Geometry("label", "at most %d bytes", luks2.LabelSize-1)
	}
	return nil
}

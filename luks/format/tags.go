// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/authentic"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// NewIntegrity is what the header of a new volume says of integrity; macKey is in bytes, 0 for the hash's own length.
func NewIntegrity(kind string, macKey uint32) *luks2.Integrity {
	return &luks2.Integrity{Type: kind, JournalEncryption: "none", JournalIntegrity: "none", KeySize: macKey}
}

// Scheme is how the sectors of a volume with Integrity will be protected. It refuses, with errors of kind
// authentic.ErrScheme, what would not open, or would not be safe.
func (o *Options) Scheme() (*authentic.Scheme, error) {
	s, err := authentic.Of(o.Cipher, o.Integrity.Type, int(o.Integrity.KeySize))
	return s, cmp.Or(err, s.ForNew())
}

// Tagged tells whether a sector that was never written will be an error: with integrity "none" there is nothing to find
// out by.
func (o *Options) Tagged() bool { return o.Integrity != nil && o.Integrity.Type != "none" }

// checkTags refuses a scheme that there is not, a key of another length, and a data device without room for tags.
func (o *Options) checkTags(g Geometry, size uint64) error {
	if o.Integrity == nil {
		return nil
	}
	s, err := o.Scheme()
	if err == nil {
		err = s.CheckKey(o.KeySize)
	}
	if data := cmp.Or(o.DataSize, size); err == nil && data != 0 {
		_, err = o.Tags(g.DataOffset, data)
	}
	return err
}

// Tags lays out the layer of dm-integrity, with the data, on a device of size bytes.
func (o *Options) Tags(offset, size uint64) (*integrity.Layout, error) {
	s, err := o.Scheme()
	if err != nil {
		return nil, err
	}
	p := integrity.Params{
		TagSize: s.TagSize(), BlockSize: o.SectorSize, Offset: offset / 512, FixPadding: !o.LegacyPadding,
	}
	return p.Plan(size/512, size/512)
}

// oldTags is where a superblock of tags may be left over, that is not to be taken for the new one.
func (o *Options) oldTags(g Geometry) []luks2.Extent {
	if o.Integrity == nil || o.Detached {
		return nil
	}
	return []luks2.Extent{{Offset: g.DataOffset, Size: integrity.SuperblockSectors * integrity.SectorSize}}
}

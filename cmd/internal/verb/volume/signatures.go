// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// WarnSignatures tells what already lives on a device; one that cannot be read tells nothing.
func WarnSignatures(c *verb.Command, path string) {
	if c.UI.Batch || c.Opt.DisableBlkid {
		return
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return
	}
	defer dev.Close()
	seen := map[string]bool{}
	for _, s := range signatures(c, dev, dev.Size()) {
		if !seen[s.Kind] && !s.Backup && !s.Damaged {
			c.UI.Printf("WARNING: Device %s already contains a '%s' %s.", path, s.Kind, nature(s))
			seen[s.Kind] = true
		}
	}
}

// signatures lists what was found; places that cannot be read are passed over.
func signatures(c *verb.Command, dev luks.Device, size int64) []signature.Signature {
	found, err := signature.Detect(dev, size)
	if err != nil {
		c.UI.Debugf("signatures: %v", err)
	}
	for _, s := range found {
		c.UI.Debugf("%s signature at byte %d", s.Kind, s.Offset)
	}
	return found
}

func nature(s signature.Signature) string {
	if s.Usage == signature.PartitionTable {
		return "partition signature"
	}
	return "superblock signature"
}

// SignaturesToWipe lists the places of old signatures, so that no other tool takes the new volume
// for what was there before.
func SignaturesToWipe(c *verb.Command, dev *luks.File) []luks2.Extent {
	if c.Opt.DisableBlkid {
		return nil
	}
	var wipe []luks2.Extent
	for _, s := range signatures(c, dev, dev.Size()) {
		c.UI.Verbosef("Existing '%s' %s on device %s will be wiped.", s.Kind, nature(s), dev.Path())
		wipe = append(wipe, luks2.Extent{Offset: uint64(s.Offset), Size: uint64(s.MagicLength)})
	}
	return wipe
}

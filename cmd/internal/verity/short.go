// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// missingAtMost is how many blocks behind the end of a device are looked for one by one, as those of a file that was
// cut short. A superblock that says more than that is not believed.
const missingAtMost = 1 << 20

// checkMissing refuses to go through blocks that are not there, unless parity could bring them back.
func (r *run) checkMissing(im *image, v *verity.Image) error {
	missing := im.DataSize() - im.data.size
	if missing <= missingAtMost*int64(im.DataBlockSize) {
		return nil
	}
	if im.fec != nil {
		layout, err := v.Layout()
		if err != nil {
			return explainField(err)
		}
		if missing <= layout.Parity {
			return nil
		}
	}
	r.ui.Errorf("Verification of data area failed.")
	return setup.Silent(ui.Failed)
}

// unreadable tells whether a device cannot be read or ends before the first bad block: that ends with another status
// than corruption.
func (im *image) unreadable(found *verity.Damage) bool {
	if found.Unread() != nil {
		return true
	}
	if len(found.Tree) > 0 && im.position(0, 0)+int64(im.HashBlockSize) > im.hash.size {
		return true
	}
	block, bad := found.Data.First()
	return bad && int64(block+1)*int64(im.DataBlockSize) > im.data.size
}

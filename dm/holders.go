// SPDX-License-Identifier: Apache-2.0

package dm

import "github.com/orthrus-luks/orthrus/dm/block"

// holders names who uses a device; what cannot be read (another user's processes) is left out.
func holders(major, minor uint32) []block.Holder {
	found, err := block.Holders(major, minor)
	if err != nil {
		return nil
	}
	return found
}

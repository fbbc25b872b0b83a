// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// SlotInRange refuses numbers that no keyslot of that version has.
func SlotInRange(version, id int) error {
	last := luks2.MaxKeyslots - 1
	if version == 1 {
		last = luks1.KeyslotCount - 1
	}
	if id > last {
		return verb.Failure(ui.Failed, "Key slot %d is invalid, please select between 0 and %d.", id, last)
	}
	return nil
}

// SlotError names the two ways in which there is no keyslot left.
func SlotError(err error) error {
	if errors.Is(err, luks2.ErrNoID) {
		return verb.Failure(ui.Failed, "All key slots full.")
	}
	return err
}

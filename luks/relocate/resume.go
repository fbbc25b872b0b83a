// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// PlanResume plans what concludes a resize of the metadata area that the heads tell of, or, where it
// cannot be concluded any more, takes it back. Without one the plan is empty.
func PlanResume(dev header.Device, now luks2.Copy, limit uint64) ([]Step, error) {
	log, _, found, err := FindLog(now.Metadata)
	if err != nil || !found {
		return nil, err
	}
	steps, err := PlanResize(now, log.To, limit)
	if errors.Is(err, luks2.ErrNoRoom) || errors.Is(err, ErrSizes) {
		steps, err = planTakeBack(now, log)
	}
	if err != nil {
		return nil, err
	}
	if stray, ok := strayHead(dev, now, log); ok {
		steps = append([]Step{stray}, steps...)
	}
	return steps, nil
}

// planTakeBack leaves keyslots where they are and the log out.
func planTakeBack(now luks2.Copy, log Log) ([]Step, error) {
	r := &resize{now: now, to: SizesOf(now), wide: now.Metadata.KeyslotsExtent(now.Header.Size)}
	r.clean(log)
	err := r.conclude()
	return r.steps, err
}

// strayHead finds a secondary where the resize was to put it, while the heads are still the old ones:
// another tool found the new primary torn or missing and went back.
func strayHead(dev header.Device, now luks2.Copy, log Log) (Step, bool) {
	at := log.To.Header
	head := luks2.Extent{Offset: at, Size: luks2.BinarySize}
	if at == now.Header.Size || !luks2.LegalSize(at) || !now.Metadata.KeyslotsExtent(now.Header.Size).Contains(head) {
		return Step{}, false
	}
	for _, k := range now.Metadata.Keyslots() {
		if head.Overlaps(luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}) {
			return Step{}, false
		}
	}
	magic := make([]byte, len(luks2.SecondaryMagic))
	if n, _ := dev.ReadAt(magic, int64(at)); n < len(magic) || string(magic) != luks2.SecondaryMagic {
		return Step{}, false
	}
	return wipe("wipe the secondary header that another tool has left behind", []luks2.Extent{head}), true
}

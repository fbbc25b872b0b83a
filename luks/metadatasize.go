// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// MetadataSize is what the metadata area is to become, bytes. Keyslots 0 leaves its end where it is
// if all keyslots fit, and otherwise takes all room before the data.
type MetadataSize struct{ Header, Keyslots uint64 }

// PlanMetadataSize tells the steps in which the metadata area of a LUKS2 volume would get other sizes,
// and writes nothing. No steps: it has them. Errors are ErrUnsupported, a RequirementsError, and those
// of relocate.PlanResize.
func (v *Volume) PlanMetadataSize(size MetadataSize) ([]relocate.Step, error) {
	if v.Version != 2 {
		return nil, fmt.Errorf("the metadata area of LUKS1 has a fixed size: %w", ErrUnsupported)
	}
	if err := v.CheckRequirements(); err != nil {
		return nil, err
	}
	return v.planMetadataSize(v.Choice.Copy, size)
}

func (v *Volume) planMetadataSize(now luks2.Copy, size MetadataSize) ([]relocate.Step, error) {
	limit := v.metadataLimit(now)
	if size.Keyslots == 0 {
		size.Keyslots = relocate.DefaultKeyslots(now, size.Header, limit)
	}
	if _, _, found, err := far.Find(now.Metadata); err != nil || !found {
		if err != nil {
			return nil, err
		}
		return relocate.PlanResize(now, relocate.Sizes(size), limit)
	}
	steps, err := relocate.PlanResizeWithFar(now, relocate.Sizes(size), limit)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	return steps, v.movable(now, nil, true)
}

// metadataLimit is the first byte that does not belong to the metadata: where the data begins, or the
// end of the device that holds the header.
func (v *Volume) metadataLimit(now luks2.Copy) uint64 {
	size := uint64(v.dev.Size())
	if at := now.Metadata.DataOffset(); at > 0 {
		return min(at, size)
	}
	return size
}

// SetMetadataSize gives the metadata area other sizes, as PlanMetadataSize says, telling each step
// before it begins. Damaged heads are healed first. Wherever it stops, the volume opens, and Resume
// concludes.
func (v *Volume) SetMetadataSize(ctx context.Context, size MetadataSize, tell func(relocate.Step)) error {
	if _, err := v.PlanMetadataSize(size); err != nil {
		return err
	}
	if _, err := v.Resume(ctx, tell); err != nil {
		return err
	}
	return v.transact(ctx, relocate.Options{Tell: tell}, func(now luks2.Copy) ([]relocate.Step, error) {
		return v.planMetadataSize(now, size)
	})
}

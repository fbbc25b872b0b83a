// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	converting "github.com/orthrus-luks/orthrus/luks/convert"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// convert turns LUKS1 metadata into LUKS2 metadata, or back.
func convert(ctx context.Context, c *command) (err error) {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	version := 1
	if c.o.Type.V == "luks2" {
		version = 2
	}
	if v.Version == version {
		return failure(ui.Failed, "Device is already LUKS%d type.", version)
	}
	if err := c.unused(v); err != nil {
		return err
	}
	if err := conversionError(v.path, v.CheckConvert(version)); err != nil {
		return err
	}
	question := fmt.Sprintf("This operation will convert %s to LUKS%d format.\n%s", v.path, version, losses(v, version))
	refused := "Operation aborted, device was NOT converted."
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: question, Refused: refused}); err != nil {
		return err
	}
	if v, err = c.roomier(ctx, v); err != nil {
		return err
	}
	return conversionError(v.path, v.Convert(ctx, version))
}

// roomier makes a LUKS1 header file as long as LUKS2 needs it.
func (c *command) roomier(ctx context.Context, v *volume) (*volume, error) {
	room := converting.DetachedRoom(v.LUKS1)
	if v.Version != 1 || v.LUKS1.PayloadOffset != 0 || v.file.IsBlock() || c.o.DryRun || uint64(v.file.Size()) >= room {
		return v, nil
	}
	if err := errors.Join(v.Close(), extend(v.path, int64(room))); err != nil {
		return v, err
	}
	return c.load(ctx, changed)
}

// losses names what of a LUKS2 header LUKS1 has no place for, and whose loss harms nobody.
func losses(v *volume, version int) string {
	if version != 1 {
		return ""
	}
	var what []string
	if v.Label != "" {
		what = append(what, "the label")
	}
	if v.Subsystem != "" {
		what = append(what, "the subsystem")
	}
	if len(v.Metadata().Flags()) > 0 {
		what = append(what, "the persistent flags")
	}
	for _, k := range v.Keyslots {
		if k.Priority != luks2.PriorityNormal {
			what = append(what, "the keyslots' priorities")
			break
		}
	}
	if len(what) == 0 {
		return ""
	}
	return "These will be lost: " + strings.Join(what, ", ") + ".\n"
}

// unused refuses a volume that is mapped, by its own device or by another one's.
func (c *command) unused(v *volume) error {
	in := func(by string) error {
		return failure(ui.InUse, "Cannot convert device %s which is still in use.%s", v.path, by)
	}
	devices, err := block.Devices()
	if err != nil {
		return err
	}
	prefix := fmt.Sprintf("CRYPT-LUKS%d-%s-", v.Version, strings.ReplaceAll(v.UUID, "-", ""))
	for _, d := range devices {
		if strings.HasPrefix(d.DMUUID, prefix) {
			return in(" Held by device " + d.DMName + ".")
		}
	}
	dev, err := block.Open(v.path, block.Exclusive)
	if errors.Is(err, block.ErrBusy) {
		return in(heldBy(v.path))
	}
	if err != nil {
		return deviceError(v.path, err)
	}
	return dev.Close()
}

func conversionError(path string, err error) error {
	if errors.Is(err, luks.ErrLUKSMeta) {
		return failure(ui.Failed, "Unable to convert header with LUKSMETA additional metadata.")
	}
	return deviceError(path, err)
}

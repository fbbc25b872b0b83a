// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	converting "github.com/orthrus-luks/orthrus/luks/convert"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Convert declares the verb.
func Convert() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "convert", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "turn LUKS1 metadata into LUKS2 metadata, or back",
			Takes:   cli.OfWriter,
			Needs:   []cli.Need{convertNeeds},
			About: []string{
				"Turns the metadata of a LUKS1 volume into LUKS2 metadata (--type luks2) or back (--type luks1). " +
					"Data and passphrases stay; the volume must not be in use.",
				"Key material that is in the way is copied to free room first, never moved over itself, so that " +
					"the volume opens at every instant with all its passphrases, and an interrupted conversion can " +
					"be run again. Where there is no free room for one keyslot, remove one first.",
				"LUKS1 has 512-byte sectors, eight keyslots, PBKDF2 with one hash and no tokens: a volume that " +
					"has more is refused. Label, subsystem, persistent flags and priorities are lost, which the " +
					"question says.",
			},
			Examples: []cli.Example{
				{What: "To LUKS2:", Line: "orthrus convert --type luks2 /dev/sdb2"},
				{
					What: "See what would be written, changing nothing:",
					Line: "orthrus convert --type luks2 --dry-run /dev/sdb2",
				},
			},
			SeeAlso: []string{"luksHeaderBackup"},
		},
		Run: convert,
	}
}

func convertNeeds(inv *cli.Invocation) error {
	if kind := inv.Options.Type.V; kind != cli.TypeLuks1 && kind != cli.TypeLuks2 {
		return &cli.MissingError{Reason: "Invalid LUKS type, only luks1 and luks2 are supported."}
	}
	return nil
}

// convert turns LUKS1 metadata into LUKS2 metadata, or back.
func convert(ctx context.Context, c *verb.Command) (err error) {
	version := 1
	if c.Opt.Type.V == cli.TypeLuks2 {
		version = 2
	}
	c.Opt.Type = cli.Value[string]{} // it does not say what the volume is, but what it shall become
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if v.Version == version {
		return verb.Failure(ui.Failed, "Device is already LUKS%d type.", version)
	}
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	if err := unused(v); err != nil {
		return err
	}
	if err := conversionError(v.Path, v.CheckConvert(version)); err != nil {
		return err
	}
	question := fmt.Sprintf("This operation will convert %s to LUKS%d format.\n%s", v.Path, version,
		losses(v, version))
	refused := "Operation aborted, device was NOT converted."
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: question, Refused: refused}); err != nil {
		return err
	}
	if v, err = roomier(ctx, c, v); err != nil {
		return err
	}
	err = conversionError(v.Path, v.Convert(ctx, version))
	if err == nil {
		c.UI.Advisef("%s is LUKS%d now, with the keyslots and data that it had.", v.Path, version)
		c.AdviseBackup("Header backups from before cannot be restored over it; make a new one:", v.Path)
	}
	return err
}

// roomier makes a LUKS1 header file as long as LUKS2 needs it.
func roomier(ctx context.Context, c *verb.Command, v *volume.Volume) (*volume.Volume, error) {
	room := converting.DetachedRoom(v.LUKS1)
	if v.Version != 1 || v.LUKS1.PayloadOffset != 0 || v.File.IsBlock() || c.Opt.DryRun ||
		uint64(v.File.Size()) >= room {
		return v, nil
	}
	if err := errors.Join(v.Close(), volume.Extend(v.Path, int64(room))); err != nil {
		return v, err
	}
	return volume.Load(ctx, c, volume.Changed)
}

// losses names what of a LUKS2 header LUKS1 has no place for, and whose loss harms nobody.
func losses(v *volume.Volume, version int) string {
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
func unused(v *volume.Volume) error {
	in := func(by string) error {
		return verb.Failure(ui.InUse, "Cannot convert device %s which is still in use.%s", v.Path, by)
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
	dev, err := block.Open(v.Path, block.Exclusive)
	if errors.Is(err, block.ErrBusy) {
		return in(verb.HeldBy(v.Path))
	}
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	return dev.Close()
}

func conversionError(path string, err error) error {
	if errors.Is(err, luks.ErrLUKSMeta) {
		return verb.Failure(ui.Failed, "Unable to convert header with LUKSMETA additional metadata.")
	}
	return verb.DeviceError(path, err)
}

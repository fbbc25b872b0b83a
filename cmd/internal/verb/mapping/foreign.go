// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// foreignFormats are the formats of others that open reads, one entry each.
var foreignFormats = [...]struct {
	kind string // of --type
	open func(ctx context.Context, c *verb.Command) error
}{
	{kind: cli.TypeBitlk, open: openBitlk},
	{kind: cli.TypeTcrypt, open: openTcrypt},
	{kind: cli.TypeLoopAES, open: openLoopAES},
	{kind: cli.TypeFVault2, open: openFVault2},
}

// foreignTypes are their values of --type.
func foreignTypes() (kinds []string) {
	for _, f := range foreignFormats {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

func foreignType(kind string) bool { return slices.Contains(foreignTypes(), kind) }

// refuseForForeign: what only a LUKS volume has is refused for the formats of others rather than passed over. Under its
// own name cryptsetup passes over what says how to open the volume, and so do we; what changes the mapping is refused.
func refuseForForeign(inv *cli.Invocation, own *openOptions) string {
	o := &inv.Options
	if !foreignType(o.Type.V) {
		return ""
	}
	tcrypt := o.Type.V == cli.TypeTcrypt
	passes := inv.StandsIn() && o.Type.V != cli.TypeLoopAES
	keyless := tcrypt || o.Type.V == cli.TypeLoopAES // a volume key is not taken
	for _, given := range []struct {
		name string
		is   bool
	}{
		{"header", o.Header.Set && !tcrypt && !passes},
		{"header-from-far", o.HeaderFromFar},
		{"key-slot", o.KeySlot.Set && !passes},
		{"token-id", o.TokenID.Set && !passes},
		{"token-only", o.TokenOnly && !passes},
		{"unbound", o.Unbound},
		{"persistent", o.Persistent},
		{"refresh", o.Refresh},
		{"size", o.Size.Set},
		{"device-size", o.DeviceSize.Set},
		{"link-vk-to-keyring", len(o.LinkVKToKeyring) > 0},
		{"link-for-guard", own.linkForGuard},
		{"volume-key-file", keyless && len(o.VolumeKeyFiles) > 0},
		{"volume-key-keyring", (keyless || o.Type.V == cli.TypeFVault2) && len(o.VolumeKeyKeyrings) > 0},
	} {
		if given.is {
			return "Option --" + given.name + " is not supported with --type " + o.Type.V + "."
		}
	}
	return ""
}

func openForeign(ctx context.Context, c *verb.Command, kind string) error {
	for _, f := range foreignFormats {
		if f.kind == kind {
			return f.open(ctx, c)
		}
	}
	return verb.Failure(ui.Failed, "Device type %s is not supported by this program.", kind)
}

// mapForeign maps what the second argument names. It checks everything that needs no key before it asks for one.
func mapForeign(ctx context.Context, c *verb.Command, kind string,
	unlock func(*dataDevice) (*secret.Buffer, error), tableOf func(device string, key *secret.Buffer) (dm.Table, error),
) error {
	name := c.Args[1]
	control, err := controlFor(c, name)
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, nil, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	key, err := unlock(data)
	defer func() { key.Close() }()
	if err != nil {
		return err
	}
	table, err := tableOf(data.Disk.Device.String(), key)
	if err != nil {
		return err
	}
	_, err = control.Activate(ctx, dm.Plan{
		Name: name, UUID: activate.UUID(kind, "", name), Table: table,
		ReadOnly: data.Disk.ReadOnly, ReadAhead: data.Disk.ReadAhead,
	})
	if err := errors.Join(nameTaken(name, err), table.Close()); err != nil {
		return err
	}
	c.UI.Advisef("%s is open as /dev/mapper/%s.", data.shown, name)
	return nil
}

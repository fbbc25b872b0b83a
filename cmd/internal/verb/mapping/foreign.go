// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// foreignFormats are the formats of others that open reads, one entry each.
var foreignFormats = [...]struct {
	kind string // of --type
	open func(ctx context.Context, c *verb.Command) error
}{
	{kind: cli.TypeBitlk, open: openBitlk},
	{kind: cli.TypeTcrypt, open: openTcrypt},
	{kind: cli.TypeLoopAES, open: openLoopAES},
}

// foreignTypes are their values of --type.
func foreignTypes() (kinds []string) {
	for _, f := range foreignFormats {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

func foreignType(kind string) bool { return slices.Contains(foreignTypes(), kind) }

// refuseForForeign: what only a LUKS volume has is refused for the formats of others rather than passed over.
func refuseForForeign(inv *cli.Invocation, own *openOptions) string {
	o := &inv.Options
	if !foreignType(o.Type.V) {
		return ""
	}
	tcrypt := o.Type.V == cli.TypeTcrypt
	keyless := tcrypt || o.Type.V == cli.TypeLoopAES // a volume key is not taken
	for _, given := range []struct {
		name string
		is   bool
	}{
		{"header", o.Header.Set && !tcrypt},
		{"header-from-far", o.HeaderFromFar},
		{"key-slot", o.KeySlot.Set},
		{"token-id", o.TokenID.Set},
		{"token-only", o.TokenOnly},
		{"unbound", o.Unbound},
		{"persistent", o.Persistent},
		{"refresh", o.Refresh},
		{"size", o.Size.Set},
		{"device-size", o.DeviceSize.Set},
		{"link-vk-to-keyring", len(o.LinkVKToKeyring) > 0},
		{"link-for-guard", own.linkForGuard},
		{"volume-key-file", keyless && len(o.VolumeKeyFiles) > 0},
		{"volume-key-keyring", keyless && len(o.VolumeKeyKeyrings) > 0},
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

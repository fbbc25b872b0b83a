// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// LinkKey keeps the key of a mapping in the kernel where somebody asked for it, or the guard's
// configuration does for the data device. That the mapping is active is not put at risk by it.
func LinkKey(ctx context.Context, c *verb.Command, v *volume.Volume, data dm.Number, key *luks.Key, asked bool) error {
	if !asked && !guardWantsKey(ctx, c, v, data) {
		return nil
	}
	if v.Version == 1 || c.Opt.DisableKeyring {
		c.UI.Verbosef("The key is in the table, where the guard finds it.")
		return nil
	}
	if err := activate.HoldKey(v.UUID, key.Digest, key.Buffer); err != nil {
		c.UI.Errorf("WARNING: no key is kept for the guard, so only the next unlock can enlarge the mapping: %s.",
			verb.Reason(err))
	}
	return nil
}

// guardWantsKey asks the configuration; one that is wrong asks for nothing.
func guardWantsKey(ctx context.Context, c *verb.Command, v *volume.Volume, data dm.Number) bool {
	config, err := ReadConfig(ctx, cli.Value[string]{})
	if err != nil {
		c.UI.Debugf("%v", err)
		return false
	}
	return config.For(guard.SubjectOf(data.String(), v.UUID)).Key
}

// ReleaseKey revokes the keys that are kept for the guard of a volume; "" names none. With --dry-run they stay.
func ReleaseKey(c *verb.Command, volume string) error {
	if volume == "" || c.Opt.DryRun {
		return nil
	}
	_, err := activate.ReleaseKey(volume)
	if err == nil || errors.Is(err, keyring.ErrUnsupported) || errors.Is(err, keyring.ErrPermission) {
		return nil // a kernel without keyrings, or a user who cannot have made one
	}
	return &verb.Notice{Text: fmt.Sprintf("A key of the volume is left in the kernel's keyring %s: %s.",
		activate.HeldRing, verb.Reason(err)), Code: ui.Failed, Err: err}
}

// MappedVolume is the bare UUID in "CRYPT-LUKS2-<uuid>-<name>"; "" for other mappings.
func MappedVolume(uuid string) string {
	parts := strings.SplitN(uuid, "-", 4)
	if len(parts) < 4 || parts[0] != "CRYPT" || parts[1] != activate.LUKS1 && parts[1] != activate.LUKS2 {
		return ""
	}
	return parts[2]
}

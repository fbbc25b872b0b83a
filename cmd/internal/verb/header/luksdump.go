// SPDX-License-Identifier: Apache-2.0

package header

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// LuksDump declares the verb.
func LuksDump() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksDump", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "show LUKS metadata",
			Takes: cli.OfHeader + cli.OfPassphrase + cli.OfTokens +
				"dump-json-metadata dump-volume-key external-tokens-path key-description key-slot unbound " +
				"volume-key-file json",
			Rules: []cli.Rule{unboundSlot},
			About: []string{
				"Shows the header. With --dump-json-metadata the JSON area of a LUKS2 header is shown as it stands " +
					"there; with --json also what the rest of the header says: version, epoch, uuid, label and " +
					"subsystem.",
				"With --dump-volume-key the volume key is shown, or put into the file named by " +
					"--volume-key-file: whoever has it can read all data, whatever becomes of the passphrases.",
			},
			Report: luksDumpReport(),
			Examples: []cli.Example{
				{What: "Show the header:", Line: "orthrus luksDump /dev/sdb2"},
				{What: "The same for programs:", Line: "orthrus luksDump --json /dev/sdb2"},
			},
			SeeAlso: []string{"check"},
		},
		Run: luksDump,
	}
}

func unboundSlot(inv *cli.Invocation) string {
	return cli.Refuse(inv.Options.Unbound && !inv.Options.KeySlot.Set, "Keyslot specification is required.")
}

// luksDump shows the header, as text or JSON, or one of the keys in it.
func luksDump(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Report)
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case c.Opt.DumpVolumeKey:
		return dumpVolumeKey(ctx, c, v)
	case c.Opt.Unbound:
		return dumpUnbound(ctx, c, v)
	case c.Opt.JSON && !c.Opt.DumpJSON && v.Version == 1:
		return c.PrintJSON(reportLUKS1(v.LUKS1))
	case c.Opt.DumpJSON:
		return dumpJSON(c, v, nil)
	case c.Opt.JSON:
		return dumpJSON(c, v, headMembers(v))
	case v.Version == 1:
		err = c.UI.Show(text.LUKS1(c.Args[0], v.LUKS1))
	default:
		err = c.UI.Show(text.LUKS2(v.Choice.Copy.Header, v.Metadata()) + reencryption(c, v))
	}
	return err
}

// reencryption says, under our own name, where one stands that is under way.
func reencryption(c *verb.Command, v *volume.Volume) string {
	verdict := reencrypt.Judge(v.Heads, v.Choice)
	if !c.UI.Own || verdict.State == reencrypt.None {
		return ""
	}
	told := volume.Interruption(verdict)
	lines := append([]string{"Reencryption:", told.State}, told.Next(c.Program, v.Path)...)
	return strings.Join(lines, "\n\t") + "\n"
}

// headMembers are what the binary header of LUKS2 says, which is not in its JSON. They come last, so that nothing in
// the JSON can pass for them.
func headMembers(v *volume.Volume) any {
	h := v.Choice.Copy.Header
	return struct {
		_         [0]func()
		Version   int    `json:"version"`
		Epoch     uint64 `json:"epoch"`
		UUID      string `json:"uuid"`
		Label     string `json:"label"`
		Subsystem string `json:"subsystem"`
	}{Version: 2, Epoch: h.SeqID, UUID: h.UUID, Label: h.Label, Subsystem: h.Subsystem}
}

// dumpJSON shows the JSON of a LUKS2 header, with further members behind its own; nil for none.
func dumpJSON(c *verb.Command, v *volume.Volume, further any) error {
	if v.Version != 2 {
		return verb.Failure(ui.Failed, "Device %s is LUKS1, which has no JSON metadata.", v.Path)
	}
	whole := v.Metadata().Text()
	if further != nil {
		more, err := json.Marshal(further)
		if err != nil {
			return err
		}
		whole = slices.Concat(bytes.TrimSuffix(bytes.TrimSpace(whole), []byte("}")), []byte(","), more[1:])
	}
	pretty, err := text.Pretty(whole)
	if err != nil {
		return err
	}
	return c.UI.ShowJSON(pretty)
}

func dumpVolumeKey(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: keys.DumpWarning, Silent: true}); err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt: keys.EnterFor(v.Path), Keyslot: keys.AnyOrSlot(c),
		Tokens: keys.TokensNamed,
	})
	if err != nil {
		return err
	}
	defer key.Close()
	return keys.Show(c, text.KeyDump{
		Device: c.Args[0], UUID: v.UUID, Cipher: v.Data.Cipher, DataOffset: v.Data.Offset / 512, Key: key.Bytes(),
	}, c.Opt.VolumeKeyFiles)
}

func dumpUnbound(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	slot, err := v.Keyslot(c.Opt.KeySlot.V)
	if err != nil || !slot.Unbound || v.Version != 2 {
		return verb.Failure(ui.Failed, "Keyslot %d does not contain unbound key.", c.Opt.KeySlot.V)
	}
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: keys.DumpWarning, Silent: true}); err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt: keys.EnterFor(v.Path), Keyslot: slot.ID, Unbound: true,
		Tokens: keys.TokensNamed,
	})
	if err != nil {
		return err
	}
	defer key.Close()
	return keys.Show(c, text.KeyDump{
		Device: c.Args[0], UUID: v.UUID, Unbound: true, Keyslot: slot.ID,
		Key: key.Bytes(),
	}, c.Opt.VolumeKeyFiles)
}

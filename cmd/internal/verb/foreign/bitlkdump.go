// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
)

// BitlkDump declares the verb.
func BitlkDump() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "bitlkDump", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "show BitLocker metadata",
			Takes:   cli.OfPassphrase + "dump-volume-key volume-key-file json",
			About: []string{
				"Shows the metadata of a BitLocker volume: how it is encrypted, what opens it, and where on the " +
					"device lies what. It changes nothing.",
				"With --dump-volume-key the volume key is shown, or put into the file named by " +
					"--volume-key-file: whoever has it can read all data, whatever becomes of the passphrases.",
			},
			Report: bitlkDumpReport(),
			Examples: []cli.Example{
				{What: "Show the metadata:", Line: "orthrus bitlkDump /dev/sdb1"},
				{What: "The same for programs:", Line: "orthrus bitlkDump --json /dev/sdb1"},
			},
			SeeAlso: []string{"open", "check"},
		},
		Run: bitlkDump,
	}
}

// bitlkDump shows the metadata, as text or JSON, or the volume key.
func bitlkDump(ctx context.Context, c *verb.Command) error {
	v, err := LoadBitlk(c)
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case c.Opt.DumpVolumeKey:
		return v.dumpKey(ctx, c)
	case c.Opt.JSON:
		return c.PrintJSON(v.report())
	}
	return c.UI.Show(text.Bitlk(c.Args[0], v.Volume))
}

func (v *Bitlk) dumpKey(ctx context.Context, c *verb.Command) error {
	var key *bitlk.Key
	out, err := keyToShow(ctx, c, "BITLK", func() (err error) {
		key, err = v.Unlock(ctx, c, v.Path)
		return err
	})
	if err != nil {
		return err
	}
	defer key.Close()
	return keys.Show(c, text.KeyDump{
		Format: "BITLK", Device: c.Args[0], UUID: v.GUID.String(), Cipher: v.Method.Cipher(), Key: key.Bytes(),
	}, out)
}

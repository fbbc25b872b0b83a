// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// openRules are those of open, whose forms differ by format.
func openRules(o *openOptions) []cli.Rule {
	return []cli.Rule{
		cli.LinkWithKeyring,
		func(inv *cli.Invocation) string {
			o := &inv.Options
			return cli.Refuse(o.HeaderFromFar && (o.Header.Set || o.Persistent || o.Refresh),
				"Option --header-from-far cannot be combined with --header, --persistent or --refresh.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(o.linkForGuard && (inv.Options.TestPassphrase || inv.IsType(cli.TypePlain)),
				"Option --link-for-guard is for mappings of LUKS volumes.")
		},
		func(inv *cli.Invocation) string { return refuseForForeign(inv, o) },
		func(inv *cli.Invocation) string {
			kind := inv.Options.Type.Or(cli.TypeLuks)
			checked := cli.OpensLUKS(kind) || foreignType(kind) && kind != cli.TypeLoopAES
			return cli.Refuse(inv.Options.TestPassphrase && !checked,
				"Option --test-passphrase is allowed only for open of LUKS, TCRYPT, BITLK and FVAULT2 devices.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.TestPassphrase && inv.Options.Persistent,
				"Option --persistent is not allowed with --test-passphrase.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.TestPassphrase && inv.Options.Refresh,
				"Options --refresh and --test-passphrase are mutually exclusive.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.Shared && !inv.IsType(cli.TypePlain),
				"Option --shared is allowed only for open of plain device.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.Skip.V > 0 && !inv.IsType(cli.TypePlain, cli.TypeLoopAES),
				"Option --skip is supported only for open of plain and loopaes devices.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.Offset.V > 0 && !inv.IsType(cli.TypePlain, cli.TypeLoopAES),
				"Option --offset with open action is only supported for plain and loopaes devices.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.SectorSize.Set && !inv.IsType(cli.TypePlain),
				"Sector size option with open action is supported only for plain devices.")
		},
		func(inv *cli.Invocation) string {
			large := inv.IsType(cli.TypePlain) && inv.Options.SectorSize.V > 512
			return cli.Refuse(inv.Options.Flags&target.IVLargeSectors != 0 && !large,
				"Large IV sectors option is supported only for opening plain type device with sector size larger than 512 bytes.")
		},
		cli.SizeOnce,
		func(inv *cli.Invocation) string {
			return cli.Refuse(inv.Options.Unbound && !inv.Options.TestPassphrase,
				"Option --unbound cannot be used without --test-passphrase.")
		},
		func(inv *cli.Invocation) string {
			return cli.Refuse(len(inv.Options.VolumeKeyFiles) > 1 && len(inv.Options.KeySizes) < 2,
				"Both --volume-key-file options must be paired with respective --key-size options.")
		},
		func(inv *cli.Invocation) string {
			tcrypt := inv.Options.TcryptHidden || inv.Options.TcryptSystem || inv.Options.TcryptBackup
			return cli.Refuse(tcrypt && !inv.IsType(cli.TypeTcrypt),
				"Option --tcrypt-hidden, --tcrypt-system or --tcrypt-backup is supported only for TCRYPT device.")
		},
		func(inv *cli.Invocation) string {
			discards := inv.Options.TcryptHidden && inv.Options.Flags&target.AllowDiscards != 0
			return cli.Refuse(discards, "Option --tcrypt-hidden cannot be combined with --allow-discards.")
		},
		func(inv *cli.Invocation) string {
			veracrypt := inv.Options.Veracrypt || inv.Options.DisableVeracrypt
			return cli.Refuse(veracrypt && !inv.IsType(cli.TypeTcrypt),
				"Option --veracrypt or --disable-veracrypt is supported only for TCRYPT device type.")
		},
		cli.PIMOnce,
	}
}

// openNeeds is what open must know before it starts.
func openNeeds(inv *cli.Invocation) error {
	o := &inv.Options
	kind := o.Type.Or(cli.TypeLuks)
	switch {
	case len(inv.Args) < 2 && !o.TestPassphrase && !o.Refresh:
		return &cli.MissingError{Reason: "Command requires device and mapped name as arguments."}
	case kind != cli.TypePlain && !cli.OpensLUKS(kind) && !foreignType(kind):
		return cli.UnknownType(kind)
	}
	return nil
}

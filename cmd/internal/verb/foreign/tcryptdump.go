// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
)

// TcryptDump declares the verb.
func TcryptDump() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "tcryptDump", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "show the header of a TrueCrypt or VeraCrypt volume",
			Takes: cli.OfHeader + cli.OfPassphrase + "cipher disable-veracrypt dump-volume-key hash json " +
				"tcrypt-backup tcrypt-hidden tcrypt-system tries veracrypt-pim veracrypt-query-pim",
			AnyKeyFiles: true,
			Rules:       []cli.Rule{cli.PIMOnce},
			About: []string{
				"Shows what the header of a TrueCrypt or VeraCrypt volume says, which the passphrase decrypts first: " +
					"nothing marks such a volume, and a wrong passphrase and a device that is none look alike. It " +
					"changes nothing, and needs no root where the device or file can be read.",
				"--key-file names key files as these programs have them, any number, beside the passphrase. " +
					"--tcrypt-hidden looks for the header of a hidden volume, --tcrypt-backup for the copy at the " +
					"end, --tcrypt-system for that of an encrypted system. --hash and --cipher shorten the search.",
				"With --dump-volume-key the volume key is shown: whoever has it can read all data, whatever becomes " +
					"of the passphrase.",
			},
			Report: tcryptDumpReport(),
			Examples: []cli.Example{
				{What: "Show the header:", Line: "orthrus tcryptDump container.hc"},
				{What: "That of a hidden volume:", Line: "orthrus tcryptDump --tcrypt-hidden container.hc"},
			},
			Exits: []cli.Exit{
				{Code: 2, Means: "The passphrase is wrong, or the device is no such volume."},
			},
			SeeAlso: []string{"open"},
		},
		Run: tcryptDump,
	}
}

// tcryptWarning is what somebody agrees to who wants to see a volume key.
const tcryptWarning = "Header dump with volume key is sensitive information\n" +
	"which allows access to encrypted partition without passphrase.\n" +
	"This dump should be always stored encrypted on safe place."

// tcryptDump shows the header, as text or JSON, or the volume key.
func tcryptDump(ctx context.Context, c *verb.Command) error {
	if c.Opt.DumpVolumeKey {
		if err := c.UI.Confirm(ctx, ui.Confirmation{Text: tcryptWarning, Silent: true}); err != nil {
			return err
		}
	}
	t, err := ReadTcrypt(c)
	if err != nil {
		return err
	}
	v, err := t.Unlock(ctx, c, t.Path)
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case c.Opt.DumpVolumeKey:
		return t.dumpKey(c, v)
	case c.Opt.JSON:
		return c.PrintJSON(t.report(v))
	}
	return c.UI.Show(text.Tcrypt(c.Args[0], v))
}

func (t *Tcrypt) dumpKey(c *verb.Command, v *tcrypt.Volume) error {
	key, err := v.VolumeKey()
	if err != nil {
		return err
	}
	defer key.Close()
	s, err := v.Segment(t.Size)
	if err != nil {
		s.Offset = v.Start / 512 // of data that does not fit this device
	}
	return keys.Show(c, text.KeyDump{
		Format: "TCRYPT", Device: c.Args[0], Cipher: v.Chain.Mode, Chain: v.Chain.Ciphers, DataOffset: s.Offset,
		Key: key.Bytes(),
	}, nil)
}

// tcryptReport is what tcryptDump --json prints; sizes and offsets in bytes.
type tcryptReport struct {
	Format     string   `json:"format"`
	Version    uint16   `json:"version"`
	Program    string   `json:"program"`
	Flags      uint32   `json:"flags"`
	SectorSize uint32   `json:"sector_size"`
	HeaderAt   uint64   `json:"header_offset"`
	Hidden     bool     `json:"hidden"`
	System     bool     `json:"system"`
	Start      uint64   `json:"key_offset"`
	VolumeSize uint64   `json:"volume_size"`
	HiddenSize uint64   `json:"hidden_size"`
	PBKDF      string   `json:"pbkdf"`
	Hash       string   `json:"hash,omitempty"`
	Ciphers    []string `json:"ciphers"`
	Mode       string   `json:"mode"`
	KeyBits    int      `json:"key_bits"`
	Mappable   bool     `json:"mappable"`
}

func (t *Tcrypt) report(v *tcrypt.Volume) tcryptReport {
	r := tcryptReport{
		Format: "truecrypt", Version: v.Version, Program: text.TcryptProgram(v), Flags: v.Flags,
		SectorSize: v.SectorSize, HeaderAt: v.Place.Offset, Hidden: v.Place.Hidden, System: v.Place.System,
		Start: v.Start, VolumeSize: v.VolumeSize, HiddenSize: v.HiddenSize,
		PBKDF: "pbkdf2", Hash: v.Derivation.Hash, Ciphers: v.Chain.List(), Mode: v.Chain.Mode,
		KeyBits: v.Chain.Bits(), Mappable: v.Chain.Mappable() == nil,
	}
	if v.VeraCrypt {
		r.Format = "veracrypt"
	}
	if v.Derivation.Argon2() {
		r.PBKDF, r.Hash = v.Derivation.Hash, ""
	}
	return r
}

// tcryptDumpReport describes what tcryptDump --json prints.
func tcryptDumpReport() cli.Report {
	return cli.Report{
		Of: tcryptReport{},
		Fields: []cli.Field{
			{Path: "format", Type: "string", About: "truecrypt or veracrypt"},
			{Path: "version", Type: "integer", About: "of the header"},
			{Path: "program", Type: "string", About: "least version of the program, such as 1.b"},
			{Path: "flags", Type: "integer", About: "1 system, 2 encrypted in place"},
			{Path: "sector_size", Type: "integer", About: "that the volume was made for, bytes"},
			{Path: "header_offset", Type: "integer", About: "where the header lies, bytes"},
			{Path: "hidden", Type: "boolean", About: "it is a hidden volume"},
			{Path: "system", Type: "boolean", About: "it is an encrypted system"},
			{Path: "key_offset", Type: "integer", About: "where the encrypted area begins, bytes"},
			{Path: "volume_size", Type: "integer", About: "bytes; 0 where the header does not tell"},
			{Path: "hidden_size", Type: "integer", About: "of a hidden volume, bytes; else 0"},
			{Path: "pbkdf", Type: "string", About: "pbkdf2 or argon2id"},
			{Path: "hash", Type: "string", About: "of pbkdf2; else absent"},
			{Path: "ciphers", Type: "list of string", About: "the outermost first"},
			{Path: "mode", Type: "string", About: "as dm-crypt calls it"},
			{Path: "key_bits", Type: "integer", About: "of all keys together"},
			{Path: "mappable", Type: "boolean", About: "a kernel can map it"},
		},
	}
}

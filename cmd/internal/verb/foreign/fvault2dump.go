// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"encoding/hex"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
)

// FVault2Dump declares the verb.
func FVault2Dump() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "fvault2Dump", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "show FileVault 2 metadata",
			Takes:   cli.OfPassphrase + "dump-volume-key volume-key-file json",
			About: []string{
				"Shows the metadata of a FileVault 2 volume on Core Storage: where the data lies, and what derives " +
					"its key. It changes nothing.",
				"With --dump-volume-key the volume key is shown, too, and put into the file named by " +
					"--volume-key-file: whoever has it can read all data, whatever becomes of the passphrases.",
			},
			Report: fvault2DumpReport(),
			Examples: []cli.Example{
				{What: "Show the metadata:", Line: "orthrus fvault2Dump /dev/sdb2"},
				{What: "The same for programs:", Line: "orthrus fvault2Dump --json /dev/sdb2"},
			},
			SeeAlso: []string{"open", "check"},
		},
		Run: fvault2Dump,
	}
}

// fvault2Dump shows the metadata, as text or JSON, and the volume key where it is asked for.
func fvault2Dump(ctx context.Context, c *verb.Command) error {
	v, err := LoadFVault2(c)
	if err != nil {
		return err
	}
	switch {
	case c.Opt.DumpVolumeKey:
		return v.dumpKey(ctx, c)
	case c.Opt.JSON:
		return c.PrintJSON(v.report())
	}
	return c.UI.Show(text.FVault2(c.Args[0], v.Volume))
}

func (v *FVault2) dumpKey(ctx context.Context, c *verb.Command) error {
	var key *secret.Buffer
	out, err := keyToShow(ctx, c, "FVAULT2", func() (err error) {
		key, err = v.Unlock(ctx, c, v.Path)
		return err
	})
	if err != nil {
		return err
	}
	defer key.Close()
	return keys.Show(c, text.KeyDump{Whole: text.FVault2(c.Args[0], v.Volume), Key: key.Bytes()}, out)
}

// fvault2Report is what fvault2Dump --json prints; sizes and offsets in bytes.
type fvault2Report struct {
	UUID       string        `json:"uuid"`
	Group      string        `json:"group"`
	Family     string        `json:"family"`
	BlockSize  uint64        `json:"block_size"`
	Offset     uint64        `json:"data_offset"`
	Size       uint64        `json:"volume_size"`
	DeviceSize uint64        `json:"device_size"`
	Cipher     string        `json:"cipher"`
	KeyBits    int           `json:"key_bits"`
	Conversion string        `json:"conversion,omitempty"`
	Chosen     uint64        `json:"chosen"`
	Copies     []FVault2Copy `json:"copies"`
	Users      []fvault2User `json:"users"`
}

// FVault2Copy is what a report says of a copy of the header, which has no transaction, or of the metadata.
type FVault2Copy struct {
	Offset      uint64 `json:"offset"`
	State       string `json:"state"`
	Transaction uint64 `json:"transaction"`
	Why         string `json:"why,omitempty"`
}

type fvault2User struct {
	Iterations uint32 `json:"iterations"`
	Salt       string `json:"salt"`
}

// FVault2Copies lists both headers and all labels.
func FVault2Copies(c *fvault2.Copies) (list []FVault2Copy) {
	for _, f := range c.Found {
		one := FVault2Copy{Offset: f.Offset, State: f.State.String()}
		if f.Metadata != nil {
			one.Transaction = f.Metadata.Transaction
		}
		if f.Err != nil {
			one.Why = f.Err.Error()
		}
		list = append(list, one)
	}
	return list
}

func (v *FVault2) report() *fvault2Report {
	r := &fvault2Report{
		UUID: uuid.Format(v.UUID), Group: uuid.Format(v.Group), Family: uuid.Format(v.Family), BlockSize: v.BlockSize,
		Offset: v.DataOffset, Size: v.DataSize, DeviceSize: v.Device, Cipher: fvault2.Cipher,
		KeyBits: fvault2.KeySize * 8, Conversion: v.Conversion, Chosen: v.Found[v.Chosen].Offset,
		Copies: FVault2Copies(v.Copies),
	}
	for _, u := range v.Users {
		r.Users = append(r.Users, fvault2User{u.Iterations, hex.EncodeToString(u.Salt)})
	}
	return r
}

// fvault2DumpReport describes what fvault2Dump --json prints.
func fvault2DumpReport() cli.Report {
	return cli.Report{
		Of: fvault2Report{},
		Fields: []cli.Field{
			{Path: "uuid", Type: "string", About: "of the physical volume"},
			{Path: "group", Type: "string", About: "of the volume group"},
			{Path: "family", Type: "string", About: "of the logical volume's family"},
			{Path: "block_size", Type: "integer", About: "bytes"},
			{Path: "data_offset", Type: "integer", About: "on the device, bytes"},
			{Path: "volume_size", Type: "integer", About: "bytes"},
			{Path: "device_size", Type: "integer", About: "bytes"},
			{Path: "cipher", Type: "string", About: "as dm-crypt calls it"},
			{Path: "key_bits", Type: "integer", About: "length of the volume key"},
			{Path: "conversion", Type: "string", About: "Complete, or what is under way; may be absent"},
			{Path: "chosen", Type: "integer", About: "offset of the copy of the metadata in use, bytes"},
			{Path: "copies", Type: "list of object", About: "two of the header, then those of the metadata"},
			{Path: "copies[].offset", Type: "integer", About: "bytes"},
			{Path: "copies[].state", Type: "string", About: "valid, damaged, unreadable or absent"},
			{Path: "copies[].transaction", Type: "integer", About: "rises with every change; 0 of a header"},
			{Path: "copies[].why", Type: "string", About: "what is wrong with it; may be absent"},
			{Path: "users", Type: "list of object", About: "whose passphrases open the volume"},
			{Path: "users[].iterations", Type: "integer", About: "of PBKDF2"},
			{Path: "users[].salt", Type: "string", About: "hexadecimal"},
		},
	}
}

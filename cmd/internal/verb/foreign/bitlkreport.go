// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// bitlkReport is what bitlkDump --json prints; sizes and offsets in bytes.
type bitlkReport struct {
	GUID           string           `json:"guid"`
	ToGo           bool             `json:"to_go"`
	EncryptOnWrite bool             `json:"encrypt_on_write"`
	SectorSize     int              `json:"sector_size"`
	VolumeSize     uint64           `json:"volume_size"`
	DeviceSize     uint64           `json:"device_size"`
	State          int              `json:"state"`
	NextState      int              `json:"next_state"`
	Created        string           `json:"created"`
	Description    string           `json:"description,omitempty"`
	Cipher         string           `json:"cipher,omitempty"`
	KeyBits        int              `json:"key_bits"`
	Chosen         int              `json:"chosen"`
	Because        string           `json:"chosen_because"`
	Copies         []BitlkCopy      `json:"copies"`
	Protectors     []bitlkProtector `json:"protectors"`
	Segments       []bitlkSegment   `json:"segments"`
}

// BitlkCopy is what a report says of a copy of the metadata.
type BitlkCopy struct {
	Offset    uint64 `json:"offset"`
	State     string `json:"state"`
	NextNonce uint32 `json:"next_nonce"`
	Why       string `json:"why,omitempty"`
}

type bitlkProtector struct {
	GUID       string `json:"guid"`
	Protection string `json:"protection"`
	Name       string `json:"name,omitempty"`
}

type bitlkSegment struct {
	Offset uint64 `json:"offset"`
	Size   uint64 `json:"size"`
	From   uint64 `json:"device_offset"`
	Zero   bool   `json:"zero"`
}

// BitlkCopies lists all three.
func BitlkCopies(c *bitlk.Copies) (list []BitlkCopy) {
	for i := range c.Found {
		f := &c.Found[i]
		one := BitlkCopy{Offset: f.Offset, State: f.State.String()}
		if f.State == header.Valid {
			one.NextNonce = f.Block.NextNonce
		}
		if f.Err != nil {
			one.Why = f.Err.Error()
		}
		list = append(list, one)
	}
	return list
}

func (v *Bitlk) report() bitlkReport {
	r := bitlkReport{
		GUID: v.GUID.String(), ToGo: v.Boot.ToGo, EncryptOnWrite: v.Boot.OnWrite, SectorSize: v.Boot.SectorSize,
		VolumeSize: v.Encrypted, DeviceSize: v.Size, State: int(v.Present), NextState: int(v.Next),
		Created: v.Created.UTC().Format(time.RFC3339), Description: v.Description, Cipher: v.Method.Cipher(),
		KeyBits: v.Method.KeySize() * 8, Chosen: v.Index, Because: v.Reason.String(), Copies: BitlkCopies(v.Copies),
		Protectors: []bitlkProtector{},
	}
	for _, m := range v.VMKs {
		r.Protectors = append(r.Protectors, bitlkProtector{m.GUID.String(), m.Protection.String(), m.Name})
	}
	for _, p := range v.Pieces() {
		r.Segments = append(r.Segments, bitlkSegment{p.Offset, p.Size, p.From, p.Zero})
	}
	return r
}

// bitlkDumpReport describes what bitlkDump --json prints.
func bitlkDumpReport() cli.Report {
	return cli.Report{
		Of: bitlkReport{},
		Fields: []cli.Field{
			{Path: "guid", Type: "string", About: "of the volume"},
			{Path: "to_go", Type: "boolean", About: "made as a removable disk"},
			{Path: "encrypt_on_write", Type: "boolean", About: "being encrypted as it is written"},
			{Path: "sector_size", Type: "integer", About: "bytes"},
			{Path: "volume_size", Type: "integer", About: "what counts as encrypted, bytes"},
			{Path: "device_size", Type: "integer", About: "bytes"},
			{Path: "state", Type: "integer", About: "4 is encrypted"},
			{Path: "next_state", Type: "integer", About: "the same unless a conversion is under way"},
			{Path: "created", Type: "string", About: "time of creation (RFC 3339)"},
			{Path: "description", Type: "string", About: "may be absent"},
			{Path: "cipher", Type: "string", About: "as dm-crypt calls it; absent for one that is not known"},
			{Path: "key_bits", Type: "integer", About: "length of the volume key"},
			{Path: "chosen", Type: "integer", About: "the copy in use, from 0"},
			{Path: "chosen_because", Type: "string", About: "why"},
			{Path: "copies", Type: "list of object", About: "of the metadata"},
			{Path: "copies[].offset", Type: "integer", About: "bytes"},
			{Path: "copies[].state", Type: "string", About: "valid, damaged, unreadable or absent"},
			{Path: "copies[].next_nonce", Type: "integer", About: "rises with every change"},
			{Path: "copies[].why", Type: "string", About: "what is wrong with it; may be absent"},
			{Path: "protectors", Type: "list of object", About: "what opens the volume"},
			{Path: "protectors[].guid", Type: "string", About: "as Windows shows it"},
			{Path: "protectors[].protection", Type: "string", About: "what it takes; empty where that is not known"},
			{Path: "protectors[].name", Type: "string", About: "may be absent"},
			{Path: "segments", Type: "list of object", About: "of the mapping, in its order"},
			{Path: "segments[].offset", Type: "integer", About: "in the mapping, bytes"},
			{Path: "segments[].size", Type: "integer", About: "bytes"},
			{Path: "segments[].device_offset", Type: "integer", About: "on the device, bytes"},
			{Path: "segments[].zero", Type: "boolean", About: "it reads as zeros"},
		},
	}
}

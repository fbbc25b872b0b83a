// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/authentic"
	"github.com/orthrus-luks/orthrus/luks/foreign/loopaes"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// Status declares the verb.
func Status() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "status", Group: cli.GroupMapping, Args: "<name>", MinArgs: 1,
			Summary: "report on a mapping",
			Takes:   "header json",
			About: []string{
				"Shows the mapping as the kernel has it. A mapping that is not there is reported as inactive, " +
					"with exit status 4.",
			},
			Report: cli.Report{
				Of: statusJSON{},
				Fields: []cli.Field{
					{Path: "name", Type: "string", About: "of the mapping"},
					{Path: "active", Type: "boolean", About: "with false the exit status is 4"},
					{Path: "in_use", Type: "boolean", About: "something has the mapping open"},
					{Path: "suspended", Type: "boolean", About: "reads and writes are held"},
					{Path: "read_only", Type: "boolean", About: "writes are refused"},
					{Path: "type", Type: "string", About: "LUKS1, LUKS2, PLAIN, BITLK, TCRYPT, " +
						"LOOPAES or FVAULT2; absent for mappings of others and where the header is elsewhere"},
					{Path: "cipher", Type: "string", About: "such as aes-xts-plain64; may be absent"},
					{Path: "key_bits", Type: "integer", About: "length of the key; may be absent"},
					{Path: "key_location", Type: "string", About: "keyring or dm-crypt; may be absent"},
					{Path: "integrity", Type: "string", About: "such as aead; may be absent"},
					{Path: "integrity_key_bits", Type: "integer", About: "of its key; may be absent"},
					{Path: "integrity_tag_size", Type: "integer", About: "of a sector's tag, bytes; may be absent"},
					{Path: "device", Type: "string", About: "path of the data device; may be absent"},
					{Path: "loop", Type: "string", About: "file behind a loop device; may be absent"},
					{Path: "sector_size", Type: "integer", About: "bytes that are encrypted as one unit; may be " +
						"absent"},
					{Path: "offset", Type: "integer", About: "where the data starts on the device, bytes"},
					{Path: "size", Type: "integer", About: "of the mapping, bytes"},
					{Path: "flags", Type: "list of string", About: "activation flags"},
					{Path: "reencryption", Type: "string", About: "in-progress where one is under way; may be absent"},
					{Path: "reencryption_stands", Type: "string", About: "clean, hot, concluded or foreign, and why; " +
						"may be absent"},
				},
			},
			Examples: []cli.Example{
				{What: "Look at a mapping:", Line: "orthrus status data"},
				{What: "The same for programs:", Line: "orthrus status --json data"},
			},
			Exits: []cli.Exit{
				{Code: 4, Means: "There is no such mapping."},
			},
			SeeAlso: []string{"open", "close"},
		},
		Run: status,
	}
}

// status shows a mapping as the kernel has it; the header is read only where --header names it.
func status(ctx context.Context, c *verb.Command) error {
	arg := c.Args[0]
	name := mapped.MappingName(arg)
	s := text.Status{Path: "/dev/mapper/" + name}
	if strings.Contains(arg, "/") {
		s.Path = arg
	}
	err := fillStatus(ctx, c, arg, name, &s)
	var inactive *verb.Notice
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName), errors.As(err, &inactive):
	case errors.Is(err, dm.ErrNoDeviceMapper):
		return ui.WithCode(err, ui.Failed)
	case err != nil:
		return err
	}
	if c.Opt.JSON {
		if err := c.PrintJSON(statusReport(name, s)); err != nil {
			return err
		}
	} else if err := c.UI.Show(s.Text()); err != nil {
		return err
	}
	if !s.Active {
		return verb.Silent(ui.NoDevice)
	}
	return nil
}

func fillStatus(ctx context.Context, c *verb.Command, arg, name string, s *text.Status) error {
	control, err := mapped.Mapper(c, arg)
	if err != nil {
		return err
	}
	defer control.Close()
	table, info, err := control.Table(name, dm.Active)
	if err != nil {
		return err
	}
	defer table.Close()
	s.Active, s.InUse = true, info.OpenCount > 0
	s.Suspended, s.ReadOnly = info.Suspended, info.ReadOnly
	s.Type = mapped.MappingType(info.UUID)
	if c.Opt.Header.Set {
		if err = fromHeader(ctx, c, s); err != nil {
			return err
		}
	}
	crypt, tags := lowest(table), (*target.Integrity)(nil)
	if crypt != nil {
		tags = activate.TagsOf(control, name, crypt)
	}
	ask := !c.Opt.Header.Set && s.Type != "" && !headerless(s.Type)
	if ask && fromDevice(ctx, c, s, place(table, tags), info.UUID) {
		s.Type = ""
	}
	if crypt != nil {
		describeCrypt(s, crypt)
		describeTags(s, crypt, tags)
		s.Size = table.Sectors()
		if s.Type == activate.Tcrypt {
			describeCascade(s, mapped.Below(control, name, crypt))
		}
	}
	return nil
}

// lowest is the line of crypt that begins first on the device; a volume of others may have several. nil for none.
func lowest(table dm.Table) (first *target.Crypt) {
	for _, line := range table {
		if crypt, ok := line.(*target.Crypt); ok && (first == nil || crypt.Offset < first.Offset) {
			first = crypt
		}
	}
	return first
}

// fromHeader fills in what the header tells that --header names.
func fromHeader(ctx context.Context, c *verb.Command, s *text.Status) error {
	v, err := volume.Load(ctx, c, volume.Report)
	if err != nil {
		return err
	}
	defer v.Close()
	s.Type = fmt.Sprintf("LUKS%d", v.Version)
	describeReencryption(c, s, v.Volume)
	return nil
}

// describeReencryption says that one is under way, and under our own name where it stands.
func describeReencryption(c *verb.Command, s *text.Status, v *luks.Volume) {
	verdict := reencrypt.Judge(v.Heads, v.Choice)
	if verdict.State == reencrypt.None {
		return
	}
	s.Reencrypts = "in-progress"
	if c.UI.Own {
		s.Stands = fmt.Sprintf("%s: %s", verdict.State, verdict.Reason)
	}
}

// place is where the data lie, below the layer of tags; nil for what does not begin with a line of crypt.
func place(table dm.Table, tags *target.Integrity) *target.Linear {
	crypt, ok := table[0].(*target.Crypt)
	switch {
	case !ok:
		return nil
	case tags != nil:
		return &target.Linear{Device: tags.Device, Offset: tags.Offset}
	}
	return &target.Linear{Device: crypt.Device, Offset: crypt.Offset}
}

// describeTags says what authenticates the sectors, in the words of the header, and names the device below.
func describeTags(s *text.Status, crypt *target.Crypt, tags *target.Integrity) {
	if crypt.IntegrityTag == 0 {
		return
	}
	s.Integrity, s.TagSize = crypt.IntegrityKind, crypt.IntegrityTag
	if cipher, kind, ok := authentic.Parse(crypt.Cipher, crypt.IntegrityKind); ok {
		s.Cipher, s.Integrity = cipher, kind
		if scheme, err := authentic.Of(cipher, kind, int(crypt.IntegrityKeySize)); err == nil {
			s.MACBits = scheme.MACKey * 8
		}
	}
	if tags != nil {
		onDevice(s, tags.Device)
	}
}

// fromDevice fills in what the header on the data device tells. It is true where the device bears no header, which
// then lies elsewhere.
func fromDevice(ctx context.Context, c *verb.Command, s *text.Status, at *target.Linear, uuid string) bool {
	if at == nil || at.Offset == 0 {
		return at != nil
	}
	file, err := luks.OpenDevice(mapped.DevicePath(at.Device), luks.DeviceOptions{NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return false // nobody knows
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil || !strings.Contains(uuid, strings.ReplaceAll(v.UUID, "-", "")) {
		return true
	}
	describeReencryption(c, s, v)
	return false
}

func describeCrypt(s *text.Status, crypt *target.Crypt) {
	s.Cipher, s.Keyring = crypt.Cipher, crypt.Key.Ring != nil
	s.KeyBits = loopaes.KeySize(crypt.Cipher, crypt.Key.Size()) * 8
	s.SectorSize = max(crypt.SectorSize, 512)
	s.Offset = crypt.Offset
	if headerless(s.Type) {
		s.Skipped = crypt.IVOffset
	}
	onDevice(s, crypt.Device)
	for _, f := range crypt.Flags.List() {
		if f.Status != "" {
			s.Flags = append(s.Flags, f.Status)
		}
	}
}

// headerless: nothing on the device is read for the status of such a mapping.
func headerless(kind string) bool {
	return slices.Contains([]string{
		activate.Plain, activate.Bitlk, activate.Tcrypt, activate.LoopAES, activate.FVault2,
	}, kind)
}

func onDevice(s *text.Status, number string) {
	s.Device = mapped.DevicePath(number)
	if file, err := block.LoopBacking(s.Device); err == nil {
		s.Loop = file
	}
}

// describeCascade adds what lies below: the ciphers, their keys, and the device of the data.
func describeCascade(s *text.Status, below []mapped.Level) {
	if len(below) == 0 {
		return
	}
	ciphers, mode, _ := strings.Cut(s.Cipher, "-")
	for _, level := range below {
		one, _, _ := strings.Cut(level.Cipher, "-")
		ciphers += "-" + one
		s.KeyBits += level.KeyBits
	}
	s.Cipher = ciphers + "-" + mode
	lowest := below[len(below)-1]
	s.Offset = lowest.Offset
	onDevice(s, lowest.Device)
}

// statusJSON is the report of status --json; sizes in bytes.
type statusJSON struct {
	Name             string `json:"name"`
	Active           bool   `json:"active"`
	InUse            bool   `json:"in_use"`
	Suspended        bool   `json:"suspended"`
	ReadOnly         bool   `json:"read_only"`
	Type             string `json:"type,omitempty"`
	Cipher           string `json:"cipher,omitempty"`
	KeyBits          int    `json:"key_bits,omitempty"`
	KeyLocation      string `json:"key_location,omitempty"`
	Integrity        string `json:"integrity,omitempty"`
	IntegrityKeyBits int    `json:"integrity_key_bits,omitempty"`
	IntegrityTagSize uint32 `json:"integrity_tag_size,omitempty"`

	Device     string   `json:"device,omitempty"`
	Loop       string   `json:"loop,omitempty"`
	SectorSize uint32   `json:"sector_size,omitempty"`
	Offset     uint64   `json:"offset"`
	Size       uint64   `json:"size"`
	Flags      []string `json:"flags"`

	Reencryption string `json:"reencryption,omitempty"`
	Stands       string `json:"reencryption_stands,omitempty"`
}

func statusReport(name string, s text.Status) statusJSON {
	r := statusJSON{
		Name: name, Active: s.Active, InUse: s.InUse, Suspended: s.Suspended, ReadOnly: s.ReadOnly, Type: s.Type,
		Integrity: s.Integrity, IntegrityKeyBits: s.MACBits, IntegrityTagSize: s.TagSize,
		Reencryption: s.Reencrypts, Stands: s.Stands,
		Cipher: s.Cipher, KeyBits: s.KeyBits, Device: s.Device, Loop: s.Loop, SectorSize: s.SectorSize,
		Offset: s.Offset * 512, Size: s.Size * 512, Flags: append([]string{}, s.Flags...),
	}
	if s.Active {
		r.KeyLocation = "dm-crypt"
		if s.Keyring {
			r.KeyLocation = "keyring"
		}
	}
	return r
}

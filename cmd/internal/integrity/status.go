// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// state is what status reports.
type state struct {
	Name          string   `json:"name"`
	Active        bool     `json:"active"`
	InUse         bool     `json:"in_use,omitempty"`
	Type          string   `json:"type,omitempty"`
	TagSize       uint32   `json:"tag_size,omitempty"` // bytes
	Hash          string   `json:"integrity,omitempty"`
	Device        string   `json:"device,omitempty"` // of the data
	Loop          string   `json:"loop,omitempty"`
	Meta          string   `json:"metadata_device,omitempty"`
	MetaLoop      string   `json:"metadata_loop,omitempty"`
	BlockSize     uint32   `json:"sector_size,omitempty"`        // bytes
	Interleave    uint32   `json:"interleave_sectors,omitempty"` // 512-byte units, as all sectors
	Sectors       uint64   `json:"sectors,omitempty"`
	ReadOnly      bool     `json:"read_only,omitempty"`
	Mode          string   `json:"mode,omitempty"` // journal, bitmap, direct, recovery or inline
	Failures      uint64   `json:"failures"`
	Recalculated  *uint64  `json:"recalculated_sector,omitempty"` // while the kernel recalculates
	SectorsPerBit uint64   `json:"bitmap_sectors_per_bit,omitempty"`
	FlushInterval uint32   `json:"bitmap_flush_interval,omitempty"` // milliseconds
	JournalSize   uint64   `json:"journal_size,omitempty"`          // bytes
	Watermark     uint32   `json:"journal_watermark,omitempty"`     // percent
	CommitTime    uint32   `json:"journal_commit_time,omitempty"`   // milliseconds
	JournalMAC    string   `json:"journal_integrity,omitempty"`
	JournalCrypt  string   `json:"journal_encryption,omitempty"`
	Flags         []string `json:"flags,omitempty"`
}

// modes are the words of the letters that a table has.
func modes(letter byte) string {
	return map[byte]string{'J': "journal", 'B': "bitmap", 'D': "direct", 'R': "recovery", 'I': "inline"}[letter]
}

// statusOfMapping shows a mapping as the kernel has it.
func (r *run) statusOfMapping() error {
	control, err := setup.Control()
	if err != nil {
		return err
	}
	defer control.Close()
	s := &state{Name: setup.Name(r.args[0])}
	if err := s.fill(control); err != nil {
		return err
	}
	if r.json {
		err = setup.JSON(r.ui.Out, s)
	} else {
		_, err = fmt.Fprint(r.ui.Out, s.text())
	}
	if err == nil && !s.Active {
		return setup.Silent(ui.NoDevice)
	}
	return err
}

func (s *state) fill(control *dm.Control) error {
	table, info, err := control.Table(s.Name, dm.Active)
	if errors.Is(err, dm.ErrNotFound) || errors.Is(err, dm.ErrName) {
		return nil
	}
	if err != nil {
		return err
	}
	defer table.Close()
	s.Active, s.InUse, s.ReadOnly = true, info.OpenCount > 0, info.ReadOnly
	if len(table) != 1 || table[0].Type() != "integrity" {
		return setup.Failure(ui.Failed, "Device %s is not a dm-integrity mapping.", s.Name)
	}
	s.Type = "n/a"
	if strings.HasPrefix(info.UUID, uuidPrefix) {
		s.Type = "INTEGRITY"
	}
	s.describe(table[0].(*target.Integrity))
	states, _, err := control.TableStatus(s.Name, true)
	if err != nil || len(states) != 1 {
		return err
	}
	counted, err := target.ParseIntegrityStatus([]byte(states[0].Text))
	if err == nil && counted.Recalculating {
		s.Recalculated = &counted.Recalculated
	}
	s.Failures = counted.Mismatches
	return err
}

func (s *state) describe(t *target.Integrity) {
	s.TagSize, s.Hash, s.Sectors, s.Mode = t.TagSize, t.InternalHash.Algorithm, t.Length, modes(t.Mode)
	s.Device, s.Loop = block.Node(t.Device)
	if t.MetaDevice != "" {
		s.Meta, s.MetaLoop = block.Node(t.MetaDevice)
	}
	s.BlockSize = max(t.BlockSize, 512)
	s.Interleave = t.InterleaveSectors
	switch t.Mode {
	case 'B':
		s.SectorsPerBit, s.FlushInterval = t.SectorsPerBit, t.BitmapFlushInterval
	case 'J', 'R': // a table in recovery mode has no watermark and no time
		s.JournalSize, s.Watermark = uint64(t.JournalSectors)*512, t.JournalWatermark
		s.CommitTime = t.CommitTime
		s.JournalMAC, s.JournalCrypt = t.JournalMAC.Algorithm, t.JournalCrypt.Algorithm
	}
	if t.Flags&target.IntegrityDiscards != 0 {
		s.Flags = append(s.Flags, "discards")
	}
}

// text is what integritysetup prints.
func (s *state) text() string {
	path := "/dev/mapper/" + s.Name
	if !s.Active {
		return path + " is inactive.\n"
	}
	var b strings.Builder
	use := ""
	if s.InUse {
		use = " and is in use"
	}
	fmt.Fprintf(&b, "%s is active%s.\n", path, use)
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	line("type:    %s", s.Type)
	line("tag size: %d [bytes]", s.TagSize)
	line("integrity: %s", printableHash(s.Hash))
	detached := ""
	if s.Meta != "" {
		detached = " (detached)"
	}
	line("device:  %s%s", s.Device, detached)
	optional(line, "loop:    %s", s.Loop)
	optional(line, "metadata device:  %s", s.Meta)
	optional(line, "loop:    %s", s.MetaLoop)
	line("sector size:  %d [bytes]", s.BlockSize)
	line("interleave sectors: %d", s.Interleave)
	line("size:    %s", sectors(s.Sectors))
	line("mode:    %s", s.modeText())
	line("failures: %d", s.Failures)
	s.journalText(line)
	if len(s.Flags) > 0 {
		line("flags: %s ", strings.Join(s.Flags, " "))
	}
	return b.String()
}

func optional(line func(string, ...any), format, value string) {
	if value != "" {
		line(format, value)
	}
}

// printableHash is what a table without an internal hash is shown as.
func printableHash(name string) string {
	if name == "" {
		return "(none)"
	}
	return name
}

func (s *state) modeText() string {
	text := "read/write"
	if s.ReadOnly {
		text = "readonly"
	}
	if s.Mode == "recovery" {
		text += " recovery"
	}
	return text
}

func (s *state) journalText(line func(string, ...any)) {
	switch s.Mode {
	case "inline":
		line("inline mode")
		return
	case "bitmap":
		line("bitmap 512-byte sectors per bit: %d", s.SectorsPerBit)
		line("bitmap flush interval: %d [ms]", s.FlushInterval)
	case "journal", "recovery":
		line("journal size: %d [bytes]", s.JournalSize)
		line("journal watermark: %d%%", s.Watermark)
		line("journal commit time: %d [ms]", s.CommitTime)
		optional(line, "journal integrity MAC: %s", s.JournalMAC)
		optional(line, "journal encryption: %s", s.JournalCrypt)
		return
	}
	line("journal: not active")
}

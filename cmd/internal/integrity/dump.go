// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// header is what dump reports.
type header struct {
	Device           string   `json:"device"`
	Version          uint8    `json:"version"`
	TagSize          uint16   `json:"tag_size"`                      // bytes
	BlockSize        int      `json:"sector_size"`                   // bytes
	Provided         uint64   `json:"data_sectors"`                  // 512-byte units
	Recalculated     *uint64  `json:"recalculated_sector,omitempty"` // 512-byte units
	JournalSections  uint32   `json:"journal_sections"`
	JournalSectors   uint64   `json:"journal_sectors"` // 512-byte units
	Log2Interleave   uint8    `json:"log2_interleave_sectors"`
	Log2BlocksPerBit uint8    `json:"log2_blocks_per_bitmap"`
	Flags            []string `json:"flags"`
	Salt             string   `json:"salt,omitempty"`
}

// dumpDevice shows what a superblock says.
func (r *run) dumpDevice() error {
	d, err := openDevice(r.args[0], 0)
	if err != nil {
		return err
	}
	defer d.Close()
	sb, err := r.superblock(d)
	if err != nil {
		return err
	}
	l, err := sb.Layout(0)
	if err != nil {
		return explainField(err, r.args[0])
	}
	h := headerOf(r.args[0], l)
	if r.json {
		return setup.JSON(r.ui.Out, h)
	}
	_, err = fmt.Fprint(r.ui.Out, h.text())
	return err
}

func headerOf(device string, l *integrity.Layout) *header {
	h := &header{
		Device: device, Version: l.Version, TagSize: l.TagSize, BlockSize: l.BlockSize(),
		Provided: l.ProvidedSectors, JournalSections: l.JournalSections, JournalSectors: l.JournalSectors(),
		Log2Interleave: l.Log2Interleave, Log2BlocksPerBit: l.Log2BlocksPerBit, Flags: l.Flags.Names(),
	}
	if l.Flags&integrity.Recalculating != 0 {
		h.Recalculated = &l.Recalculated
	}
	if l.Flags&integrity.FixHMAC != 0 {
		h.Salt = hex.EncodeToString(l.Salt[:])
	}
	return h
}

// text is what integritysetup prints.
func (h *header) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("INTEGRITY header information for %s.", h.Device)
	line("version: %d", h.Version)
	line("tag size: %d [bytes]", h.TagSize)
	line("sector size: %d [bytes]", h.BlockSize)
	line("data size: %s", sectors(h.Provided))
	if h.Recalculated != nil {
		line("recalculate sector: %d", *h.Recalculated)
	}
	line("journal sections: %d", h.JournalSections)
	line("log2 interleave sectors: %d", h.Log2Interleave)
	line("log2 blocks per bitmap: %d", h.Log2BlocksPerBit)
	b.WriteString("flags: ")
	for _, flag := range h.Flags {
		b.WriteString(flag + " ")
	}
	b.WriteString("\n")
	return b.String()
}

func sectors(n uint64) string {
	return fmt.Sprintf("%d [512-byte units] (%d [bytes])", n, n*integrity.SectorSize)
}

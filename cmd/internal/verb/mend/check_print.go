// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// mapColumns is the width of the bar that --map draws.
const mapColumns = 76

// printChecked tells a person about one device.
func printChecked(c *verb.Command, o *checkOptions, one checked) {
	if one.BitLocker != nil {
		printBitlk(c, one)
		return
	}
	if one.FileVault != nil {
		printFVault2(c, one)
		return
	}
	if one.Verity != nil {
		printVerity(c, one)
		return
	}
	if one.Report == nil {
		c.UI.Errorf("%s", one.Error)
		if one.hint != "" {
			c.UI.Errorf("%s", one.hint)
		}
		return
	}
	r := one.Report
	p, _ := one.stands.proposal(c, one.Device)
	printStanding(c, one.stands, p)
	printKeyslots(c, r, true)
	printSegments(c, r)
	if one.Data != nil {
		one.Data.print(c)
	}
	printReencryption(c, r.Reencryption)
	printFindings(c, r)
	for i, l := range r.Boot {
		if i == 0 {
			c.UI.Printf("boot loaders:")
		}
		printLoader(c, l)
	}
	if o.boot && needsPBKDF2(r) {
		c.UI.Itemf("  ", "For GRUB add a keyslot that it can open: %s luksAddKey --pbkdf pbkdf2 --hash sha256 %s",
			c.Program, one.Device)
	}
	if o.drawMap {
		c.UI.Printf("map:")
		for _, line := range inspect.Picture(one.regions, mapColumns) {
			c.UI.Printf("  %s", line)
		}
	}
}

func printSegments(c *verb.Command, r *inspect.Report) {
	for i, s := range r.Segments {
		if i == 0 {
			c.UI.Printf("data:")
		}
		cipher, end := "", ""
		if s.Cipher != "" {
			cipher = fmt.Sprintf(", %s, sectors of %d", s.Cipher, s.SectorSize)
			if s.Integrity != "" {
				cipher += ", authenticated (" + s.Integrity + ")"
			}
		}
		if s.Dynamic {
			end = " to the device's end"
		}
		c.UI.Itemf("  ", "segment %d: %s%s, %d bytes (%s) from byte %d%s", s.ID, s.Type, cipher, s.Size,
			ui.Bytes(int64(s.Size)), s.Offset, end)
	}
}

// printFindings lists what was noticed, and what other programs make of the device.
func printFindings(c *verb.Command, r *inspect.Report) {
	if len(r.Findings) > 0 {
		c.UI.Printf("findings:")
	}
	for _, f := range r.Findings {
		c.UI.Itemf("  ", "%v: %s", f.Grade, f.Text)
	}
	if len(r.Tools) > 0 {
		c.UI.Printf("other programs:")
	}
	for _, t := range r.Tools {
		c.UI.Itemf("  ", "%s: %s", t.Tool, t.Says)
	}
}

// printReencryption shows of what the data are made.
func printReencryption(c *verb.Command, r *inspect.Reencryption) {
	if r == nil {
		return
	}
	c.UI.Printf("reencryption: %s, %s, resilience %s: %s", r.Mode, r.Direction, r.Resilience, r.State)
	for _, p := range r.Pieces {
		size := fmt.Sprintf("%d bytes", p.Size)
		if p.Size == 0 {
			size = "up to the end"
		}
		c.UI.Itemf("    ", "data from byte %d, %s: %s, from byte %d of the device", p.Start, size, p.Side, p.Offset)
	}
	if r.Record != nil {
		c.UI.Itemf("    ", "%d of %d units of the hot zone are as they are recorded", r.Record.Old, r.Record.Units)
	}
}

func printLoader(c *verb.Command, l inspect.Loader) {
	if len(l.Keyslots) > 0 {
		c.UI.Printf("  %s: could open %s", l.Name, luks2.NameKeyslots(l.Keyslots))
	} else {
		c.UI.Printf("  %s: could not open this volume", l.Name)
	}
	for _, why := range l.Refuses {
		c.UI.Itemf("    ", "refuses %s", why)
	}
	for _, note := range l.Notes {
		c.UI.Itemf("    ", "note: %s", note)
	}
}

// needsPBKDF2: nothing but the derivation of keys keeps a boot loader from opening the volume.
func needsPBKDF2(r *inspect.Report) bool {
	for _, l := range r.Boot {
		if len(l.Keyslots) > 0 {
			return false
		}
		for _, why := range l.Refuses {
			if !strings.HasPrefix(why, "keyslot ") {
				return false
			}
		}
	}
	return len(r.Boot) > 0
}

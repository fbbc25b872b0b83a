// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/far"
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
	c.UI.Printf("%s: %s, %s", one.Device, strings.TrimSpace(fmt.Sprintf("LUKS%d %s", r.Version, r.UUID)),
		c.UI.Paint(ui.ColourOf(r.Verdict), r.Verdict))
	printHeads(c, r)
	printKeyslots(c, r)
	printReencryption(c, r.Reencryption)
	if r.Far != nil && r.Far.Place != nil {
		p := r.Far.Place
		c.UI.Printf("  far header at byte %d, %d bytes, locator at byte %d: %s, seqid %d, %s", p.Body, p.Length,
			p.Locator, p.State, p.SeqID, r.Far.Standing)
	}
	for _, f := range r.Findings {
		c.UI.Printf("  %v: %s", f.Grade, f.Text)
	}
	for _, t := range r.Tools {
		c.UI.Printf("  %s: %s", t.Tool, t.Says)
	}
	for _, l := range r.Boot {
		printLoader(c, l)
	}
	if o.drawMap {
		for _, line := range inspect.Picture(one.regions, mapColumns) {
			c.UI.Printf("  %s", line)
		}
	}
	printWayOut(c, o, one)
}

func printHeads(c *verb.Command, r *inspect.Report) {
	for _, one := range r.Copies {
		line := fmt.Sprintf("  %s header at byte %d: %s", one.Place, one.Offset, one.State)
		if one.Size > 0 {
			line += fmt.Sprintf(", seqid %d", one.SeqID)
		}
		if one.Why != "" {
			line += ": " + one.Why
		}
		c.UI.Printf("%s", line)
	}
	if r.Chosen != "" {
		c.UI.Printf("  in use: the %s, since %s", r.Chosen, r.Because)
	}
}

func printKeyslots(c *verb.Command, r *inspect.Report) {
	for _, k := range r.Keyslots {
		words := []string{k.Type}
		if !k.Bound {
			words = append(words, "opens no data")
		}
		for _, word := range []string{k.KDF, k.Cipher} {
			if word != "" {
				words = append(words, word)
			}
		}
		line := fmt.Sprintf("  keyslot %d: %s, %d bytes at byte %d: %s", k.ID, strings.Join(words, ", "), k.Size,
			k.Offset, k.State)
		if k.Entropy > 0 {
			line += fmt.Sprintf(", %.3f bits of entropy in a byte", k.Entropy)
		}
		c.UI.Printf("%s", line)
	}
	for _, s := range r.Segments {
		size := fmt.Sprintf("%d bytes", s.Size)
		if s.Dynamic {
			size += " (to the device's end)"
		}
		c.UI.Printf("  segment %d: %s, %s, %s from byte %d, sectors of %d", s.ID, s.Type, s.Cipher, size, s.Offset,
			s.SectorSize)
	}
}

// printReencryption shows of what the data are made.
func printReencryption(c *verb.Command, r *inspect.Reencryption) {
	if r == nil {
		return
	}
	c.UI.Printf("  reencryption: %s, %s, resilience %s: %s", r.Mode, r.Direction, r.Resilience, r.State)
	for _, p := range r.Pieces {
		size := fmt.Sprintf("%d bytes", p.Size)
		if p.Size == 0 {
			size = "up to the end"
		}
		c.UI.Printf("    data from byte %d, %s: %s, from byte %d of the device", p.Start, size, p.Side, p.Offset)
	}
	if r.Record != nil {
		c.UI.Printf("    %d of %d units of the hot zone are as they are recorded", r.Record.Old, r.Record.Units)
	}
}

func printLoader(c *verb.Command, l inspect.Loader) {
	if len(l.Keyslots) > 0 {
		c.UI.Printf("  %s: could open %s", l.Name, luks2.NameKeyslots(l.Keyslots))
	} else {
		c.UI.Printf("  %s: could not open this volume", l.Name)
	}
	for _, why := range l.Refuses {
		c.UI.Printf("    refuses %s", why)
	}
	for _, note := range l.Notes {
		c.UI.Printf("    note: %s", note)
	}
}

// printWayOut says what to do about it.
func printWayOut(c *verb.Command, o *checkOptions, one checked) {
	if o.boot && needsPBKDF2(one.Report) {
		c.UI.Printf("  For GRUB add a keyslot that it can open: %s luksAddKey --pbkdf pbkdf2 --hash sha256 %s",
			c.Program, one.Device)
	}
	inFar := one.Far != nil && len(one.Far.Damaged) > 0
	headsHurt := inFar
	for _, head := range one.Copies {
		headsHurt = headsHurt || head.State != "valid"
	}
	switch {
	case one.Reencryption != nil && one.code < verb.Lost:
		for _, line := range volume.Interruption(one.Reencryption.Verdict).Next(c.Program, one.Device) {
			c.UI.Printf("  %s", line)
		}
	case one.code == verb.Lost && inFar && one.Chosen != "":
		c.UI.Printf("  See what a repair would bring back, changing nothing: %s repair --dry-run %s",
			c.Program, one.Device)
	case one.Far != nil && len(one.Far.Unclear) > 0:
		c.UI.Printf("  See what is left of it, and how to try that: %s fix %s", c.Program, one.Device)
	case one.code == verb.Lost && one.Chosen != "":
		c.UI.Printf("  With a header backup: %s luksHeaderRestore --header-backup-file FILE %s", c.Program, one.Device)
	case one.code == verb.Lost && one.Far != nil && one.Far.Standing == inspect.OnlyCopy:
		c.UI.Printf("  See what the far header would bring back, changing nothing: %s repair --from-far --dry-run %s",
			c.Program, one.Device)
	case one.code == verb.Lost:
		c.UI.Printf("  Search for what is left, changing nothing: %s rescue %s", c.Program, one.Device)
	case one.code == verb.Healable && (headsHurt || one.Version == 1):
		c.UI.Printf("  See what a repair would write, changing nothing: %s repair --dry-run %s", c.Program, one.Device)
	case one.code == verb.Healable && one.Far != nil && one.Far.Standing != far.InStep.String():
		c.UI.Printf("  See how the far header stands: %s far status %s", c.Program, one.Device)
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

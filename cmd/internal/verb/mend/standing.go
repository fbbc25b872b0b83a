// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// noVolume is the verdict on what is none.
const noVolume = "none"

// proposal is what fix says of a situation.
func (s situation) proposal(c *verb.Command, name string) (fixed, advice) {
	a, at := s.advise(), name
	if c.Opt.Header.Set { // both are named, or the header would be taken for the data
		at = fmt.Sprintf("--header %s %s", c.Opt.Header.V, c.Args[0])
	}
	r := fixed{
		Device: name, Verdict: noVolume, Status: a.state, Command: a.line(c.Program, at), Writes: a.writes,
		Notes: a.note,
	}
	if s.report != nil {
		r.UUID, r.Verdict = s.report.UUID, s.report.Verdict
	}
	if s.foreign != nil {
		r.Verdict = s.foreign.Verdict
	}
	if a.code == verb.Lost {
		r.Verdict = inspect.Lost.String()
	}
	return r, a
}

// printState is what a report begins with.
func printState(c *verb.Command, device, format, verdict string) {
	c.UI.Itemf("device: ", "%s", strings.TrimRight(device+", "+strings.TrimSpace(format), ", "))
	c.UI.Printf(" state: %s", c.UI.Paint(ui.ColourOf(verdict), verdict))
}

// printStanding tells a person how a volume stands, and the one command to go on with.
func printStanding(c *verb.Command, s situation, r fixed) {
	format := ""
	if s.report != nil {
		format = fmt.Sprintf("LUKS%d %s", s.report.Version, r.UUID)
	}
	state := strings.Replace(r.Verdict, noVolume, "no volume", 1)
	if s.foreign != nil {
		format, state = s.foreign.Format, s.foreign.Words()
	}
	printState(c, r.Device, format, state)
	c.UI.Itemf("status: ", "%s", r.Status)
	c.UI.Itemf("action: ", "%s", s.action(r))
	if r.Notes != "" {
		c.UI.Itemf("  note: ", "%s", r.Notes)
	}
	printCopies(c, s)
}

// action is what to do.
func (s situation) action(r fixed) string {
	switch {
	case r.Command == "" && s.report != nil && s.report.Reencryption != nil:
		return "none that is safe"
	case r.Command == "" && r.Verdict == inspect.Lost.String():
		return "none on this device as it is"
	case r.Command == "" && r.Verdict == foreign.Unopenable:
		return "none here"
	case r.Command == "":
		return "none is needed"
	case r.Writes:
		return r.Command + " (writes; add --dry-run to see what)"
	}
	return r.Command
}

// printCopies lists what there is of the header, wherever it lies.
func printCopies(c *verb.Command, s situation) {
	var lines [][2]string
	if s.report != nil {
		for _, one := range s.report.Copies {
			lines = append(lines, [2]string{one.Place, copyWords(s.report, one)})
		}
	}
	if text := s.farWords(); text != "" {
		lines = append(lines, [2]string{"far header", text})
	}
	if k := s.remains.Kept; k != nil {
		lines = append(lines, [2]string{"guard", "keeps the header as it was at " + k.Time})
	}
	if len(lines) > 0 {
		c.UI.Printf("copies:")
	}
	for _, line := range lines {
		c.UI.Itemf(fmt.Sprintf("  %-11s ", line[0]), "%s", line[1])
	}
}

func copyWords(r *inspect.Report, one inspect.Copy) string {
	text := one.State
	if one.Size > 0 {
		text += fmt.Sprintf(", seqid %d", one.SeqID)
	}
	text += fmt.Sprintf(", at byte %d", one.Offset)
	if one.Place == r.Chosen {
		text += ", in use: " + r.Because
	}
	if one.Why != "" {
		text += ": " + one.Why
	}
	return text
}

// farWords is a line on the far header, "" where there is nothing to say.
func (s situation) farWords() string {
	switch {
	case s.report != nil && s.report.Far != nil && s.report.Far.Place != nil:
		p := s.report.Far.Place
		text := fmt.Sprintf("%s, seqid %d, at byte %d, %s", s.report.Far.Standing, p.SeqID, p.Body,
			ui.Bytes(int64(p.Length)))
		if p.State != far.Whole.String() {
			text += ": " + p.State
		}
		return text
	case s.remains.Far != nil:
		return fmt.Sprintf("%v, at byte %d, UUID %s", s.remains.Far.State, s.remains.Far.Place.Start(),
			s.remains.Far.Locator.UUID)
	}
	return ""
}

// printKeyslots lists the keyslots; those that are damaged alone where not all are asked for.
func printKeyslots(c *verb.Command, r *inspect.Report, all bool) {
	begun := false
	for _, k := range r.Keyslots {
		if !all && (k.State == inspect.Plausible || k.State == inspect.Unjudged) {
			continue
		}
		if !begun {
			c.UI.Printf("keyslots:")
			begun = true
		}
		c.UI.Itemf(fmt.Sprintf("  %2d  ", k.ID), "%s", keyslotWords(k))
	}
}

func keyslotWords(k inspect.Keyslot) string {
	words := []string{string(k.State)}
	if k.State != inspect.Plausible && k.Entropy > 0 {
		words = append(words, fmt.Sprintf("%.3f bits of entropy in a byte", k.Entropy))
	}
	if !k.Bound {
		words = append(words, "opens no data")
	}
	for _, word := range []string{k.Type, k.KDF, k.Cipher} {
		if word != "" {
			words = append(words, word)
		}
	}
	return fmt.Sprintf("%s, %s at byte %d", strings.Join(words, ", "), ui.Bytes(int64(k.Size)), k.Offset)
}

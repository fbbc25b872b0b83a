// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// bitlkChecked is what check says of a BitLocker volume.
type bitlkChecked struct {
	*foreign.Judgement
	Copies []foreign.BitlkCopy `json:"copies"`
}

// checkBitlk looks at every copy of the metadata; nil for what is no BitLocker volume.
func checkBitlk(dev *block.Device) *bitlkChecked {
	j, copies := foreign.JudgeBitlk(dev, dev.Size())
	if j == nil {
		return nil
	}
	r := &bitlkChecked{j, []foreign.BitlkCopy{}}
	if copies != nil {
		r.Copies = foreign.BitlkCopies(copies)
	}
	return r
}

func printBitlk(c *verb.Command, one checked) {
	r := one.BitLocker
	printState(c, one.Device, r.Format, r.Words())
	c.UI.Printf("copies:")
	for i, f := range r.Copies {
		printCopy(c, i, "metadata", f.Offset, f.State, f.Why)
	}
	printNotes(c, r.Findings)
}

// printCopy tells of the copy of that number, from 0.
func printCopy(c *verb.Command, i int, of string, offset uint64, state, why string) {
	if why != "" {
		why = ": " + why
	}
	c.UI.Printf("  copy %d of the %s at byte %d: %s%s", i+1, of, offset, state, why)
}

func printNotes(c *verb.Command, notes []string) {
	for _, text := range notes {
		c.UI.Printf("  note: %s", text)
	}
}

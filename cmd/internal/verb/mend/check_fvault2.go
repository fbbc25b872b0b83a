// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
)

// fvault2Checked is what check says of a FileVault 2 volume.
type fvault2Checked struct {
	*foreign.Judgement
	Copies []foreign.FVault2Copy `json:"copies"`
}

// checkFVault2 looks at both headers and all metadata; nil for what begins with no header of such a volume.
func checkFVault2(dev *block.Device) *fvault2Checked {
	j, copies := foreign.JudgeFVault2(dev, dev.Size())
	if j == nil {
		return nil
	}
	return &fvault2Checked{j, foreign.FVault2Copies(copies)}
}

func printFVault2(c *verb.Command, one checked) {
	r := one.FileVault
	printState(c, one.Device, r.Format, r.Words())
	c.UI.Printf("copies:")
	for i, f := range r.Copies[:fvault2.Headers] {
		printCopy(c, i, "header", f.Offset, f.State, f.Why)
	}
	for i, f := range r.Copies[fvault2.Headers:] {
		printCopy(c, i, "metadata", f.Offset, f.State, f.Why)
	}
	printNotes(c, r.Findings)
}

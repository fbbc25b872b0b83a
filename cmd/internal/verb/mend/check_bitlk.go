// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// bitlkChecked is what check says of a BitLocker volume.
type bitlkChecked struct {
	Verdict  string              `json:"verdict"`
	Copies   []foreign.BitlkCopy `json:"copies"`
	Findings []string            `json:"findings"`
	code     ui.ExitCode
}

// checkBitlk looks at every copy of the metadata; nil for what is no BitLocker volume.
func checkBitlk(name string) *bitlkChecked {
	path, err := block.Resolve(name)
	if err != nil {
		return nil
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil
	}
	defer dev.Close()
	copies, err := bitlk.Read(dev, dev.Size())
	var boot *bitlk.BootError
	switch {
	case err == nil:
		return judgeBitlk(copies)
	case errors.As(err, &boot):
		return &bitlkChecked{
			Verdict: inspect.Lost.String(), code: verb.Lost, Findings: []string{err.Error()},
			Copies: []foreign.BitlkCopy{},
		}
	}
	return nil
}

// judgeBitlk: one sound copy opens the volume, and Windows mends the others.
func judgeBitlk(copies *bitlk.Copies) *bitlkChecked {
	r := &bitlkChecked{Copies: foreign.BitlkCopies(copies), Findings: []string{}, Verdict: "healthy"}
	choice, err := bitlk.Choose(copies)
	if err != nil {
		r.Verdict, r.code = inspect.Lost.String(), verb.Lost
		return r
	}
	if choice.Reason != bitlk.AllAgree {
		r.Verdict, r.code = inspect.Healable.String(), verb.Healable
		r.Findings = append(r.Findings, choice.Reason.String())
	}
	v := bitlk.Volume{Copies: copies, Choice: choice, Block: copies.Found[choice.Index].Block}
	for _, err := range []error{v.Openable(), v.ByAsking()} {
		if err != nil {
			r.Findings = append(r.Findings, err.Error())
		}
	}
	return r
}

func printBitlk(c *verb.Command, one checked) {
	r := one.BitLocker
	printState(c, one.Device, "BitLocker", r.Verdict)
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

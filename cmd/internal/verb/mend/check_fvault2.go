// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// fvault2Checked is what check says of a FileVault 2 volume.
type fvault2Checked struct {
	Verdict  string                `json:"verdict"`
	Copies   []foreign.FVault2Copy `json:"copies"`
	Findings []string              `json:"findings"`
	code     ui.ExitCode
}

// checkFVault2 looks at both headers and all metadata; nil for what begins with no header of such a volume.
func checkFVault2(name string) *fvault2Checked {
	path, err := block.Resolve(name)
	if err != nil {
		return nil
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil
	}
	defer dev.Close()
	copies, _ := fvault2.Read(dev, dev.Size())
	if s := copies.Found[0].State; s != header.Valid && s != header.Damaged {
		return nil
	}
	r := &fvault2Checked{Copies: foreign.FVault2Copies(copies), Findings: []string{}, Verdict: "healthy"}
	v, err := fvault2.Choose(copies)
	switch {
	case err != nil:
		r.Verdict, r.code = inspect.Lost.String(), verb.Lost
		return r
	case !v.Healthy():
		r.Verdict, r.code = inspect.Healable.String(), verb.Healable
	}
	if err := v.Openable(); err != nil {
		r.Findings = append(r.Findings, err.Error())
	}
	return r
}

func printFVault2(c *verb.Command, one checked) {
	r := one.FileVault
	printState(c, one.Device, "FileVault 2", r.Verdict)
	c.UI.Printf("copies:")
	for i, f := range r.Copies[:fvault2.Headers] {
		printCopy(c, i, "header", f.Offset, f.State, f.Why)
	}
	for i, f := range r.Copies[fvault2.Headers:] {
		printCopy(c, i, "metadata", f.Offset, f.State, f.Why)
	}
	printNotes(c, r.Findings)
}

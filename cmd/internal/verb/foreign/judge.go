// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// Unopenable is the verdict on a volume that is in order, and that no key opens here.
const Unopenable = "unopenable"

// Judgement is how a volume stands, as far as no key is needed to tell.
type Judgement struct {
	Verdict  string      `json:"verdict"` // healthy, healable, lost or Unopenable
	Findings []string    `json:"findings"`
	Format   string      `json:"-"` // for a person
	Type     string      `json:"-"` // for --type
	Code     ui.ExitCode `json:"-"` // that check ends with
}

// Words are the verdict for a person.
func (j *Judgement) Words() string {
	if j.Verdict == Unopenable {
		return "cannot be opened here: " + j.Findings[0]
	}
	return j.Verdict
}

func judgement(format, kind string) *Judgement {
	return &Judgement{Verdict: "healthy", Findings: []string{}, Format: format, Type: kind}
}

func (j *Judgement) lost() {
	j.Verdict, j.Code = inspect.Lost.String(), verb.Lost
}

func (j *Judgement) healable() {
	j.Verdict, j.Code = inspect.Healable.String(), verb.Healable
}

// unopenable puts the reason before all else.
func (j *Judgement) unopenable(err error) {
	if err != nil {
		j.Verdict, j.Code, j.Findings = Unopenable, ui.Failed, append([]string{err.Error()}, j.Findings...)
	}
}

// Judge judges a device; nil for a volume of neither format.
func Judge(dev io.ReaderAt, size int64) *Judgement {
	if j, _ := JudgeBitlk(dev, size); j != nil {
		return j
	}
	j, _ := JudgeFVault2(dev, size)
	return j
}

// JudgeBitlk judges a BitLocker volume: one sound copy opens it, and Windows mends the others. It is nil for what is
// no such volume, and there are no copies where the boot sector does not lead to them.
func JudgeBitlk(dev io.ReaderAt, size int64) (*Judgement, *bitlk.Copies) {
	j := judgement("BitLocker", "bitlk")
	copies, err := bitlk.Read(dev, size)
	var boot *bitlk.BootError
	switch {
	case errors.Is(err, bitlk.ErrVersion1):
		j.unopenable(err)
		return j, nil
	case errors.As(err, &boot):
		j.lost()
		j.Findings = append(j.Findings, err.Error())
		return j, nil
	case err != nil:
		return nil, nil
	}
	choice, err := bitlk.Choose(copies)
	if err != nil {
		j.lost()
		return j, copies
	}
	if choice.Reason != bitlk.AllAgree {
		j.healable()
		j.Findings = append(j.Findings, choice.Reason.String())
	}
	v := bitlk.Volume{Copies: copies, Choice: choice, Block: copies.Found[choice.Index].Block}
	if copies.ProofsDiffer() {
		j.Findings = append(j.Findings, "the copies are sealed differently: only the key tells which are whole")
	}
	if err := v.ByAsking(); err != nil {
		j.Findings = append(j.Findings, err.Error())
	}
	j.unopenable(v.Openable())
	return j, copies
}

// JudgeFVault2 judges a FileVault 2 volume; nil for what begins with no header of such a one.
func JudgeFVault2(dev io.ReaderAt, size int64) (*Judgement, *fvault2.Copies) {
	copies, _ := fvault2.Read(dev, size)
	if copies == nil {
		return nil, nil
	}
	if s := copies.Found[0].State; s != header.Valid && s != header.Damaged {
		return nil, nil
	}
	j := judgement("FileVault 2", "fvault2")
	v, err := fvault2.Choose(copies)
	switch {
	case err != nil:
		j.lost()
		return j, copies
	case !v.Healthy():
		j.healable()
	}
	j.unopenable(v.Openable())
	return j, copies
}

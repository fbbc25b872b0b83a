// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// CompatVersion is the release of the other programs whose behaviour these follow.
const CompatVersion = "2.8.6"

// Program is one of the two programs as it speaks of itself.
type Program struct {
	Compat  string // the program that it stands in for, when it is called so
	Called  string // what it was called
	Version string // of Orthrus
	Grammar *popt.Grammar
	Letters string // short options without a value, as the usage shows them
	Notes   string // what the help tells after the options
}

// Questions are what a command line wants to know in place of work.
type Questions struct{ Help, Usage, Version bool }

// Own reports whether the program was called by another name than that of the one it stands in for.
func (p *Program) Own() bool { return filepath.Base(p.Called) != p.Compat }

// Answer says what the command line asks, or err, which is what is wrong with it. It returns false where neither is
// so, and there is work.
func (p *Program) Answer(u *ui.UI, asked Questions, err error) (ui.ExitCode, bool) {
	switch {
	case err != nil:
		p.refuse(u, err)
		return ui.Failed, true
	case asked.Help:
		fmt.Fprint(u.Out, p.version(), p.Grammar.Help(p.Called, p.Own()), p.Notes)
	case asked.Usage:
		fmt.Fprint(u.Err, p.usage())
	case asked.Version:
		fmt.Fprint(u.Out, p.version())
	default:
		return ui.OK, false
	}
	return ui.OK, true
}

// refuse says what is wrong with a command line: in one line under a name of our own, else as the other program.
func (p *Program) refuse(u *ui.UI, err error) {
	var usage *popt.UsageError
	known := errors.As(err, &usage)
	switch {
	case p.Own():
		wrong := strings.TrimSuffix(err.Error(), ".") + "."
		if known {
			if what, word, names := p.Grammar.Unknown(usage); word != "" {
				bare, _, _ := strings.Cut(word, "=")
				wrong = cli.Unknown(what, bare, names)
			}
		}
		fmt.Fprintln(u.Err, ui.Fitted(u.Err, fmt.Sprintf("%s: %s See %s --help.", p.Called, wrong, p.Called)))
	case known && usage.Subject != "":
		fmt.Fprintf(u.Err, "%s%s\n", p.usage(), usage)
	default:
		fmt.Fprintf(u.Err, "%s%s: %s\n", p.usage(), p.Called, err)
	}
}

func (p *Program) usage() string { return p.Grammar.Usage(p.Called, p.Letters, p.Own()) }

func (p *Program) version() string {
	const features = "flags: UDEV BLKID KEYRING KERNEL_CAPI "
	if !p.Own() {
		return fmt.Sprintf("%s %s %s\n", p.Compat, CompatVersion, features)
	}
	return fmt.Sprintf("%s %s (%s %s compatible) %s\n", p.Called, p.Version, p.Compat, CompatVersion, features)
}

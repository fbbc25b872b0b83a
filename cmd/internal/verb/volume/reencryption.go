// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// Interrupted is what a person is told of a reencryption that is under way.
type Interrupted struct {
	State   string // a sentence
	Command string // to go on with, words after the program's name, with {device}; "" for none
	Note    string // what to know before anything is done
}

// Interruption puts a verdict into words. There is no run where its state is None.
func Interruption(v reencrypt.Verdict) Interrupted {
	i := Interrupted{State: fmt.Sprintf("A reencryption is under way (%s): %s.", v.State, v.Reason)}
	fate, _ := v.Peer()
	switch v.Step {
	case reencrypt.Conclude:
		i.Command = mended
		i.State = "A reencryption has ended, and the header does not know: every byte is under its new key."
		if v.Run.Mode == "decrypt" {
			i.State = "A decryption has ended, and the header does not know: every byte is plain."
		}
		i.Note = "it takes the run out of the header; no other program may resume it"
	case reencrypt.Resume:
		i.Command, i.Note = goOn, "it asks for the passphrases of both keys"
		if fate == reencrypt.Stuck {
			i.Note += "; other programs cannot resume it"
		}
	case reencrypt.Recover, reencrypt.TakeBack:
		i.Command, i.Note = mended, thenOn
		if fate != reencrypt.Recovers {
			i.Note = handsOff
		}
	case reencrypt.Confirm:
		i.Note = "compare luksDump with what you know of the run before you go on"
	default:
		i.Note = "copy the whole device to another one before any program writes here, cryptsetup's luksDump included"
	}
	return i
}

const (
	goOn     = "reencrypt --resume-only {device}"
	mended   = "repair {device}"
	thenOn   = "it finishes the zone; then the run goes on with reencrypt --resume-only"
	handsOff = "let no other program at it first, cryptsetup's luksDump included"
)

// Next are the lines on what to do, the device being at hand.
func (i Interrupted) Next(program, device string) (lines []string) {
	if i.Command != "" {
		lines = append(lines, "Next: "+program+" "+strings.ReplaceAll(i.Command, "{device}", device))
	}
	if i.Note != "" {
		lines = append(lines, "Note: "+i.Note)
	}
	return lines
}

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
	Command string // to go on with, with {device}; "" for none
	Note    string // what to know before anything is done
}

// Interruption puts a verdict into words. There is no run where its state is None.
func Interruption(v reencrypt.Verdict) Interrupted {
	i := Interrupted{State: fmt.Sprintf("A reencryption is under way (%s): %s.", v.State, v.Reason)}
	fate, _ := v.Peer()
	switch v.Step {
	case reencrypt.Conclude:
		i.State = "A reencryption has ended, and the header does not know: every byte is under its new key."
		if v.Run.Mode == "decrypt" {
			i.State = "A decryption has ended, and the header does not know: every byte is plain."
		}
		i.Note = "do not resume it with any program; what is left is to take it out of the header"
	case reencrypt.Resume:
		i.Command, i.Note = goOn, "it asks for the passphrases of both keys"
		if fate == reencrypt.Stuck {
			i.Command, i.Note = "", "it cannot be resumed; the volume opens, and its data can be copied off"
		}
	case reencrypt.Recover, reencrypt.TakeBack:
		i.Command, i.Note = "cryptsetup repair {device}", thenOn
		if fate != reencrypt.Recovers {
			i.Command, i.Note = "", handsOff
		}
		if fate == reencrypt.Stuck {
			i.Note = "no program brings it to its end; it can be opened, and its data be copied off"
		}
	case reencrypt.Confirm:
		i.Note = "compare luksDump with what you know of the run before you go on"
	default:
		i.Note = handsOff
	}
	return i
}

const (
	goOn     = "cryptsetup reencrypt --resume-only {device}"
	thenOn   = "it finishes the zone; then the run goes on with cryptsetup reencrypt --resume-only"
	handsOff = "copy the whole device to another one before any program writes here, cryptsetup's luksDump included"
)

// Next are the lines on what to do, the device being at hand.
func (i Interrupted) Next(device string) (lines []string) {
	if i.Command != "" {
		lines = append(lines, "Next: "+strings.ReplaceAll(i.Command, "{device}", device))
	}
	if i.Note != "" {
		lines = append(lines, "Note: "+i.Note)
	}
	return lines
}

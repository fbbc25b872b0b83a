// SPDX-License-Identifier: Apache-2.0

package early

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// bootWords is what people are told about an event of a boot; empty for what they need not know.
func bootWords(e boot.Event, verbose bool) string {
	switch e.Kind {
	case boot.WrongAnswer:
		return wrongAnswer(e)
	case boot.GaveUp, boot.SourceFailed, boot.GrowFailed, boot.KeptFailed, boot.Note:
		return failureWords(e)
	case boot.Waiting:
		return waitingWords(e)
	case boot.FarHeader:
		return farWords(e)
	case boot.Repaired:
		return fmt.Sprintf("%s: the header was repaired (%s).", e.Volume, e.Text)
	case boot.HeaderAtRisk:
		return fmt.Sprintf("WARNING: %s: one copy of the header is not in order (%s) and stays so%s.", e.Volume, e.Text, because(e.Err))
	case boot.KeyslotsShort:
		return fmt.Sprintf("%s: %s Keyslot %s can be used.", e.Volume, verb.Explain(e.Err).Lines[0], numbers(e.Damaged))
	case boot.KeyslotsNull:
		return fmt.Sprintf("%s: keyslot %s is not used: its cipher hides nothing.", e.Volume, numbers(e.Damaged))
	case boot.WrongKey:
		return fmt.Sprintf("%s: no keyslot opens with %s.", e.Volume, e.Source)
	case boot.Grew:
		return fmt.Sprintf("%s has grown with its device, to %s bytes.", e.Volume, e.Text)
	case boot.Unlocked:
		return fmt.Sprintf("%s is unlocked, with %s.", e.Volume, e.Source)
	}
	if verbose {
		return e.String()
	}
	return ""
}

func waitingWords(e boot.Event) string {
	var twins *device.TwinsError
	if errors.As(e.Err, &twins) {
		return fmt.Sprintf("More than one device is %s (%s): %s. Waiting until one is left.", e.Text, e.Volume, strings.Join(twins.Nodes, ", "))
	}
	return fmt.Sprintf("Waiting for %s (%s).", e.Text, e.Volume)
}

func farWords(e boot.Event) string {
	text := fmt.Sprintf("WARNING: %s: both copies of the header are lost. Its far header is whole: %s", e.Volume, e.Text)
	if e.Err != nil {
		return text + ". It is not used (x-orthrus.far=no)."
	}
	return text + ", and opens the volume. Then bring the header back: {program} repair --from-far {device}"
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + verb.OneLine(err)
}

func numbers(ids []int) string {
	var words []string
	for _, id := range ids {
		words = append(words, fmt.Sprint(id))
	}
	return strings.Join(words, ", ")
}

// wrongAnswer tells a wrong passphrase from what else can keep one from opening a volume.
func wrongAnswer(e boot.Event) string {
	text := verb.Explain(e.Err).Lines[0]
	switch {
	case errors.Is(e.Err, luks.ErrPassphrase):
		text = "Wrong passphrase for " + e.Volume + "."
	case errors.Is(e.Err, ask.ErrDeclined):
		text = "No passphrase for " + e.Volume + "."
	default:
		text = e.Volume + ": " + text
	}
	for _, id := range e.Damaged {
		text += fmt.Sprintf(" The key material of keyslot %d is damaged: no passphrase can open it.", id)
	}
	switch {
	case e.Left == 1:
		text += " One try is left."
	case e.Left > 1 && e.Left < 1000:
		text += fmt.Sprintf(" %d tries are left.", e.Left)
	}
	return text
}

func failureWords(e boot.Event) string {
	text, err := e.Text, e.Err
	var volume *boot.VolumeError
	var key *boot.KeyFileError
	if errors.As(err, &key) {
		err, e.Source = key, "" // it says which key
	} else if errors.As(err, &volume) {
		err = verb.DeviceError(volume.Device, volume.Err)
	}
	if err != nil {
		lines := verb.Explain(err).Lines
		if text != "" {
			lines = append([]string{text}, lines...)
		}
		text = strings.Join(lines, " ")
	}
	switch {
	case e.Kind == boot.GaveUp:
		return e.Volume + " stays closed: " + text
	case e.Kind == boot.GrowFailed:
		return e.Volume + " was not enlarged: " + text
	case e.Kind == boot.KeptFailed:
		return e.Volume + ": not kept in the keyring: " + text
	case e.Source != "":
		return e.Volume + ": " + e.Source + ": " + text
	case e.Volume != "":
		return e.Volume + ": " + text
	}
	return text
}

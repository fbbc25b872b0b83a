// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/open"
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
	case boot.Repaired:
		return fmt.Sprintf("%s: the header was repaired (%s).", e.Volume, e.Text)
	case boot.HeaderAtRisk:
		return fmt.Sprintf("WARNING: %s: one copy of the header is not in order (%s) and stays so%s.", e.Volume, e.Text, because(e.Err))
	case boot.KeyslotsShort:
		return fmt.Sprintf("%s: %s Keyslot %s can be used.", e.Volume, explain(e.Err).lines[0], numbers(e.Damaged))
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

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + oneLine(err)
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
	text := explain(e.Err).lines[0]
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
	if errors.As(err, &volume) {
		err = deviceError(volume.Device, volume.Err)
	}
	if err != nil {
		lines := explain(err).lines
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

// bootSentence is the one line on an error that only a boot has.
func bootSentence(err error) string {
	var failed *boot.FailedError
	var missing *device.MissingError
	var twins *device.TwinsError
	var cipher *boot.CipherError
	switch {
	case errors.As(err, &failed):
		var names []string
		for _, v := range failed.Volumes {
			names = append(names, v.Name)
		}
		return fmt.Sprintf("Not unlocked: %s.", strings.Join(names, ", "))
	case errors.As(err, &missing):
		return fmt.Sprintf("%v did not show up within %v.", missing.Reference, missing.Waited.Round(time.Second/10))
	case errors.As(err, &twins):
		return fmt.Sprintf("More than one device is %v: %s. None of them is used.", twins.Reference, strings.Join(twins.Nodes, ", "))
	case errors.As(err, &cipher) && cipher.Keyslot < 0:
		return fmt.Sprintf("The data is encrypted with %s, which is not allowed at boot.", cipher.Cipher)
	case errors.As(err, &cipher):
		return fmt.Sprintf("Keyslot %d is encrypted with %s, which hides nothing.", cipher.Keyslot, cipher.Cipher)
	case errors.Is(err, boot.ErrTries):
		return "No tries are left."
	case errors.Is(err, ask.ErrLate):
		return "Nobody answered in time."
	case errors.Is(err, open.ErrHangs):
		return "The device does not answer."
	case errors.Is(err, boot.ErrSlow):
		return "The key derivation of a keyslot takes longer than a boot can wait."
	case errors.Is(err, open.ErrNoSource), errors.Is(err, ask.ErrNobody):
		return "There is no key, and nobody who could be asked for a passphrase."
	}
	return ""
}

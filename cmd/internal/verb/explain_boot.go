// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// bootSentence is the one line on an error that only a boot has.
func bootSentence(err error) string {
	var failed *boot.FailedError
	var missing *device.MissingError
	var twins *device.TwinsError
	var cipher *boot.CipherError
	var unknown *boot.UnknownError
	var key *boot.KeyFileError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("Nothing is known of a volume named %s.", strings.Join(unknown.Names, ", "))
	case errors.As(err, &key) && errors.Is(key.Err, fs.ErrNotExist):
		return fmt.Sprintf("There is no %s.", key.Source)
	case errors.As(err, &key) && errors.Is(key.Err, open.ErrHangs):
		return fmt.Sprintf("Nothing comes from %s.", key.Source)
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

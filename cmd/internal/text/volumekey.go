// SPDX-License-Identifier: Apache-2.0

package text

import (
	"cmp"
	"errors"
	"io"
	"strings"
)

// KeyDump is what luksDump shows with --dump-volume-key, or with --unbound.
type KeyDump struct {
	Format string // "" for LUKS, whose data begin somewhere, "BITLK" or "TCRYPT"
	Device string // as given
	UUID   string

	// A volume key.
	Cipher     string // "aes-xts-plain64"; of TCRYPT the mode alone
	Chain      string // "twofish-aes", of TCRYPT
	DataOffset uint64 // 512-byte sectors

	// The key of an unbound keyslot.
	Unbound bool
	Keyslot int

	// Whole is all that stands before the key, of FVAULT2, where a file does not stand in for the key.
	Whole string

	Key    []byte // the secret
	Stored string // the file the key was written to; empty shows it
}

// WriteKey writes the report. The key itself goes from one locked buffer to w.
func WriteKey(w io.Writer, d KeyDump) error {
	head, label, perLine := d.Whole, "Volume key:       \t", len(d.Key)
	if head == "" {
		head, label = d.head()
		perLine = bytesPerLine
	}
	if d.Whole == "" && d.Stored != "" {
		_, err := io.WriteString(w, head+said("Key stored to file %s.\n", d.Stored))
		return err
	}
	key, err := secretHex(d.Key, perLine, "\t\t")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, head+label)
	if err == nil {
		_, err = w.Write(key.Bytes())
	}
	return errors.Join(err, key.Close())
}

func (d KeyDump) head() (head, label string) {
	head = said("%s header information for %s\n", cmp.Or(d.Format, "LUKS"), d.Device)
	bits := len(d.Key) * 8
	if d.Unbound {
		return head + said("UUID:    \t%s\nKeyslot: \t%d\nKey bits:\t%d\n", d.UUID, d.Keyslot, bits), "Unbound Key:\t"
	}
	if d.Format == "TCRYPT" {
		head += said("Cipher chain:  \t%s\nCipher mode:   \t%s\n", d.Chain, d.Cipher)
		return head + said("Payload offset:\t%d\nMK bits:       \t%d\n", d.DataOffset, bits), "MK dump:\t"
	}
	cipher, mode, _ := strings.Cut(d.Cipher, "-")
	head += said("Cipher name:   \t%s\nCipher mode:   \t%s\n", cipher, mode)
	if d.Format == "" {
		head += said("Payload offset:\t%d\n", d.DataOffset)
	}
	return head + said("UUID:          \t%s\nMK bits:       \t%d\n", d.UUID, bits), "MK dump:\t"
}

// SPDX-License-Identifier: Apache-2.0

package text

import (
	"errors"
	"io"
	"strings"
)

// KeyDump is what luksDump shows with --dump-volume-key, or with --unbound.
type KeyDump struct {
	Device string // as given
	UUID   string

	// A volume key.
	Cipher     string // "aes-xts-plain64"
	DataOffset uint64 // 512-byte sectors

	// The key of an unbound keyslot.
	Unbound bool
	Keyslot int

	Key    []byte // the secret
	Stored string // the file the key was written to; empty shows it
}

// WriteKey writes the report. The key itself goes from one locked buffer to w.
func WriteKey(w io.Writer, d KeyDump) error {
	head, label := d.head()
	if d.Stored != "" {
		_, err := io.WriteString(w, head+said("Key stored to file %s.\n", d.Stored))
		return err
	}
	key, err := secretHex(d.Key, "\t\t")
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
	head = said("LUKS header information for %s\n", d.Device)
	bits := len(d.Key) * 8
	if d.Unbound {
		return head + said("UUID:    \t%s\nKeyslot: \t%d\nKey bits:\t%d\n", d.UUID, d.Keyslot, bits), "Unbound Key:\t"
	}
	cipher, mode, _ := strings.Cut(d.Cipher, "-")
	return head + said("Cipher name:   \t%s\nCipher mode:   \t%s\nPayload offset:\t%d\nUUID:          \t%s\nMK bits:       \t%d\n",
		cipher, mode, d.DataOffset, d.UUID, bits), "MK dump:\t"
}

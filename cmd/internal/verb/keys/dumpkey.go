// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// DumpWarning is what somebody agrees to who wants to see a volume key.
const DumpWarning = "The header dump with volume key is sensitive information\n" +
	"that allows access to encrypted partition without a passphrase.\n" +
	"This dump should be stored encrypted in a safe place."

// Show prints the key, or puts it into a new file that only its owner may read.
func Show(c *verb.Command, d text.KeyDump, file []string) error {
	if len(file) > 0 {
		if err := writeKeyFile(file[0], d.Key); err != nil {
			return err
		}
		d.Stored = file[0]
	}
	return text.WriteKey(c.UI.Out, d)
}

func writeKeyFile(path string, key []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return verb.Failure(ui.Failed, "Cannot open keyfile %s for write.", path)
	}
	_, writeErr := f.Write(key)
	err = errors.Join(writeErr, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

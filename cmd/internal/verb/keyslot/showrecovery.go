// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// showRecovery writes the key to standard output, alone on its line.
func showRecovery(c *verb.Command, key *secret.Buffer) error {
	line, err := secret.New(key.Len() + 1)
	if err != nil {
		return err
	}
	copy(line.Bytes(), key.Bytes())
	line.Bytes()[key.Len()] = '\n'
	_, err = c.UI.Out.Write(line.Bytes())
	return errors.Join(err, line.Close())
}

// takeBack removes the keyslot of a key that nobody got to see.
func takeBack(ctx context.Context, v *volume.Volume, id int, by *luks.Key, failed error) error {
	text, back := "was removed again", v.Disenroll(context.WithoutCancel(ctx), []int{id}, by, nil)
	if back != nil {
		text = "is left, and nobody has its key: " + verb.Reason(back)
	}
	return &verb.Notice{
		Text: fmt.Sprintf("The recovery key could not be shown: %s. Keyslot %d %s.", verb.Reason(failed), id, text),
		Code: ui.Failed, Err: back, // and not failed, which a plainer line would stand in for
	}
}

// withoutSIGPIPE lets a reader of standard output that has gone fail a write, instead of ending the process between a
// keyslot and whoever was to get its key. It returns how that ends.
func withoutSIGPIPE() func() {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, unix.SIGPIPE)
	return func() { signal.Stop(ignored) }
}

// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"errors"
	"os"
	"os/signal"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"golang.org/x/sys/unix"
)

// showRecovery writes the key to standard output, alone on its line. It comes before the keyslot is made: whatever ends
// the run then, no keyslot is there whose key nobody has seen.
func showRecovery(c *verb.Command, key *secret.Buffer) error {
	if c.UI.Discarded() {
		return notShown("standard output leads nowhere")
	}
	line, err := secret.New(key.Len() + 1)
	if err != nil {
		return err
	}
	copy(line.Bytes(), key.Bytes())
	line.Bytes()[key.Len()] = '\n'
	if _, err = c.UI.Out.Write(line.Bytes()); err != nil {
		err = notShown(verb.Reason(err))
	}
	return errors.Join(err, line.Close())
}

func notShown(why string) error {
	return verb.Failure(ui.Failed, "The recovery key could not be shown: %s. Nothing was changed.", why)
}

// recoveryIsIdle says of the key that was shown that it opens nothing, where that is certain.
func recoveryIsIdle(c *verb.Command, v *volume.Volume, err error) {
	var cut *commit.UnfinishedError
	switch {
	case c.Opt.DryRun:
	case errors.As(err, &cut), errors.Is(err, commit.ErrInForce), errors.Is(err, luks.ErrFarLeft):
		c.UI.Errorf("The recovery key may open %s: keep it until it is seen whether it does.", v.Path)
	default:
		c.UI.Errorf("The recovery key opens nothing.")
	}
}

// withoutSIGPIPE lets a reader of standard output that has gone fail a write, instead of ending the process without a
// word. It returns how that ends.
func withoutSIGPIPE() func() {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, unix.SIGPIPE)
	return func() { signal.Stop(ignored) }
}

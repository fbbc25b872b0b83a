// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
)

// answerBoot answers the questions of a boot that is under way, from this terminal (as over ssh) or
// from standard input, until it asks no more.
func answerBoot(ctx context.Context, c *verb.Command) error {
	caller, err := ask.Call(ask.SocketPath)
	if err != nil {
		return verb.Failure(ui.NoDevice, "No boot is under way that asks for passphrases.")
	}
	defer caller.Close()
	stop := context.AfterFunc(ctx, func() { _ = caller.Close() })
	defer stop()
	answered := false
	for {
		news, err := caller.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ask.ErrUnavailable):
			return nil // the boot went on
		case err != nil:
			return err
		case news.Say != "":
			c.UI.Errorf("%s", news.Say)
		case news.Ask != 0 && answered && !c.UI.Interactive():
			return verb.Failure(ui.Denied, "The passphrase was not accepted.")
		case news.Ask != 0:
			if err := answerOne(ctx, c, caller, news); err != nil {
				return err
			}
			answered = true
		}
	}
}

func answerOne(ctx context.Context, c *verb.Command, caller *ask.Caller, news ask.News) error {
	passphrase, err := c.UI.Secret(ctx, keys.Existing(c, news.Title+": "))
	if err != nil {
		return err
	}
	return errors.Join(caller.Answer(news.Ask, passphrase), passphrase.Close())
}

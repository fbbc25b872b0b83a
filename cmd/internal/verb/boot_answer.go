// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// answerBoot answers the questions of a boot that is under way, from this terminal (as over ssh) or
// from standard input, until it asks no more.
func (c *command) answerBoot(ctx context.Context) error {
	caller, err := ask.Call(ask.SocketPath)
	if err != nil {
		return failure(ui.NoDevice, "No boot is under way that asks for passphrases.")
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
			c.ui.Errorf("%s", news.Say)
		case news.Ask != 0 && answered && !c.ui.Interactive():
			return failure(ui.Denied, "The passphrase was not accepted.")
		case news.Ask != 0:
			if err := c.answerOne(ctx, caller, news); err != nil {
				return err
			}
			answered = true
		}
	}
}

func (c *command) answerOne(ctx context.Context, caller *ask.Caller, news ask.News) error {
	passphrase, err := c.ui.Secret(ctx, c.existing(news.Title+": "))
	if err != nil {
		return err
	}
	return errors.Join(caller.Answer(news.Ask, passphrase), passphrase.Close())
}

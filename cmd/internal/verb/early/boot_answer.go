// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Remote is the name by which an ssh server in an initial file system starts this program: as the command that a key
// is good for, or as the shell of root. It is what Debian's script of that purpose is called.
const Remote = "cryptroot-unlock"

// Answering is the command line behind the name Remote, and any other as it is. What a shell would be told to run is
// not looked at, so that whoever comes in by ssh can answer and do nothing else. A login shell's name begins with "-".
func Answering(argv []string) []string {
	if len(argv) > 0 && strings.TrimPrefix(filepath.Base(argv[0]), "-") == Remote {
		return []string{Remote, "boot", "--answer"}
	}
	return argv
}

// remotePatience is how long a boot is waited for that an ssh server was started before.
const remotePatience = 20 * time.Second

// socketPath is where a boot asks, and is answered.
func socketPath() string {
	if dir := os.Getenv("ORTHRUS_RUN_DIR"); dir != "" {
		return filepath.Join(dir, filepath.Base(ask.SocketPath))
	}
	return ask.SocketPath
}

// answerBoot answers the questions of a boot that is under way, from this terminal (as over ssh) or
// from standard input, until it asks no more.
func answerBoot(ctx context.Context, c *verb.Command) error {
	caller, err := callBoot(ctx, c)
	if err != nil {
		return err
	}
	a := answerer{c: c, caller: caller, news: make(chan ask.News)}
	ctx, a.stop = context.WithCancel(ctx)
	defer a.forget()
	defer a.stop()
	defer caller.Close()
	go a.listen(ctx)
	return a.run(ctx)
}

// callBoot calls the boot; under the name Remote one that is about to begin is waited for.
func callBoot(ctx context.Context, c *verb.Command) (*ask.Caller, error) {
	for end := time.Now().Add(remotePatience); ; {
		caller, err := ask.Call(socketPath())
		switch {
		case err == nil:
			return caller, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, err
		case c.Program != Remote || time.Now().After(end):
			return nil, verb.Failure(ui.NoDevice, "No boot is under way that asks for passphrases.")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(remotePatience / 100):
		}
	}
}

// answerer is somebody at the socket of a boot.
type answerer struct {
	c      *verb.Command
	caller *ask.Caller
	news   chan ask.News // closed at the end
	stop   context.CancelFunc

	open    ask.News           // the question that waits for an answer; Ask is 0 where none does
	kept    *secret.Buffer     // an answer that was given and not taken: somebody else was faster
	refused bool               // an answer was taken, and another is wanted
	typing  context.CancelFunc // ends the prompt; nil where there is none
	typed   chan reply
}

// reply is what a prompt came to.
type reply struct {
	passphrase *secret.Buffer
	err        error
}

// listen hands on what the boot says.
func (a *answerer) listen(ctx context.Context) {
	defer close(a.news)
	for {
		news, err := a.caller.Next()
		if err != nil {
			return
		}
		select {
		case a.news <- news:
		case <-ctx.Done():
			return
		}
	}
}

// run follows the boot and asks for what it asks for. A prompt ends with its question.
func (a *answerer) run(ctx context.Context) error {
	defer a.hush()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-a.typed:
			if err := a.give(r); err != nil {
				return err
			}
		case news, more := <-a.news:
			if done, err := a.hear(ctx, news, more); done || err != nil {
				return err
			}
		}
	}
}

// hear takes one message.
func (a *answerer) hear(ctx context.Context, news ask.News, more bool) (done bool, err error) {
	switch {
	case !more:
		return true, verb.Failure(ui.Failed, "The boot has ended, and not said how.")
	case news.Over == ask.Opened:
		return true, nil
	case news.Over != "":
		return true, verb.Failure(ui.Denied, "The volumes stay closed.")
	case news.Say != "":
		a.c.UI.Errorf("%s", news.Say)
	case news.Taken != 0:
		a.refused = true
		a.forget()
	case news.Withdrawn != 0:
		a.withdraw()
	case news.Ask != 0:
		a.answer(ctx, news)
	}
	return false, nil
}

// answer gives what was given and not taken, or asks, or goes on reading the pipe that it reads.
func (a *answerer) answer(ctx context.Context, news ask.News) {
	a.withdraw()
	a.open = news
	switch {
	case a.kept != nil:
		a.send()
	case a.typing == nil:
		ctx, a.typing = context.WithCancel(ctx)
		a.typed = make(chan reply, 1)
		go func(typed chan<- reply) {
			passphrase, err := a.c.UI.Secret(ctx, keys.Existing(a.c, news.Title+": "))
			typed <- reply{passphrase, err}
		}(a.typed)
	}
}

// send gives the answer. A boot that has hung up meanwhile is heard to have done so.
func (a *answerer) send() { _ = a.caller.Answer(a.open.Ask, a.kept) }

// give sends what was typed, or read from a pipe; that is kept where no question is open any more.
func (a *answerer) give(r reply) error {
	a.typing()
	a.typing, a.typed = nil, nil
	if r.err != nil && a.refused && !a.c.UI.Interactive() {
		return verb.Failure(ui.Denied, "There is no other passphrase to give.")
	}
	if r.err != nil {
		return r.err
	}
	a.forget()
	a.kept = r.passphrase
	if a.open.Ask != 0 {
		a.send()
	}
	return nil
}

// withdraw ends a question. A prompt ends with it, and is waited for until the terminal is as it was; a pipe is read
// on, since half a line cannot be put back.
func (a *answerer) withdraw() {
	a.open = ask.News{}
	if a.c.UI.Interactive() {
		a.hush()
	}
}

// hush ends the reading.
func (a *answerer) hush() {
	if a.typing == nil {
		return
	}
	a.typing()
	if r := <-a.typed; r.err == nil {
		_ = r.passphrase.Close()
	}
	a.typing, a.typed = nil, nil
}

// forget wipes an answer that is not needed any more.
func (a *answerer) forget() {
	if a.kept != nil {
		_ = a.kept.Close()
		a.kept = nil
	}
}

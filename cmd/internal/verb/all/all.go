// SPDX-License-Identifier: Apache-2.0

// Package all is the list of verbs, and the run of one.
package all

import (
	"context"
	"path/filepath"
	"runtime/debug"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/early"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/header"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keyslot"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapping"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/measure"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mend"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/size"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/survey"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/watch"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// Verbs lists every verb, in the order in which help names them. A new one is added here and
// nowhere else.
func Verbs() []verb.Verb {
	return []verb.Verb{
		survey.List(),
		mapping.Open(),
		mapping.Close(),
		mapping.Resize(),
		mapping.Status(),
		measure.Benchmark(),
		mend.Fix(),
		mend.Repair(),
		mend.Reencrypt(),
		keyslot.Erase(),
		header.Convert(),
		header.Config(),
		header.LuksFormat(),
		keyslot.LuksAddKey(),
		keyslot.LuksRemoveKey(),
		keyslot.LuksChangeKey(),
		keyslot.LuksConvertKey(),
		keyslot.LuksKillSlot(),
		header.LuksUUID(),
		header.IsLuks(),
		header.LuksDump(),
		foreign.TcryptDump(),
		foreign.BitlkDump(),
		foreign.FVault2Dump(),
		mapping.LuksSuspend(),
		mapping.LuksResume(),
		header.LuksHeaderBackup(),
		header.LuksHeaderRestore(),
		keyslot.Token(),
		keyslot.Enroll(),
		early.Boot(),
		mend.Check(),
		watch.Guard(),
		mend.Rescue(),
		size.Far(),
		size.Grow(),
		size.Shrink(),
		size.Header(),
		early.MkInitramfs(),
		verityVerb(),
		integrityVerb(),
	}
}

// Declarations are what verbs say of themselves.
func Declarations(verbs []verb.Verb) []cli.Verb {
	list := make([]cli.Verb, len(verbs))
	for i := range verbs {
		list[i] = verbs[i].Verb
	}
	return list
}

// Run carries out one command line and returns the exit code.
func Run(argv []string, version string) int {
	// A runtime that dies ends by a signal then; its exit code would be 2, that of a wrong passphrase.
	debug.SetTraceback("crash")
	if early.IsInit(argv) {
		return early.StartMachine(argv[1:])
	}
	argv = early.Answering(argv)
	if s, argv := sisterOf(argv); s != nil {
		return s.run(argv, version)
	}
	verbs, u := Verbs(), ui.System()
	inv, code := cli.Start(argv, version, Declarations(verbs), u.Out, u.Err)
	if inv == nil {
		return shown(u, argv, code)
	}
	ctx, cancel := ui.Interruptible(context.Background())
	defer cancel()
	defer kdf.Wait()
	c := verb.NewCommand(inv, u)
	if err := secret.Harden(); err != nil {
		c.UI.Debugf("%v", err)
	}
	for _, notice := range inv.Notices {
		c.UI.Errorf("%s", notice)
	}
	return int(c.Conclude(ctx, hinted(ctx, c, c.Delivered(carryOut(ctx, c, verbs)))))
}

// shown is the exit code of a run that is over: one whose answer did not reach standard output failed, but under the
// names of other programs, which do not say so.
func shown(u *ui.UI, argv []string, code int) int {
	lost := u.Lost()
	if lost == nil || code != 0 || cli.StandsIn(filepath.Base(argv[0])) || standsInForSister(argv) {
		return code
	}
	u.Errorf("%s", verb.NotDelivered(lost))
	return int(ui.Failed)
}

// hinted adds, under our own name, where the way goes on from a device that is no valid LUKS device.
func hinted(ctx context.Context, c *verb.Command, err error) error {
	if err == nil || c.StandsIn() || ctx.Err() != nil {
		return err
	}
	return verb.Hinted(err, guarded.Hint(ctx, c, c.About(), err))
}

// carryOut runs the verb of the invocation.
func carryOut(ctx context.Context, c *verb.Command, verbs []verb.Verb) error {
	for _, v := range verbs {
		if v.Name != c.Action || v.Run == nil {
			continue
		}
		return c.Rehearsed(ctx, v.Run(ctx, c))
	}
	return verb.Failure(ui.Failed, "%s: %s is not supported; nothing was changed.", c.Program, c.Action)
}

// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// guardMemory keeps the daemon small: the heap is collected before it comes near this, bytes.
const guardMemory = 24 << 20

// guardOptions are those that only guard takes.
type guardOptions struct {
	_ [0]func() // no comparison is made of it

	once        cli.Value[string]
	checkConfig bool
	configFile  cli.Value[string]
	metrics     cli.Value[string]
	all         cli.Value[string]
}

// Guard declares the verb.
func Guard() verb.Verb {
	var o guardOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "guard", Group: cli.GroupGuard, Args: "[status | history <uuid> | undo <uuid> | export [<uuid>] | accept <device> | forget <uuid>]", Own: true,
			Summary: "watch over the headers of all volumes, mending what the configuration allows",
			Takes:   "header-backup-file json dry-run",
			Options: []cli.Option{
				{
					Long: "once", Arg: "DEVICE", Into: &o.once,
					Help: "look at one device, do what is allowed, and stop",
				},
				{
					Long: "check-config", Into: &o.checkConfig,
					Help: "read the configuration, say what is wrong with it, and stop",
				},
				{
					Long: "config", Arg: "FILE", Into: &o.configFile,
					Help: "another configuration than /etc/orthrus/guard.conf",
				},
				{
					Long: "metrics", Arg: "FILE", Into: &o.metrics,
					Help: "keep this file up to date for node-exporter's textfile collector",
				},
				{
					Long: "all", Arg: "DIR", Into: &o.all,
					Help: "with export: a header backup of every volume, into this directory",
				},
			},
			Rules: []cli.Rule{o.wordsRule},
			About: []string{
				"Without a further word the guard runs until it is told to stop (SIGTERM). It listens to udev, " +
					"or where udevd does not run to the kernel and to inotify, looks at each block device that comes " +
					"or changes, and reports what it finds. By default that is all it does: orthrus-guard.conf(5) " +
					"says what it may mend.",
				"With repair = proven it mends what it can prove, without a passphrase. What is put back, when, and from what: one header copy, damaged or older, is written from the " +
					"sound one, mapped or not. Both copies, destroyed while the volume's own mapping is active, come " +
					"from what the guard kept of the state last seen. Both copies, destroyed while it is not mapped, " +
					"come from the far header, if that is the state last seen; not where they only lack their magic, " +
					"as after wipefs. A keyslot's area that does not match its sum comes from the far header, where " +
					"something of it is left. " +
					"Nothing else is put back: not after an erase, a shred, a format, or a restored backup.",
				"Each step needs all of its conditions, which guard status and --once --dry-run show one by one and " +
					"which are looked at again under the lock before the first write: the volume was seen before " +
					"with this volume key and nothing newer was; its history has one line; no other device bears " +
					"the UUID; nothing but the volume's own mapping uses the device (no other mapping, array, swap, " +
					"mount, loop device or exclusive opener); nothing else left its signature; no reencryption is " +
					"under way or was when last seen; and for heads that are put back every byte of the keyslots " +
					"area is as it was. What is overwritten is kept first. With repair = rehearse all of this is " +
					"done but the write, and counted.",
				"A state that does not continue what was seen (a restored backup, a clone, another volume under the " +
					"same UUID) takes nothing away from what is kept, and nothing is written until guard accept says " +
					"that what lies on that device counts. A later state that was seen and not kept, or could not be, " +
					"outdates what is kept. guard forget destroys all that is kept of a volume.",
				"A volume of which nothing is left where it was seen last is reported as lost, and nothing is written.",
				"With grow = yes it makes the mapping of a grown device longer, if a key is at hand: open " +
					"--link-for-guard leaves one in the kernel's keyring orthrus-guard, which no process can read " +
					"and which close, luksSuspend, erase and the end of the guard revoke. A device pulled out from " +
					"under a mapping gets a table of errors, and the mapping goes away with its last user.",
				"guard status asks the running guard; guard history shows what happened to a volume; guard undo " +
					"takes back the last repair of one, and has the guard leave it alone until it is in order again. " +
					"guard export makes a header backup of what the guard keeps of a volume, in the new file " +
					"named by " +
					"--header-backup-file, or with --all one of each volume; without store = full it takes the " +
					"keyslots " +
					"from the device, if they are as they were. With --once one device is looked at, as from a udev rule; --dry-run then only says what would be done. The exit status is 6 where something stays " +
					"damaged, 7 where no header is left, or no keyslot.",
				"SIGHUP makes the guard read its configuration again; one that is wrong changes nothing.",
			},
			Report: guardReport(),
			Examples: []cli.Example{
				{What: "Who is watched, and what was done:", Line: "orthrus guard status"},
				{What: "What would be done about one device:", Line: "orthrus guard --once /dev/sdb2 --dry-run"},
			},
			Exits: []cli.Exit{
				{Code: 6, Means: "Something stays damaged."},
				{Code: 7, Means: "No header is left, or no keyslot."},
			},
			SeeAlso: []string{"check"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return runGuard(ctx, c, &o) },
	}
}

// aboutOne are the words that are followed by the UUID or the device of one volume.
var aboutOne = []string{"history", "undo", "export", "accept", "forget"}

// wordsRule: what follows guard.
func (o *guardOptions) wordsRule(inv *cli.Invocation) string {
	words := inv.Args
	switch {
	case len(words) == 0, len(words) == 1 && words[0] == "status":
		return cli.Refuse(len(words) > 0 && o.once.Set, "Option --once is not allowed with guard status.")
	case len(words) == 1 && words[0] == "export" && o.all.Set:
		return cli.Refuse(o.once.Set, "Option --once is not allowed with guard export.")
	case o.all.Set:
		return "Option --all is for guard export alone."
	case len(words) == 2 && words[0] == "export" && !inv.Options.HeaderBackupFile.Set:
		return cli.NoBackupFile
	case len(words) == 2 && slices.Contains(aboutOne, words[0]):
		return cli.Refuse(o.once.Set, "Option --once is not allowed with guard "+words[0]+".")
	case words[0] != "status" && !slices.Contains(aboutOne, words[0]):
		return cli.Unknown("guard", words[0], append([]string{"status"}, aboutOne...))
	}
	return "Use guard alone, or with status, history <uuid>, undo <uuid>, export <uuid>, accept <device> or " +
		"forget <uuid>."
}

// runGuard runs the guard, or asks one.
func runGuard(ctx context.Context, c *verb.Command, o *guardOptions) error {
	switch {
	case o.checkConfig:
		return checkGuardConfig(ctx, c, o)
	case len(c.Args) == 0 && o.once.Set:
		return guardOnce(ctx, c, o)
	case len(c.Args) == 0:
		return guardDaemon(ctx, c, o)
	case c.Args[0] == "history":
		return guardHistory(c, c.Args[1])
	case c.Args[0] == "accept":
		return guardAccept(ctx, c, o, c.Args[1])
	case c.Args[0] == "forget":
		return guardForget(c, c.Args[1])
	case c.Args[0] == "export" && o.all.Set:
		return guardExportAll(ctx, c, o.all.V)
	case c.Args[0] == "export":
		return guardExport(ctx, c, c.Args[1])
	case c.Args[0] == "undo":
		return guardUndo(ctx, c, c.Args[1])
	}
	return guardStatus(c)
}

func checkGuardConfig(ctx context.Context, c *verb.Command, o *guardOptions) error {
	config, err := guarded.ReadConfig(ctx, o.configFile)
	if err != nil {
		return err
	}
	c.UI.Printf("The configuration is in order: repair = %s, %d sections.", config.Default.Repair, len(config.Rules))
	return nil
}

func guardDaemon(ctx context.Context, c *verb.Command, o *guardOptions) error {
	config, err := guarded.ReadConfig(ctx, o.configFile)
	if err != nil {
		return err
	}
	if o.metrics.Set {
		if err := volume.Replaceable(o.metrics.V); err != nil {
			return err
		}
	}
	debug.SetMemoryLimit(guardMemory)
	debug.SetGCPercent(200)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	d := &guard.Daemon{
		Guard:  guard.New(guard.Options{Log: guard.NewLog(config, c.UI.Err), Store: guarded.Store(c), Config: config}),
		Socket: guarded.Socket(), Reload: hangup, Read: func(ctx context.Context) (policy.Config,
			error,
		) {
			return guarded.ReadConfig(ctx, o.configFile)
		}, Metrics: o.metrics.V,
	}
	return d.Run(ctx)
}

// guardOnce looks at one device as the daemon would.
func guardOnce(ctx context.Context, c *verb.Command, o *guardOptions) error {
	config, err := guarded.ReadConfig(ctx, o.configFile)
	if err != nil {
		return err
	}
	path, err := block.Resolve(o.once.V)
	if err != nil {
		return verb.DeviceError(o.once.V, err)
	}
	id, err := guarded.ID(path)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	g := guard.New(guard.Options{
		Log: guard.NewLog(config, c.UI.Err), Store: guarded.Store(c), Config: config,
		DryRun: c.Opt.DryRun,
	})
	v := g.LookThrough(ctx, id)
	g.Flush()
	if v == nil {
		c.UI.Verbosef("%s holds no LUKS volume, or is not to be looked at.", path)
		return ctx.Err()
	}
	if c.Opt.JSON {
		err = c.PrintJSON(v)
	} else {
		printVolume(c, *v)
	}
	switch {
	case err != nil:
		return err
	case v.Verdict == "lost":
		return verb.Silent(verb.Lost)
	case v.Verdict != "healthy", v.Would == string(verdict.Repair):
		return verb.Silent(verb.Healable)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/units"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm"
)

// bootOptions are those that only boot takes.
type bootOptions struct {
	crypttab      cli.Value[string]
	veritytab     cli.Value[string]
	volumesOnly   bool // what dm-verity maps comes later
	commandLine   cli.Value[string]
	mainSystem    bool
	deviceTimeout cli.Value[uint32]
	onFailure     cli.Value[string]
	degraded      bool
	consoles      []string
	answer        bool
	units         cli.Value[string]
}

// Boot declares the verb.
func Boot() verb.Verb {
	var o bootOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "boot", Group: cli.GroupBoot, Args: "[<name>...]", Own: true,
			Summary: "unlock what crypttab and the kernel's command line say, as early as there are disks",
			Takes:   "test-passphrase tries json dry-run",
			Options: []cli.Option{
				{
					Long: "crypttab", Arg: "FILE", Into: &o.crypttab,
					Help: "another table of volumes than /etc/crypttab",
				},
				{
					Long: "veritytab", Arg: "FILE", Into: &o.veritytab,
					Help: "another table of verified images than /etc/veritytab",
				},
				{
					Long: "cmdline", Arg: "FILE", Into: &o.commandLine,
					Help: "another kernel command line than /proc/cmdline",
				},
				{
					Long: "main-system", Into: &o.mainSystem,
					Help: "leave parameters that begin with rd. to the initial file system",
				},
				{
					Long: "device-timeout", Arg: "secs", Into: &o.deviceTimeout,
					Help: "wait this long for devices (default: 90; 0 is without end)",
				},
				{
					Long: "on-failure", Arg: "HOW", Into: &o.onFailure,
					Check: cli.Among(&o.onFailure, "Option --on-failure takes exit, retry, reboot or halt.", "exit",
						"retry", "reboot", "halt"),
					Help: "what to do when a required volume stays closed: exit, retry, reboot or halt",
				},
				{
					Long: "degraded", Into: &o.degraded,
					Help: "go on without disks that stay away, the root's excepted",
				},
				{
					Long: "console", Arg: "TTY", Into: &o.consoles,
					Help: "ask at this terminal; may be given more than once",
				},
				{
					Long: "units", Arg: "DIR", Into: &o.units,
					Help: "unlock nothing, but write systemd's units for the crypttab into this folder",
				},
				{Long: "answer", Into: &o.answer, Help: "answer the questions of a boot that is under way"},
			},
			About: []string{
				"Unlocks the volumes that crypttab(5) and the kernel's command line name, or those of them that are " +
					"given as arguments. Options that are unknown are named and stop nothing.",
				"Of crypttab(5) it knows the dialects of Debian and systemd; of the kernel's command line " +
					"rd.luks.uuid, rd.luks.name, rd.luks.key, rd.luks.options, rd.luks.data and the same without " +
					"rd., rd.luks.allow-discards, cryptdevice=, cryptkey= and crypto= of mkinitcpio, cryptopts= of " +
					"Debian, cryptroot=, cryptdm=, cryptheader=, cryptkey and cryptdiscards of Alpine, crypt_root=, " +
					"crypt_swap=, root_key= and root_keydev= of genkernel, and rd.luks.header=. Several " +
					"cryptdevice=, cryptroot= and crypt_root= are all taken; \\: is a colon within " +
					"a part of cryptdevice= and " +
					"cryptkey=; a uuid may be cut short, and a label stand in its place (rd.luks.uuid=LABEL=data).",
				"Devices are waited for by the kernel's events, and named by UUID, LABEL, PARTUUID, PARTLABEL, a " +
					"path, or a link of udev, which need not exist. Where two devices bear one name none is used; " +
					"rd.orthrus.twins=first takes the first, and writes to none of them. A volume that is named twice is " +
					"opened once, by the name that root= has.",
				tabOptions(),
				"All ways to a key race: the kernel's keyring, the key file (also on a device that shows up " +
					"later, PATH:DEVICE in the crypttab; it is mounted read-only for as long as it is read), a key " +
					"script, and people at the console, on plymouth, through the agents of systemd's ask-password " +
					"protocol, and on the socket /run/orthrus/ask, on which orthrus boot --answer speaks, as over " +
					"ssh: it asks here, says what came of each answer, and ends when the boot goes on, with 0 " +
					"where the volumes are open; lines of a pipe are one answer each. By the name " +
					"cryptroot-unlock the program does this and nothing else. The first that fits ends the " +
					"others. One passphrase is tried on all volumes. At the " +
					"console Tab shows and hides the stars; Ctrl-U empties the line; the keyboard's layout and the " +
					"capitals lock are shown where the kernel tells.",
				"A volume marked nofail is waited for as long as the others take, and its passphrase for half a " +
					"minute more, unless timeout= says otherwise. --degraded, rd.orthrus.degraded and rootflags=degraded " +
					"let the boot go on without disks that stay away; rd.orthrus.ciphers= says which ciphers are accepted " +
					"instead of the usual ones where the crypttab does not.",
				"In an image of mkinitramfs that has lvm or mdadm, volume groups and arrays are started as " +
					"their parts show up, before and after a volume is unlocked; elsewhere that is for others. A " +
					"volume may be named /dev/VG/LV. A part of an array is never taken for what the array holds.",
				"Then it maps what dm-verity is to verify: the lines of veritytab(5), and roothash= and " +
					"usrhash= of the kernel's command line with systemd.verity_root_data=, " +
					"systemd.verity_root_hash=, systemd.verity_root_options= and the same for usr. Where no device " +
					"is named it takes the partitions whose UUIDs are the two ends of the root hash. " +
					"root-hash-signature=auto takes the signature from the signature partition for that hash, and " +
					"a root hash of - takes the hash from there, too: then the kernel must trust its signature. An " +
					"option that is not known ends the boot.",
				"Keyslots that need more memory than there is are named with what they need, and the others are " +
					"used. When a required volume stays closed, --on-failure or rd.orthrus.on-failure= decides: exit " +
					"(the default), retry, reboot, halt. There is no shell.",
			},
			Report: bootReport(),
			Examples: []cli.Example{
				{What: "What would be unlocked:", Line: "orthrus boot --dry-run"},
				{What: "One volume of the crypttab, on a running system:", Line: "orthrus boot --main-system data"},
				{What: "Answer the prompt of a machine that is booting, over ssh:", Line: "orthrus boot --answer"},
			},
			SeeAlso: []string{"mkinitramfs"},
		},
		Run: func(ctx context.Context, c *verb.Command) error {
			calmly(c)
			return bootVolumes(ctx, c, &o)
		},
	}
}

// tabOptions tells of the options that a crypttab can have for this program alone.
func tabOptions() string {
	text := "Options of this program's own, which others pass over in a crypttab:"
	for i, o := range crypttab.OwnOptions() {
		if i > 0 {
			text += ";"
		}
		text += fmt.Sprintf(" %s %s", o, o.About)
	}
	return text + "."
}

// bootVolumes unlocks what crypttab and the kernel's command line say.
func bootVolumes(ctx context.Context, c *verb.Command, o *bootOptions) error {
	if o.answer {
		return answerBoot(ctx, c)
	}
	if o.units.Set {
		return writeUnits(ctx, o)
	}
	p, err := bootPlan(ctx, c, o)
	if err != nil {
		return err
	}
	if c.Opt.DryRun {
		return printPlan(c, p)
	}
	frontends, closeAll, err := bootFrontends(o.consoles, p)
	if err != nil {
		return err
	}
	defer closeAll()
	for _, f := range frontends {
		if console, ok := f.(*ask.Console); ok {
			console.Signals = o.mainSystem || c.Opt.TestPassphrase
		}
	}
	for {
		result, err := boot.Run(ctx, bootConfig(c, o, p, frontends))
		if err == nil && !o.volumesOnly && !c.Opt.TestPassphrase {
			result.Verified, err = mapVerified(ctx, c, p)
		}
		if err == nil || ctx.Err() != nil || p.Policy.OnFailure != plan.Retry {
			conclude(frontends, err)
			return errors.Join(printOutcomes(c, result), endBoot(ctx, c, p.Policy.OnFailure, err))
		}
		c.UI.Errorf("%s", newPlaceholders(c.Program).fill(verb.Explain(err).Lines[0]))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
		if p, err = bootPlan(ctx, c, o); err != nil {
			return err
		}
	}
}

// conclude tells those who answer at the socket what came of it.
func conclude(frontends []ask.Frontend, err error) {
	how := ask.Opened
	if err != nil {
		how = ask.Failed
	}
	for _, f := range frontends {
		if socket, ok := f.(*ask.Socket); ok {
			socket.Conclude(how)
		}
	}
}

// retryPause keeps a boot that fails at once from doing so all the time.
const retryPause = 2 * time.Second

// writeUnits is the work of systemd's generator.
func writeUnits(ctx context.Context, o *bootOptions) error {
	tab, err := o.table(ctx)
	if err != nil {
		return err
	}
	return units.Write(o.units.V, units.Make(tab))
}

// table reads the crypttab; one that is not there has no lines.
func (o *bootOptions) table(ctx context.Context) ([]byte, error) {
	return tableOf(ctx, o.crypttab, "/etc/crypttab")
}

func tableOf(ctx context.Context, named cli.Value[string], usual string) ([]byte, error) {
	tab, err := ui.ReadNamed(ctx, named.Or(usual), fstab.MaxSize)
	if err != nil && !named.Set && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return tab, err
}

// bootPlan reads crypttab and command line.
func bootPlan(ctx context.Context, c *verb.Command, o *bootOptions) (plan.Plan, error) {
	tab, err := o.table(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	images, err := tableOf(ctx, o.veritytab, "/etc/veritytab")
	if err != nil {
		return plan.Plan{}, err
	}
	line, err := ui.ReadNamed(ctx, o.commandLine.Or("/proc/cmdline"), fstab.MaxSize)
	if err != nil {
		return plan.Plan{}, err
	}
	p := plan.Make(plan.Request{
		Crypttab: tab, Veritytab: images, Settings: cmdline.Parse(string(line), !o.mainSystem), Names: c.Args,
		Taken: mappedNames(),
	})
	amendPolicy(c, o, &p.Policy)
	return p, nil
}

// amendPolicy lets options win over the command line of the kernel.
func amendPolicy(c *verb.Command, o *bootOptions, p *plan.Policy) {
	if o.deviceTimeout.Set {
		p.DeviceTimeout = time.Duration(o.deviceTimeout.V) * time.Second
	}
	if o.onFailure.Set {
		p.OnFailure = plan.Ending(o.onFailure.V)
	}
	if c.Opt.Tries.Set {
		p.Tries = int(c.Opt.Tries.V)
	}
	p.Degraded = p.Degraded || o.degraded
}

// mappedNames are the mappings there are; without a device-mapper there are none.
func mappedNames() []string {
	control, err := dm.Open()
	if err != nil {
		return nil
	}
	defer control.Close()
	devices, err := control.Devices()
	if err != nil {
		return nil
	}
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
	}
	return names
}

// bootConfig is the configuration of the engine for this command line.
func bootConfig(c *verb.Command, o *bootOptions, p plan.Plan, frontends []ask.Frontend) boot.Config {
	// What is said at a console need not be said again on the same screen.
	screen := c.UI.ErrorsOnTerminal() && slices.ContainsFunc(frontends, func(f ask.Frontend) bool {
		_, isConsole := f.(*ask.Console)
		return isConsole
	})
	config := boot.Config{Plan: p, Frontends: frontends, TestOnly: c.Opt.TestPassphrase}
	words := newPlaceholders(c.Program)
	config.Report = func(e boot.Event) string {
		words.saw(e)
		text := printable.Line(words.fill(bootWords(e, c.UI.Verbose || c.UI.Debug))) // consoles show it too
		if text != "" && !screen {
			c.UI.Errorf("%s", text)
		}
		return text
	}
	return config
}

// bootFrontends are the ways to ask: the consoles that are named, or the terminal that this program
// was started at, or the kernel's consoles; and plymouth, the agents of systemd, and our socket.
func bootFrontends(named []string, p plan.Plan) (all []ask.Frontend, closeAll func(), err error) {
	splash := ask.Plymouth{Socket: ask.PlymouthSocket}
	var closers []func() error
	closeAll = func() {
		for _, shut := range closers {
			_ = shut() // nothing that was written is at stake
		}
	}
	paths := named
	if len(named) == 0 {
		paths = ask.Consoles(p.Consoles)
	}
	for _, path := range paths {
		console, err := ask.OpenConsole(path, p.Keymap)
		if err != nil {
			if len(named) > 0 {
				closeAll()
				return nil, nil, err
			}
			continue
		}
		console.Quiet = splash.Running
		all, closers = append(all, console), append(closers, console.Close)
	}
	all = append(all, splash)
	if os.Geteuid() == 0 {
		all = append(all, ask.Agents{Directory: ask.AgentDirectory})
		if socket, err := ask.Listen(socketPath()); err == nil {
			all, closers = append(all, socket), append(closers, socket.Close)
		}
	}
	return all, closeAll, nil
}

// rebootPatience is how long the reason stays on the screen.
const rebootPatience = 10 * time.Second

// endBoot ends a boot that cannot go on as the policy says, never in a shell.
func endBoot(ctx context.Context, c *verb.Command, how plan.Ending, err error) error {
	if err == nil || ctx.Err() != nil || how != plan.Reboot && how != plan.Halt {
		return err
	}
	for _, line := range verb.Explain(err).Lines {
		c.UI.Errorf("%s", newPlaceholders(c.Program).fill(line))
	}
	c.UI.Errorf("The machine goes down in %v (%s).", rebootPatience, how)
	select {
	case <-ctx.Done():
		return err
	case <-time.After(rebootPatience):
	}
	return errors.Join(err, boot.End(how))
}

// printOutcomes reports to programs.
func printOutcomes(c *verb.Command, r boot.Result) error {
	if !c.Opt.JSON {
		return nil
	}
	return c.PrintJSON(r)
}

// printPlan shows what would be done.
func printPlan(c *verb.Command, p plan.Plan) error {
	if c.Opt.JSON {
		return c.PrintJSON(p)
	}
	for _, v := range p.Volumes {
		c.UI.Printf("%s: %v from %v", v.Name, v.Options.Type, v.Device)
		if !v.Header.IsZero() {
			c.UI.Printf("  header: %v", v.Header)
		}
		if v.Key.Kind != plan.NoKey {
			c.UI.Printf("  key: %s", keyWords(v.Key))
		}
		c.UI.Printf("  from %s, %s%s", v.From, necessity(v), map[bool]string{true: ", the root", false: ""}[v.Root])
	}
	for _, v := range p.Verified {
		printVerified(c, v)
	}
	for _, note := range p.Notes {
		c.UI.Printf("note: %s", note)
	}
	if len(p.Volumes)+len(p.Verified) == 0 {
		c.UI.Printf("Nothing to unlock.")
	}
	return nil
}

func keyWords(k plan.Key) string {
	text := string(k.Kind)
	if k.Path != "" {
		text += " " + k.Path
	}
	if !k.Device.IsZero() {
		text += fmt.Sprintf(" on %v", k.Device)
	}
	return text
}

func necessity(v plan.Volume) string {
	if v.Required {
		return "required"
	}
	return "optional"
}

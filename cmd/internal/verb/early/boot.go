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
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm"
)

// BootVolumes unlocks what crypttab and the kernel's command line say.
func BootVolumes(ctx context.Context, c *verb.Command) error {
	if c.Opt.Answer {
		return answerBoot(ctx, c)
	}
	p, err := bootPlan(c)
	if err != nil {
		return err
	}
	if c.Opt.DryRun {
		return printPlan(c, p)
	}
	frontends, closeAll, err := bootFrontends(c.Opt.Consoles, p.Keymap)
	if err != nil {
		return err
	}
	defer closeAll()
	for _, f := range frontends {
		if console, ok := f.(*ask.Console); ok {
			console.Signals = c.Opt.MainSystem || c.Opt.TestPassphrase
		}
	}
	for {
		result, err := boot.Run(ctx, bootConfig(c, p, frontends))
		if err == nil || ctx.Err() != nil || p.Policy.OnFailure != plan.Retry {
			return errors.Join(printOutcomes(c, result), endBoot(ctx, c, p.Policy.OnFailure, err))
		}
		c.UI.Errorf("%s", verb.Explain(err).Lines[0])
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
		if p, err = bootPlan(c); err != nil {
			return err
		}
	}
}

// retryPause keeps a boot that fails at once from doing so all the time.
const retryPause = 2 * time.Second

// bootPlan reads crypttab and command line; a crypttab that is not there has no lines.
func bootPlan(c *verb.Command) (plan.Plan, error) {
	tab, err := os.ReadFile(c.Opt.Crypttab.Or("/etc/crypttab"))
	if err != nil && (c.Opt.Crypttab.Set || !errors.Is(err, fs.ErrNotExist)) {
		return plan.Plan{}, err
	}
	line, err := os.ReadFile(c.Opt.CommandLine.Or("/proc/cmdline"))
	if err != nil {
		return plan.Plan{}, err
	}
	p := plan.Make(plan.Request{
		Crypttab: tab, Settings: cmdline.Parse(string(line), !c.Opt.MainSystem), Names: c.Args, Taken: mappedNames(),
	})
	amendPolicy(c, &p.Policy)
	return p, nil
}

// amendPolicy lets options win over the command line of the kernel.
func amendPolicy(c *verb.Command, p *plan.Policy) {
	if c.Opt.DeviceTimeout.Set {
		p.DeviceTimeout = time.Duration(c.Opt.DeviceTimeout.V) * time.Second
	}
	if c.Opt.OnFailure.Set {
		p.OnFailure = plan.Ending(c.Opt.OnFailure.V)
	}
	if c.Opt.Tries.Set {
		p.Tries = int(c.Opt.Tries.V)
	}
	p.Degraded = p.Degraded || c.Opt.Degraded
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
func bootConfig(c *verb.Command, p plan.Plan, frontends []ask.Frontend) boot.Config {
	// What is said at a console need not be said again on the same screen.
	screen := c.UI.ErrorsOnTerminal() && slices.ContainsFunc(frontends, func(f ask.Frontend) bool {
		_, isConsole := f.(*ask.Console)
		return isConsole
	})
	config := boot.Config{Plan: p, Frontends: frontends, TestOnly: c.Opt.TestPassphrase}
	config.Report = func(e boot.Event) string {
		text := bootWords(e, c.UI.Verbose || c.UI.Debug)
		if text != "" && !screen {
			c.UI.Errorf("%s", text)
		}
		return text
	}
	return config
}

// bootFrontends are the ways to ask: the consoles that are named, or the terminal that this program
// was started at, or the system's console; and plymouth, the agents of systemd, and our socket.
func bootFrontends(consoles []string, keymap string) (all []ask.Frontend, closeAll func(), err error) {
	splash := ask.Plymouth{Socket: ask.PlymouthSocket}
	var closers []func() error
	closeAll = func() {
		for _, shut := range closers {
			_ = shut() // nothing that was written is at stake
		}
	}
	for _, path := range consolePaths(consoles) {
		console, err := ask.OpenConsole(path, keymap)
		if err != nil {
			if len(consoles) > 0 {
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
		if socket, err := ask.Listen(ask.SocketPath); err == nil {
			all, closers = append(all, socket), append(closers, socket.Close)
		}
	}
	return all, closeAll, nil
}

func consolePaths(named []string) []string {
	if len(named) > 0 {
		return named
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		_ = tty.Close()
		return []string{"/dev/tty"}
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return nil // systemd's agents ask at the consoles
	}
	return []string{"/dev/console"}
}

// rebootPatience is how long the reason stays on the screen.
const rebootPatience = 10 * time.Second

// endBoot ends a boot that cannot go on as the policy says, never in a shell.
func endBoot(ctx context.Context, c *verb.Command, how plan.Ending, err error) error {
	if err == nil || ctx.Err() != nil || how != plan.Reboot && how != plan.Halt {
		return err
	}
	for _, line := range verb.Explain(err).Lines {
		c.UI.Errorf("%s", line)
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
	for _, note := range p.Notes {
		c.UI.Printf("note: %s", note)
	}
	if len(p.Volumes) == 0 {
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

// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/assembly"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/startup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/udev"
)

// IsInit tells whether this process is the init of an initial file system.
func IsInit(argv []string) bool {
	return os.Getpid() == 1 && len(argv) > 0 && filepath.Base(argv[0]) == "init"
}

// StartMachine is early boot from the first program to the root's own init, which this process
// becomes. It returns when the kernel refuses to end a boot that failed.
func StartMachine(args []string) int {
	ctx := context.Background()
	inv, err := cli.Parse([]string{"orthrus", "boot"}, []cli.Verb{Boot().Verb})
	c := verb.NewCommand(inv, ui.System())
	calmly(c)
	if err == nil {
		err = startup.Run(ctx, startupSteps(c), args)
	}
	c.Tell(verb.Explain(err))
	c.UI.Errorf("The machine goes down in %v.", rebootPatience)
	time.Sleep(rebootPatience)
	c.UI.Errorf("%v", boot.End(failedStart()))
	return 1
}

// calmly has the runtime send no signals while secrets are about. Without that the boot goes on all the same.
func calmly(c *verb.Command) {
	if err := boot.WithoutPreemption(); err != nil {
		c.UI.Debugf("the runtime sends signals: %v", err)
	}
}

// failedStart is how a boot ends that found no root: as the kernel's command line has it, and never
// by going on, since there is nothing to go on with.
func failedStart() plan.Ending {
	line, err := os.ReadFile("/proc/cmdline")
	if err == nil && cmdline.Parse(string(line), true).OnFailure == string(plan.Halt) {
		return plan.Halt
	}
	return plan.Reboot
}

func startupSteps(c *verb.Command) startup.Steps {
	return startup.Steps{
		Quiet:  func() (restore func() error) { return ask.Hush("/dev/console") },
		Unlock: func(ctx context.Context) error { return bootVolumes(ctx, c, &bootOptions{volumesOnly: true}) },
		Assemble: func(ctx context.Context, unlocked <-chan struct{}) (stop func() error, err error) {
			return assembly.Begin(ctx, unlocked, func(err error) { c.UI.Errorf("%s", verb.OneLine(err)) })
		},
		Verity: func(ctx context.Context) error { return verifyAtStart(ctx, c) },
		Find: func(ctx context.Context, source string) (string, error) {
			found, err := findDevice(ctx, plan.ParseReference(source), plan.DefaultDeviceTimeout)
			if err != nil {
				return "", fmt.Errorf("the root file system: %w", err)
			}
			return found.Node, nil
		},
		Report: func(err error) { c.UI.Errorf("%s", verb.OneLine(err)) },
	}
}

// findDevice waits for a device, which may be a volume that was unlocked or any other.
func findDevice(ctx context.Context, r plan.Reference, patience time.Duration) (found device.Identity, err error) {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	watcher, err := device.Watch(ctx, udev.System{})
	if err != nil {
		return device.Identity{}, err
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	return watcher.Find(ctx, r, plan.RefuseTwins)
}

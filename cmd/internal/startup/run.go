// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// Steps are what others do on the way to the root.
type Steps struct {
	// Quiet keeps what is typed too early off the screen.
	Quiet func() (restore func() error)
	// Assemble begins to start arrays and volume groups as their devices show up, until it is stopped; unlocked is
	// closed when Unlock has ended.
	Assemble func(ctx context.Context, unlocked <-chan struct{}) (stop func() error, err error)
	// Unlock opens the volumes that the root needs, and forgets every secret.
	Unlock func(ctx context.Context) error
	// Find waits for a device and returns its node.
	Find func(ctx context.Context, source string) (string, error)
	// Verity maps what dm-verity is to verify: the root at VerityRoot and /usr at VerityUsr, where the kernel's command
	// line has root hashes, and what the image's veritytab names.
	Verity func(ctx context.Context) error
	// Report is told what goes wrong but stops nothing.
	Report func(error)
}

// Run goes from an empty initial file system to the init of the root, which it
// becomes: it returns only with an error. args are given to that init.
func Run(ctx context.Context, s Steps, args []string) error {
	if err := mountKernel(); err != nil {
		return err
	}
	restore := s.Quiet()
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	line := cmdline.Parse(string(text), true)
	table, err := ui.ReadNamed(ctx, "/etc/fstab", fstab.MaxSize)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := loadModules(ctx, s.Report); err != nil {
		s.Report(err)
	}
	root, err := RootOf(line, fstab.Parse(string(table)))
	if err != nil {
		return err
	}
	stop := listen(ctx, ipParameter(string(text)), s.Report)
	err = s.toRoot(ctx, line, root)
	if stop(); err != nil {
		return err
	}
	if err := errors.Join(tellUdev(), restore()); err != nil {
		s.Report(err)
	}
	return handOver(root, args)
}

// toRoot makes the devices of the root and of /usr, and mounts them.
func (s Steps) toRoot(ctx context.Context, line cmdline.Settings, root Root) error {
	unlocked := make(chan struct{})
	stop, err := s.Assemble(ctx, unlocked)
	if err != nil {
		return err
	}
	// The programs that it started must have ended when the root takes over.
	defer func() {
		if err := stop(); err != nil {
			s.Report(err)
		}
	}()
	if err := s.unlock(ctx, needed(root, line.Verity)); err != nil {
		return err
	}
	close(unlocked)
	// What is not verified is not booted: there is no other way to the root then.
	if err := s.Verity(ctx); err != nil {
		return err
	}
	if err := resume(ctx, line.Resume, s.Find); err != nil {
		s.Report(err)
	}
	device, err := s.Find(ctx, root.Source)
	if err != nil {
		return err
	}
	if err := mountAt(newRoot, device, root); err != nil {
		return err
	}
	return s.usr(ctx, UsrOf(line))
}

// usr mounts a /usr of its own.
func (s Steps) usr(ctx context.Context, usr Root) error {
	if usr.Source == "" {
		return nil
	}
	device, err := s.Find(ctx, usr.Source)
	if err == nil {
		err = mountAt(newRoot+"/usr", device, usr)
	}
	if err != nil {
		return fmt.Errorf("/usr: %w", err)
	}
	return nil
}

// glance is how long a root is looked for that may be there although a volume is not.
const glance = 2 * time.Second

// needed is the device that has to be there once volumes are open: the root, or what it is mapped from; "" where that
// is not known yet.
func needed(root Root, v cmdline.Verity) string {
	if data, _ := v.Root.Devices(); v.RootWanted() {
		return data
	}
	return root.Source
}

// unlock opens the volumes. That one stays closed ends nothing where the root is there without it.
func (s Steps) unlock(ctx context.Context, needed string) error {
	failed := s.Unlock(ctx)
	if failed == nil {
		return nil
	}
	looking, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	if needed != "" {
		if _, err := s.Find(looking, needed); err != nil {
			return failed
		}
	}
	s.Report(failed)
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"os"
)

// Steps are what others do on the way to the root.
type Steps struct {
	// Unlock opens the volumes that the root needs, and forgets every secret.
	Unlock func(ctx context.Context) error
	// Find waits for a device and returns its node.
	Find func(ctx context.Context, source string) (string, error)
	// Report is told what goes wrong but stops nothing.
	Report func(error)
}

// Run goes from an empty initial file system to the init of the root, which it
// becomes: it returns only with an error. args are given to that init.
func Run(ctx context.Context, s Steps, args []string) error {
	if err := mountKernel(); err != nil {
		return err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	fstab, err := os.ReadFile("/etc/fstab")
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := loadModules(s.Report); err != nil {
		s.Report(err)
	}
	if err := s.Unlock(ctx); err != nil {
		return err
	}
	if err := resume(ctx, ParseResume(string(cmdline)), s.Find); err != nil {
		s.Report(err)
	}
	root, err := ParseRoot(string(cmdline), string(fstab))
	if err != nil {
		return err
	}
	device, err := s.Find(ctx, root.Source)
	if err != nil {
		return err
	}
	if err := mountRoot(device, root); err != nil {
		return err
	}
	return handOver(root, args)
}

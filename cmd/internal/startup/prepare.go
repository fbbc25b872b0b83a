// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/dm/folder"
)

const modulesDir = "/lib/modules"

// kernelMounts are what programs expect; all of them move to the root.
var kernelMounts = []struct {
	kind, dir string
	flags     uintptr
	data      string
}{
	{"proc", "/proc", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV, ""},
	{"sysfs", "/sys", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV, ""},
	{"devtmpfs", "/dev", unix.MS_NOSUID, "mode=0755"},
	{"tmpfs", "/run", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755"},
}

func mountKernel() error {
	for _, m := range kernelMounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		err := unix.Mount(m.kind, m.dir, m.kind, m.flags, m.data)
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounting %s: %w", m.dir, err)
		}
	}
	return nil
}

// WrongKernelError says that the image was made for another kernel.
type WrongKernelError struct {
	Running string
	Image   []string // versions
}

func (e *WrongKernelError) Error() string {
	return fmt.Sprintf("this image has the modules of kernel %s, and %s is running", strings.Join(e.Image, ", "),
		e.Running)
}

// loadModules loads the modules of the image; one without any has all it needs in
// the kernel.
func loadModules(ctx context.Context, report func(error)) error {
	if _, err := os.Stat(modulesDir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, err := moduleDir()
	if err != nil {
		return err
	}
	return kmod.LoadAll(ctx, dir, report)
}

func moduleDir() (string, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", err
	}
	running := unix.ByteSliceToString(uts.Release[:])
	dir := filepath.Join(modulesDir, running)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	entries, err := folder.Names(modulesDir)
	if err != nil {
		return "", err
	}
	return "", &WrongKernelError{Running: running, Image: entries}
}

// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"golang.org/x/sys/unix"
)

// Load gives the kernel a module's file, with finit_module(2). A compressed one
// is left to the kernel, which reads one kind where it was built to. A module
// that is loaded already is no error.
func Load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("kernel module: %w", err)
	}
	defer f.Close()
	flags := 0
	if filepath.Ext(file) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	err = unix.FinitModule(int(f.Fd()), "", flags)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("kernel module %s: %w", Name(file), err)
	}
	return nil
}

// LoadAll loads the modules of dir in the order of its modules.dep, which the
// maker of an image wrote so that each comes after those it needs. One that finds
// no hardware is nothing to report, and those that need it are passed over with
// it, as are those that need one that failed.
func LoadAll(ctx context.Context, dir string, report func(error)) error {
	list, err := ui.ReadNamed(ctx, filepath.Join(dir, "modules.dep"), maxList)
	if err != nil {
		return fmt.Errorf("kernel modules: %w", err)
	}
	absent := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		file, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		if file == "" || anyOf(absent, strings.Fields(needs)) {
			absent[file] = true
			continue
		}
		err := Load(filepath.Join(dir, file))
		absent[file] = err != nil
		if err != nil && !errors.Is(err, unix.ENODEV) {
			report(err)
		}
	}
	return nil
}

func anyOf(set map[string]bool, names []string) bool {
	for _, name := range names {
		if set[name] {
			return true
		}
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
)

// Bring adds to a plan the files of its tools: programs, their libraries, and
// their configuration. Errors are of kind ErrTool where a program is missing.
func (s System) Bring(ctx context.Context, p *Plan) error {
	for _, name := range p.Tools {
		tool := tools.Named(name)
		program := tool.Find(s.Root)
		if program == "" {
			return fmt.Errorf("%w: %s, of the package %s", ErrTool, name, tool.Package)
		}
		files, err := s.libraries(ctx, program)
		if err != nil {
			return err
		}
		add(&files, program)
		for _, file := range files {
			p.Files = append(p.Files, File{Path: file, program: true})
		}
		for _, file := range tool.Config {
			p.Files = append(p.Files, File{Path: file, optional: true})
		}
	}
	return nil
}

// libraries asks the system for those that a program is started with, and for what starts it.
func (s System) libraries(ctx context.Context, program string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/ldd", program)
	if filepath.Clean(s.Root) != "/" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.Root}
	}
	cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "not a dynamic executable") {
		return nil, fmt.Errorf("the libraries of %s: %w: %.200s", program, err, out)
	}
	return librariesIn(string(out)), nil
}

// librariesIn reads what ldd(1) prints: "name => /path (address)", or a path alone.
func librariesIn(text string) (paths []string) {
	for _, word := range strings.Fields(text) {
		if strings.HasPrefix(word, "/") {
			add(&paths, word)
		}
	}
	return paths
}

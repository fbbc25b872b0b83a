// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// buildBinaries builds Go packages statically and returns name -> file.
func buildBinaries(ctx context.Context, dir string, packages []string) (map[string]string, error) {
	binaries := map[string]string{}
	for _, pkg := range packages {
		name := path.Base(pkg)
		file := filepath.Join(dir, "bin-"+name)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("machine: go build %s: %w\n%s", pkg, err, out)
		}
		binaries[name] = file
	}
	return binaries, nil
}

// checkStatic refuses a program that the guest could not start: it is the
// guest's init, so it must need no libraries.
func checkStatic(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("machine: %s: %w", file, err)
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("machine: %s is not an amd64 program, and the machine is one", file)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("machine: %s is linked dynamically: run it with CGO_ENABLED=0", file)
		}
	}
	return nil
}

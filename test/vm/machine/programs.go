// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// programs copies programs of the host with the libraries they are linked to.
func (img *image) programs(names []string) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		file, err := findProgram(name)
		if err != nil {
			return err
		}
		if err := img.program(file); err != nil {
			return err
		}
	}
	return img.hiddenLibraries()
}

// findProgram looks a program up in PATH and where root's programs are.
func findProgram(name string) (string, error) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		return name, err
	}
	if file, err := exec.LookPath(name); err == nil {
		return file, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/lib/systemd"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("program %s: %w", name, ErrMissing)
}

func (img *image) program(file string) error {
	if err := img.copyLinked(file); err != nil {
		return err
	}
	libraries, err := linkedTo(file)
	if err != nil {
		return err
	}
	for _, lib := range libraries {
		if err := img.copyLinked(lib); err != nil {
			return err
		}
	}
	return nil
}

// copyLinked copies a file and the links that lead to it.
func (img *image) copyLinked(file string) error {
	for range 8 {
		target, err := os.Readlink(file)
		if err != nil {
			return img.copyFile(file, file)
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(merged(file)), target)
		}
		if merged(target) != merged(file) {
			img.Symlink(merged(file), target)
		}
		file = target
	}
	return fmt.Errorf("%s: too many links", file)
}

// linkedTo asks the dynamic linker for a program's libraries; a static program
// or a script has none.
func linkedTo(file string) ([]string, error) {
	out, err := exec.Command("ldd", file).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "not a dynamic executable") {
			return nil, nil
		}
		return nil, fmt.Errorf("ldd %s: %w: %s", file, err, out)
	}
	return parseLdd(string(out))
}

// parseLdd reads "NAME => FILE (address)" and "FILE (address)" lines.
func parseLdd(out string) ([]string, error) {
	var files []string
	for line := range strings.Lines(out) {
		left, right, arrow := strings.Cut(strings.TrimSpace(line), " => ")
		if !arrow {
			right = left
		}
		file, _, _ := strings.Cut(right, " (")
		if file == "not found" {
			return nil, fmt.Errorf("library %s not found", left)
		}
		if path.IsAbs(file) {
			files = append(files, file)
		}
	}
	return files, nil
}

// hiddenLibraries are opened by others at run time, so no linker names them:
// libgcc_s by glibc when a thread is cancelled, OpenSSL's legacy ciphers and
// hashes by its configuration.
func (img *image) hiddenLibraries() error {
	for _, pattern := range []string{"/lib/*/libgcc_s.so.1", "/usr/lib/*/ossl-modules/*.so"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := img.copyLinked(file); err != nil {
				return err
			}
		}
	}
	return nil
}

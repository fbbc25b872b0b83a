// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrMissing is the kind of every error about a prerequisite that is not
// installed.
var ErrMissing = errors.New("prerequisite missing (run scripts/setup)")

// kernel is an image and the directory of its modules.
type kernel struct {
	image   string
	modules string // the directory that holds kernel/ and modules.builtin
}

// findKernel takes KERNEL and MODULES from the environment, else Debian's
// cloud kernel from the cache. They say nothing of other processors than amd64.
func findKernel(b board) (kernel, error) {
	if image := os.Getenv("KERNEL"); image != "" && b.program == boards[amd64].program {
		return kernelAt(image, os.Getenv("MODULES"))
	}
	cache, err := CacheDir()
	if err != nil {
		return kernel{}, err
	}
	root := filepath.Join(cache, b.kernel)
	image, err := newest(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	modules, err := newest(filepath.Join(root, "lib", "modules", "*"))
	if err != nil {
		return kernel{}, err
	}
	return kernelAt(image, modules)
}

// KernelModules is the directory of the modules of the machines' kernel, named
// after its version.
func KernelModules() (string, error) { return modulesFor(amd64) }

// ModulesARM64 is the same for machines of ARM64.
func ModulesARM64() (string, error) { return modulesFor(ARM64) }

func modulesFor(arch string) (string, error) {
	k, err := findKernel(boards[arch])
	return k.modules, err
}

func kernelAt(image, modules string) (kernel, error) {
	if modules == "" {
		return kernel{}, fmt.Errorf("machine: KERNEL is set to %s but MODULES is not", image)
	}
	for _, p := range []string{image, filepath.Join(modules, "modules.builtin")} {
		if _, err := os.Stat(p); err != nil {
			return kernel{}, fmt.Errorf("machine: kernel: %w: %w", ErrMissing, err)
		}
	}
	return kernel{image: image, modules: modules}, nil
}

// CacheDir is where scripts/setup keeps what it unpacked.
func CacheDir() (string, error) {
	if dir := os.Getenv("ORTHRUS_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("machine: cache: %w", err)
	}
	return filepath.Join(dir, "orthrus"), nil
}

func newest(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("machine: no %s: %w", pattern, ErrMissing)
	}
	return found[len(found)-1], nil
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// The accelerators in use.
const (
	kvm = "kvm"
	tcg = "tcg"
)

// accelerator finds out once how a machine can run here: /dev/kvm may exist and yet fail, at once or at an
// instruction that it does not know, so a machine is really booted.
var accelerator = sync.OnceValues(func() (string, error) {
	if name := os.Getenv("ORTHRUS_ACCEL"); name != "" {
		return name, nil
	}
	if _, err := exec.LookPath(boards[amd64].program); err != nil {
		return "", fmt.Errorf("machine: %s: %w", boards[amd64].program, ErrMissing)
	}
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return tcg, nil
	}
	if knownToFail() {
		return tcg, nil
	}
	return tryKVM(), nil
})

// failureFile names the host's start in which KVM failed: other processes need not find that out as well.
func failureFile() (path string, boot []byte, err error) {
	cache, cacheErr := CacheDir()
	boot, bootErr := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return filepath.Join(cache, "kvm-fails"), boot, errors.Join(cacheErr, bootErr)
}

func knownToFail() bool {
	path, boot, err := failureFile()
	if err != nil {
		return false
	}
	noted, err := os.ReadFile(path)
	return err == nil && bytes.Equal(noted, boot)
}

// rememberFailure may fail: that costs another try, no more.
func rememberFailure() {
	if path, boot, err := failureFile(); err == nil {
		_ = os.WriteFile(path, boot, 0o600)
	}
}

// tryTime is for a boot that takes two seconds where KVM works, on a quiet machine.
const tryTime = 20 * time.Second

// tryKVM boots the machines' kernel up to the first answer of a program, and says what to use. That a machine
// cannot be made at all says nothing of KVM.
func tryKVM() string {
	m, err := newMachine(context.Background(), Config{BootTimeout: tryTime}.withDefaults(), kvm)
	if err != nil {
		return tcg
	}
	defer m.Close()
	if err := m.boot(context.Background()); err != nil {
		rememberFailure()
		return tcg
	}
	return kvm
}

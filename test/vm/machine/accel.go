// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const qemuProgram = "qemu-system-x86_64"

// accelerator finds out once how a machine can run here: /dev/kvm may exist
// and yet fail, so a probe is really started.
var accelerator = sync.OnceValues(func() (string, error) {
	if name := os.Getenv("ORTHRUS_ACCEL"); name != "" {
		return name, nil
	}
	if _, err := exec.LookPath(qemuProgram); err != nil {
		return "", fmt.Errorf("machine: %s: %w", qemuProgram, ErrMissing)
	}
	if _, err := os.Stat("/dev/kvm"); err == nil && kvmWorks() {
		return "kvm", nil
	}
	return "tcg", nil
})

// Probe firmware: 64 KiB whose last 16 bytes, where an x86 processor starts,
// are "mov al, 0x10; out 0xf4, al; hlt". The debug port there ends QEMU with
// status 2*0x10+1.
const (
	probeSize   = 64 << 10
	probeStatus = 2*0x10 + 1
	probeTime   = 5 * time.Second
)

func kvmWorks() bool {
	dir, err := os.MkdirTemp("", "orthrus-probe-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	bios := make([]byte, probeSize)
	copy(bios[probeSize-16:], []byte{0xb0, 0x10, 0xe6, 0xf4, 0xf4})
	file := filepath.Join(dir, "bios")
	if os.WriteFile(file, bios, 0o600) != nil {
		return false
	}
	probe, err := startProcess([]string{
		"-nodefaults", "-no-user-config", "-display", "none",
		"-machine", "q35", "-accel", "kvm", "-cpu", "max", "-m", "64", "-bios", file,
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4",
	})
	if err != nil {
		return false
	}
	select {
	case <-probe.ended:
		return probe.cmd.ProcessState.ExitCode() == probeStatus
	case <-time.After(probeTime):
		probe.kill()
		return false
	}
}

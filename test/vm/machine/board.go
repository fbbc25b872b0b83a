// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
)

// A board is what QEMU emulates for a processor.
type board struct {
	program      string // QEMU's
	machine, cpu string
	console      string   // the kernel's name of the serial port
	args         []string // for the kernel
	kernel       string   // the folder of the cache with its kernel
}

// ARM64 is the value of Config.Arch for a 64-bit ARM, which is always emulated here.
const ARM64 = "arm64"

const amd64 = "amd64"

var boards = map[string]board{
	amd64: {
		program: "qemu-system-x86_64", machine: "q35", cpu: "max", console: "ttyS0", kernel: "kernel",
		args: []string{"random.trust_cpu=on", "tsc=reliable", "mitigations=off"},
	},
	ARM64: {
		program: "qemu-system-aarch64", machine: "virt", cpu: "cortex-a72", console: "ttyAMA0", kernel: "kernel-arm64",
		args: []string{"mitigations=off"},
	},
}

var errArch = errors.New("machine: Config.Arch is amd64 or arm64, and arm64 goes with Config.Initramfs alone")

// board is that of the configuration. What runs inside is made for amd64: another machine brings an image of its own.
func (c Config) board() (board, error) {
	b, known := boards[c.Arch]
	if !known || c.Arch != amd64 && c.Initramfs == "" {
		return board{}, fmt.Errorf("%w: %q", errArch, c.Arch)
	}
	return b, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// unixStat is what os.FileInfo holds on Linux.
type unixStat = syscall.Stat_t

// number is a device's major and minor.
type number struct{ major, minor uint32 }

// stack is everything that stands on a device: mappings, arrays, mounts, however deep.
type stack struct {
	devices map[number]bool
	mounts  []string
}

func newStack(major, minor uint32) stack {
	s := stack{devices: map[number]bool{}}
	s.climb(number{major, minor})
	return s
}

func (s *stack) climb(n number) {
	if s.devices[n] {
		return
	}
	s.devices[n] = true
	holders, err := block.Holders(n.major, n.minor)
	if err != nil {
		return // gone, or nothing that sysfs knows
	}
	for _, h := range holders {
		switch h.Kind {
		case block.HolderDevice:
			s.climb(number{h.Major, h.Minor})
		case block.HolderMount:
			s.mounts = append(s.mounts, h.Name)
		}
	}
}

// settleClones refuses, or asks a person, where another attached device bears the same UUID: a
// header must not be mended by guess which of the two it belongs to.
func (c *command) settleClones(ctx context.Context, path, uuid string) error {
	if c.o.IgnoreClones {
		return nil
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return deviceError(path, err)
	}
	defer file.Close()
	devices, err := block.Devices()
	if err != nil {
		c.ui.Debugf("no list of devices: %v", err)
		return nil
	}
	clones := findClones(ctx, file, uuid, devices, uuidOf)
	if len(clones) == 0 {
		return nil
	}
	text := fmt.Sprintf("Another device with UUID %s is attached: %s.", uuid, strings.Join(clones, ", "))
	if c.ui.Batch || !c.ui.Interactive() {
		return failure(ui.Failed, "%s Detach it, or add --ignore-clones.", text)
	}
	return c.ui.Confirm(ctx, ui.Confirmation{Text: text + "\nMake sure that " + path + " is the one to repair."})
}

// findClones lists the devices with that UUID which are not file itself, seen from above or below.
func findClones(ctx context.Context, file *luks.File, uuid string, devices []block.Info, uuidOf func(context.Context, string) string) []string {
	var clones []string
	for _, d := range devices {
		same := file.IsBlock() && d.Major == file.Major() && d.Minor == file.Minor()
		if same || d.Size == 0 || uuidOf(ctx, d.Path) != uuid || sameBytes(file, d) {
			continue
		}
		clones = append(clones, d.Path)
	}
	return clones
}

// uuidOf is the UUID of the volume on a device, "" for none.
func uuidOf(ctx context.Context, path string) string {
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return ""
	}
	defer dev.Close()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return ""
	}
	return v.UUID
}

// sameBytes: one stands on the other (multipath, RAID 1, a linear mapping), or one is a loop device
// of the other or of the same file.
func sameBytes(file *luks.File, d block.Info) bool {
	backing, err := block.LoopBacking(d.Path)
	if err == nil && sameFile(backing, file.Path()) {
		return true
	}
	if !file.IsBlock() {
		return false
	}
	if own, ownErr := block.LoopBacking(file.Path()); ownErr == nil && (sameFile(own, d.Path) || err == nil && sameFile(own, backing)) {
		return true
	}
	target, other := number{file.Major(), file.Minor()}, number{d.Major, d.Minor}
	return newStack(target.major, target.minor).devices[other] || newStack(other.major, other.minor).devices[target]
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// UdevFlags tell the udev rules how to treat the uevent of an operation. They travel in the upper 16
// bits of the cookie (10-dm.rules, "dmsetup udevflags").
type UdevFlags uint16

// The flags of libdevmapper.h. DisableLibraryFallback and PrimarySource are always added here.
const (
	UdevDisableDMRules         UdevFlags = 0x01 // no /dev/mapper link
	UdevDisableSubsystemRules  UdevFlags = 0x02
	UdevDisableDiskRules       UdevFlags = 0x04 // no /dev/disk links, no blkid
	UdevDisableOtherRules      UdevFlags = 0x08
	UdevLowPriority            UdevFlags = 0x10
	UdevDisableLibraryFallback UdevFlags = 0x20
	UdevPrimarySource          UdevFlags = 0x40

	// UdevPrivate is for devices nobody but the owner of the stack should look at, such as the
	// integrity device below a crypt device.
	UdevPrivate = UdevDisableSubsystemRules | UdevDisableDiskRules | UdevDisableOtherRules
)

// cookieMagic fills the upper half of a semaphore's key; the lower half is the cookie proper.
const cookieMagic = 0x0D4D << 16

// udev says whether and how to wait for udevd.
type udev struct {
	control string   // exists while udevd runs
	rules   []string // globs of the rule that completes cookies
	limit   time.Duration
}

func systemUdev() udev {
	u := udev{control: "/run/udev/control", limit: 30 * time.Second}
	for _, dir := range []string{"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"} {
		u.rules = append(u.rules, filepath.Join(dir, "udev/rules.d/*dm-notify*.rules"))
	}
	return u
}

// completes reports whether somebody will count cookies down: udevd alone does not, the
// device-mapper's rules must be there as well.
func (u udev) completes() bool {
	if _, err := os.Stat(u.control); err != nil {
		return false
	}
	for _, glob := range u.rules {
		if found, _ := filepath.Glob(glob); len(found) > 0 {
			return true
		}
	}
	return false
}

// cookie is one wait for udev: a semaphore that counts the uevents not yet processed.
type cookie struct {
	sem   semaphore
	value uint32 // for event_nr
	limit time.Duration
}

// cookie makes a cookie that counts one event; nil where nobody would complete it.
func (u udev) cookie(flags UdevFlags) *cookie {
	if !u.completes() {
		return nil
	}
	flags |= UdevDisableLibraryFallback | UdevPrimarySource
	for range 64 {
		low := 1 + rand.Uint32N(0xffff)
		sem, err := newSemaphore(cookieMagic | low)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil // no SysV semaphores: the node is made here instead
		}
		k := &cookie{sem: sem, value: uint32(flags)<<16 | low, limit: u.limit}
		if sem.add(1) != nil {
			_ = sem.remove()
			return nil
		}
		return k
	}
	return nil
}

func (k *cookie) eventNr() uint32 {
	if k == nil {
		return 0
	}
	return k.value
}

// settle waits until udev has processed the event, at most for the limit, and drops the semaphore.
// generated is false when the kernel sent no event, so that nobody else will count down.
func (k *cookie) settle(ctx context.Context, generated bool) error {
	if k == nil {
		return nil
	}
	var errs []error
	if !generated {
		errs = append(errs, k.sem.add(-1))
	}
	ctx, cancel := context.WithTimeout(ctx, k.limit)
	defer cancel()
	if err := k.sem.waitZero(ctx); err != nil {
		errs = append(errs, fmt.Errorf("device-mapper: cookie %#x: %w: %w", k.value, ErrUdev, err))
	}
	if err := k.sem.remove(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EIDRM) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// synced runs a call that makes the kernel send a uevent, and waits for udev to process it. Once the
// kernel has done its part a silent udev is a warning, not an error.
func (c *Control) synced(ctx context.Context, q call, flags UdevFlags) (*answer, error) {
	k := c.udev.cookie(flags)
	q.eventNr = k.eventNr()
	a, err := c.run(q)
	if err != nil {
		_ = k.settle(ctx, false)
		return nil, err
	}
	c.warn(k.settle(ctx, a.flag(unix.DM_UEVENT_GENERATED_FLAG)))
	return a, nil
}

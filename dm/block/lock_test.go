// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// blockDevice is a Device that passes for block device 7:300 without one.
func blockDevice(t *testing.T) *Device {
	t.Helper()
	d := open(t, image(t, 4096), ReadWrite)
	d.block, d.number = true, unix.Mkdev(7, 300)
	return d
}

func directory(t *testing.T) LockDirectory {
	return LockDirectory(filepath.Join(t.TempDir(), "cryptsetup"))
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func mustLock(t *testing.T, dir LockDirectory, d *Device, kind LockKind) *Lock {
	t.Helper()
	lock, err := dir.Lock(t.Context(), d, kind)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestLockFileIsNamedByNumberAndGoesWithTheLock(t *testing.T) {
	dir := directory(t)
	lock := mustLock(t, dir, blockDevice(t), LockExclusive)
	st, err := os.Stat(string(dir))
	if err != nil || st.Mode() != fs.ModeDir|0o700 {
		t.Fatalf("directory: %v, %v", st.Mode(), err)
	}
	name := filepath.Join(string(dir), "L_7:300")
	if st, err := os.Stat(name); err != nil || st.Mode()&^0o022 != 0o644 {
		t.Fatalf("lock file: %v", err)
	}
	for range 2 {
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("lock file after release: %v", err)
	}
}

func TestLocksExcludeAsTheirKindsSay(t *testing.T) {
	path := image(t, 4096)
	kinds := map[string]func(t *testing.T) *Device{
		"block device": blockDevice,
		"image":        func(t *testing.T) *Device { return open(t, path, 0) },
	}
	for name, device := range kinds {
		for _, test := range []struct {
			held, wanted LockKind
			granted      bool
		}{
			{LockShared, LockShared, true},
			{LockShared, LockExclusive, false},
			{LockExclusive, LockShared, false},
			{LockExclusive, LockExclusive, false},
		} {
			t.Run(fmt.Sprint(name, test), func(t *testing.T) {
				dir := directory(t)
				lock := mustLock(t, dir, device(t), test.held)
				defer lock.Release()
				second, err := dir.Lock(soon(t), device(t), test.wanted)
				defer second.Release()
				if (err == nil) != test.granted || err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("%v", err)
				}
			})
		}
	}
}

func TestCancelledWaitLeavesNothingLocked(t *testing.T) {
	dir := directory(t)
	first := mustLock(t, dir, blockDevice(t), LockExclusive)
	waiter := blockDevice(t)
	if _, err := dir.Lock(soon(t), waiter, LockExclusive); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := mustLock(t, dir, waiter, LockExclusive).Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOfOneDeviceDoesNotNestAndOutlivesClose(t *testing.T) {
	dir, d := directory(t), open(t, image(t, 4096), ReadWrite)
	lock := mustLock(t, dir, d, LockShared)
	if _, err := dir.Lock(t.Context(), d, LockShared); !errors.Is(err, ErrHeld) {
		t.Fatalf("second lock: %v", err)
	}
	if _, err := d.WriteAt([]byte("not hindered by its own lock"), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other := open(t, d.Path(), 0)
	if _, err := dir.Lock(soon(t), other, LockExclusive); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("lock gone with the device: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := mustLock(t, dir, other, LockExclusive).Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOfAReplacedImageIsRefused(t *testing.T) {
	d := open(t, image(t, 4096), 0)
	if err := os.Rename(image(t, 4096), d.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := directory(t).Lock(t.Context(), d, LockShared); !errors.Is(err, ErrReplaced) {
		t.Fatal(err)
	}
}

func TestLockDirectoryIsNotFollowedThroughALink(t *testing.T) {
	dir := directory(t)
	if err := os.Symlink(t.TempDir(), string(dir)); err != nil {
		t.Fatal(err)
	}
	_, err := dir.Lock(t.Context(), blockDevice(t), LockShared)
	if !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOTDIR) {
		t.Fatal(err)
	}
	if _, err := LockDirectory("/proc/no/such").Lock(t.Context(), blockDevice(t), LockShared); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestNamedLocks(t *testing.T) {
	dir := directory(t)
	lock, err := dir.TryLockName("LUKS2-reencryption-u")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(string(dir), "LN_LUKS2-reencryption-u")); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.TryLockName("LUKS2-reencryption-u"); !errors.Is(err, ErrLocked) {
		t.Fatalf("tried: %v", err)
	}
	if _, err := dir.LockName(soon(t), "LUKS2-reencryption-u"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("waited: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.TryLockName("../L_7:300"); !errors.Is(err, fs.ErrInvalid) {
		t.Fatalf("name with a slash: %v", err)
	}
}

// Holders remove the lock file while others open it: at no time do two hold the lock.
func TestOneHolderAtATimeWhileLockFilesComeAndGo(t *testing.T) {
	dir := directory(t)
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		d := blockDevice(t)
		all.Go(func() {
			for range 50 {
				lock, err := dir.lockDevice(t.Context(), d, LockExclusive)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				inside.Add(-1)
				if err := lock.release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Fatalf("%d held an exclusive lock at once", most.Load())
	}
}

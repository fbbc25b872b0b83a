// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// formatted makes path a LUKS2 volume by cryptsetup.
func formatted(t *testing.T, path string) {
	t.Helper()
	format := exec.Command("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", path, "-")
	format.Stdin = strings.NewReader("secret")
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// started runs cryptsetup and gives its end.
func started(t *testing.T, args ...string) <-chan error {
	t.Helper()
	command := exec.Command("cryptsetup", args...)
	command.Stdin = strings.NewReader("secret")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	return ended
}

func stillWaits(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		t.Errorf("did not wait for the lock: %v", err)
	case <-time.After(time.Second):
	}
}

func ends(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(pace.Limit(30 * time.Second)):
		t.Error("still waiting though the lock is free")
	}
}

func locked(t *testing.T, d *block.Device, kind block.LockKind) *block.Lock {
	t.Helper()
	lock, err := d.Lock(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestCryptsetupWaitsForOurLocks(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, _ := loopOver(t, 32*mib, block.LoopOptions{})
		formatted(t, loop.Path)
		d := opened(t, loop.Path, block.ReadWrite|block.Direct)
		lock := locked(t, d, block.LockExclusive)
		if _, err := os.Stat(fmt.Sprintf("/run/cryptsetup/L_%d:%d", d.Major(), d.Minor())); err != nil {
			t.Error(err)
		}
		reader := started(t, "luksDump", loop.Path)
		stillWaits(t, reader)
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		ends(t, reader)

		lock = locked(t, d, block.LockShared)
		ends(t, started(t, "luksDump", loop.Path))
		writer := started(t, "config", "--label", "changed", loop.Path)
		stillWaits(t, writer)
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		ends(t, writer)
		noLocksLeft(t)
	})
}

func TestCryptsetupWaitsForOurLockOnAnImage(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, file := loopOver(t, 32*mib, block.LoopOptions{})
		if err := loop.Detach(); err != nil {
			t.Fatal(err)
		}
		formatted(t, file)
		lock := locked(t, opened(t, file, block.ReadWrite), block.LockExclusive)
		reader := started(t, "luksDump", file)
		stillWaits(t, reader)
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		ends(t, reader)
	})
}

// cryptsetup is kept inside its lock by a device that takes half a second for each read.
func TestWeWaitForCryptsetupsLock(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, _ := loopOver(t, 32*mib, block.LoopOptions{})
		formatted(t, loop.Path)
		under := opened(t, loop.Path, 0)
		params, err := secret.From(fmt.Appendf(nil, "%d:%d 0 500", under.Major(), under.Minor()))
		if err != nil {
			t.Fatal(err)
		}
		slow := &target.Raw{Length: 32 * mib / 512, Kind: "delay", Text: params}
		_, node := activate(t, mapper(t), dm.Plan{Name: freshName(), Table: dm.Table{slow}})
		d := opened(t, node, 0)
		reader := started(t, "luksDump", d.Path())
		lockFile := fmt.Sprintf("/run/cryptsetup/L_%d:%d", d.Major(), d.Minor())
		machine.Eventually(t, 20*time.Second, "cryptsetup takes its lock", func() bool { return heldBySomebody(lockFile) })

		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := d.Lock(soon, block.LockExclusive); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("exclusive beside cryptsetup's lock: %v", err)
		}
		if err := locked(t, d, block.LockShared).Release(); err != nil {
			t.Errorf("shared beside cryptsetup's: %v", err)
		}
		lock := locked(t, d, block.LockExclusive)
		if lock.HoldsUdev() {
			t.Error("udevd is said to honour a lock on a device-mapper node")
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
		ends(t, reader)
		noLocksLeft(t)
	})
}

func heldBySomebody(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func noLocksLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir("/run/cryptsetup")
	if err != nil || len(left) != 0 {
		t.Errorf("left in the lock directory: %v, %v", left, err)
	}
}

func TestExclusiveLockHoldsBackUdevd(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		d := opened(t, machine.DiskPath(t, "b"), block.ReadWrite)
		lock := locked(t, d, block.LockExclusive)
		if !lock.HoldsUdev() || !heldBySomebody(d.Path()) {
			t.Error("the node of the disk is not locked")
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		if heldBySomebody(d.Path()) {
			t.Error("the node of the disk stays locked")
		}
		other, err := os.Open(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := unix.Flock(int(other.Fd()), unix.LOCK_SH); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		lock = locked(t, d, block.LockExclusive)
		if lock.HoldsUdev() || time.Since(began) > pace.Limit(5*time.Second) {
			t.Errorf("node held by another: %v after %v", lock.HoldsUdev(), time.Since(began))
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	})
}

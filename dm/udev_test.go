// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// testUdev looks as if udevd ran with the device-mapper's rules.
func testUdev(t *testing.T, limit time.Duration) udev {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"control", "95-dm-notify.rules"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return udev{filepath.Join(dir, "control"), []string{filepath.Join(dir, "*dm-notify*.rules")}, limit}
}

func TestCookieCarriesFlagsAndMagic(t *testing.T) {
	k := testUdev(t, time.Second).cookie(UdevPrivate)
	if k == nil {
		t.Fatal("no cookie")
	}
	defer k.settle(t.Context(), false)
	if got := k.value >> 16; got != 0x20|0x40|0x02|0x04|0x08 {
		t.Errorf("flags %#x", got)
	}
	// What dmsetup udevcomplete does with DM_COOKIE.
	key := k.value&0xffff | 0x0D4D<<16
	id, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(key), 1, 0)
	if errno != 0 || semaphore(id) != k.sem {
		t.Fatalf("key %#x finds %d, %v; want %d", key, id, errno, k.sem)
	}
	if n, err := k.sem.value(); n != 1 || err != nil {
		t.Errorf("value %d, %v; want 1", n, err)
	}
}

func TestSettleWaitsForTheCountdown(t *testing.T) {
	k := testUdev(t, pace.Limit(10*time.Second)).cookie(0)
	const delay = 150 * time.Millisecond
	result := make(chan error, 1)
	go func() {
		time.Sleep(delay)
		result <- k.sem.add(-1)
	}()
	start := time.Now()
	if err := k.settle(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < delay || took > pace.Limit(5*time.Second) {
		t.Errorf("waited %v", took)
	}
	if _, err := k.sem.value(); err == nil {
		t.Error("the semaphore is still there")
	}
}

func TestSilentUdevIsGivenUpOn(t *testing.T) {
	k := testUdev(t, 200*time.Millisecond).cookie(0)
	if err := k.settle(t.Context(), true); !errors.Is(err, ErrUdev) {
		t.Fatalf("%v, want ErrUdev", err)
	}
	if _, err := k.sem.value(); err == nil {
		t.Error("the semaphore is still there")
	}
}

func TestEventTheKernelDidNotSendIsCountedHere(t *testing.T) {
	c, k := fake(t, func(_ fakeCall, h *header) ([]byte, error) { return nil, nil })
	c.udev = testUdev(t, time.Minute)
	c.Warn = func(err error) { t.Error(err) }
	a, err := c.synced(t.Context(), call{op: opResume, cmd: unix.DM_DEV_SUSPEND, device: ref{name: "x"}}, 0)
	if err != nil || a == nil {
		t.Fatal(err)
	}
	if k.calls[0].header.EventNr == 0 {
		t.Error("no cookie in event_nr")
	}
}

func TestSilentUdevIsAWarning(t *testing.T) {
	c, _ := fake(t, func(_ fakeCall, h *header) ([]byte, error) {
		h.Flags |= unix.DM_UEVENT_GENERATED_FLAG
		return nil, nil
	})
	c.udev = testUdev(t, 100*time.Millisecond)
	var warned error
	c.Warn = func(err error) { warned = err }
	if _, err := c.synced(t.Context(), call{op: opResume, cmd: unix.DM_DEV_SUSPEND, device: ref{name: "x"}}, 0); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(warned, ErrUdev) {
		t.Errorf("warned of %v", warned)
	}
}

func TestNoCookieWithoutUdevOrItsRules(t *testing.T) {
	u := testUdev(t, time.Second)
	u.rules = nil
	if u.cookie(0) != nil {
		t.Error("a cookie nobody completes")
	}
	u = testUdev(t, time.Second)
	u.control += "-gone"
	if u.cookie(0) != nil {
		t.Error("a cookie without udevd")
	}
}

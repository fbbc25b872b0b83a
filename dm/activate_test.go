// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

var zeroTable = Table{&target.Zero{Length: 8}}

func TestFailedActivationRemovesItsOwnDeviceByNumber(t *testing.T) {
	dev := unix.Mkdev(253, 17)
	for _, step := range []struct {
		name string
		cmd  uintptr
	}{{"load", unix.DM_TABLE_LOAD}, {"resume", unix.DM_DEV_SUSPEND}} {
		t.Run(step.name, func(t *testing.T) {
			gone := false
			c, k := fake(t, func(call fakeCall, h *header) ([]byte, error) {
				switch {
				case call.cmd == step.cmd:
					return nil, unix.EIO
				case call.cmd == unix.DM_DEV_REMOVE:
					gone = true
				case call.cmd == unix.DM_DEV_STATUS && gone:
					return nil, unix.ENXIO
				}
				h.Dev = dev
				return nil, nil
			})
			_, err := c.Activate(t.Context(), Plan{Name: "x", UUID: "CRYPT-x", Table: zeroTable})
			if !errors.Is(err, unix.EIO) {
				t.Fatalf("%v, want EIO", err)
			}
			removed := k.named(unix.DM_DEV_REMOVE)
			if len(removed) != 1 || removed[0].header.Dev != dev || cString(removed[0].header.Name[:]) != "" {
				t.Fatalf("removals %+v; want one, by number", removed)
			}
		})
	}
}

func TestActivationOfATakenNameTouchesNothing(t *testing.T) {
	c, k := fake(t, func(fakeCall, *header) ([]byte, error) { return nil, unix.EBUSY })
	if _, err := c.Activate(t.Context(), Plan{Name: "x", Table: zeroTable}); !errors.Is(err, ErrExists) {
		t.Fatalf("%v, want ErrExists", err)
	}
	if len(k.calls) != 1 {
		t.Errorf("%d calls, want the create alone", len(k.calls))
	}
}

func TestBusyRemovalIsRetriedWithinItsBound(t *testing.T) {
	for _, test := range []struct {
		name     string
		attempts int // that find the device in use
		retry    time.Duration
		busy     bool
	}{
		{"no retry", 1, 0, true},
		{"in use for good", 1000, 500 * time.Millisecond, true},
		{"released in time", 2, pace.Limit(5 * time.Second), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			c, _ := fake(t, func(call fakeCall, h *header) ([]byte, error) {
				if call.cmd == unix.DM_DEV_REMOVE {
					if attempts++; attempts <= test.attempts {
						return nil, unix.EBUSY
					}
				}
				h.OpenCount = 3
				return nil, nil
			})
			start := time.Now()
			_, err := c.Remove(t.Context(), "x", RemoveOptions{Retry: test.retry})
			var busy *BusyError
			if errors.As(err, &busy) != test.busy || errors.Is(err, ErrBusy) != test.busy {
				t.Fatalf("%v after %d attempts", err, attempts)
			}
			if test.busy && busy.OpenCount != 3 {
				t.Errorf("open count %d", busy.OpenCount)
			}
			if took := time.Since(start); took > test.retry+pace.Limit(time.Second) {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestCancelledRemovalSaysBoth(t *testing.T) {
	c, _ := fake(t, func(call fakeCall, _ *header) ([]byte, error) {
		if call.cmd == unix.DM_DEV_REMOVE {
			return nil, unix.EBUSY
		}
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Remove(ctx, "x", RemoveOptions{Retry: time.Hour})
	if !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

func TestBusyErrorNamesTheHolders(t *testing.T) {
	err := &BusyError{Device: "data", OpenCount: 2, Holders: []block.Holder{
		{Kind: block.HolderDevice, Name: "home"},
		{Kind: block.HolderMount, Name: "/mnt"},
		{Kind: block.HolderProcess, Name: "dd", PID: 7},
	}}
	const want = `device-mapper: remove "data": in use, open count 2: device home, mounted on /mnt, process 7 (dd)`
	if got := err.Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestNodeInThePlaceOfAFileIsRefused(t *testing.T) {
	n := nodes{dir: t.TempDir()}
	path := n.path("x")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *NodeError
	if err := n.ensure("x", unix.Mkdev(253, 0)); !errors.Is(err, ErrNode) || !errors.As(err, &e) || e.Path != path {
		t.Errorf("ensure: %v", err)
	}
	if err := n.drop("x", unix.Mkdev(253, 0)); err != nil {
		t.Errorf("drop: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestDanglingLinkIsDropped(t *testing.T) {
	n := nodes{dir: t.TempDir()}
	for name, to := range map[string]string{"gone": "../dm-no-such", "other": "/dev/null"} {
		if err := os.Symlink(to, n.path(name)); err != nil {
			t.Fatal(err)
		}
		if err := n.drop(name, unix.Mkdev(253, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := os.ReadDir(n.dir)
	if err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestMiscMinorIsReadFromProc(t *testing.T) {
	path := filepath.Join(t.TempDir(), "misc")
	for text, want := range map[string]string{
		"":                                       "236 false",
		"229 fuse\n 57 device-mapper\n":          "57 true",
		"236 device-mapper-other\n1 something\n": "236 false",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		minor, known := miscMinor(path)
		if got := fmt.Sprint(minor, known); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestReadAheadIsOnlyRaised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "read_ahead_kb")
	for _, test := range []struct{ now, want string }{{"64\n", "128"}, {"128\n", "128\n"}, {"4096\n", "4096\n"}} {
		if err := os.WriteFile(path, []byte(test.now), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := raiseReadAhead(path, 256); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != test.want {
			t.Errorf("%q became %q, %v", test.now, got, err)
		}
	}
}

func TestControlThatIsNoDeviceIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	p := paths{mapper: filepath.Join(dir, "mapper"), misc: filepath.Join(dir, "misc")}
	if err := os.Mkdir(p.mapper, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.control(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openControl(p)
	if !errors.Is(err, ErrNoDeviceMapper) || !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v, want ErrNoDeviceMapper", err)
	}
	if text, err := os.ReadFile(p.control()); err != nil || string(text) != "x" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestControlOfSomethingElseIsNoDeviceMapper(t *testing.T) {
	c, _ := fake(t, func(fakeCall, *header) ([]byte, error) { return nil, unix.ENOTTY })
	if err := c.negotiate(); !errors.Is(err, ErrNoDeviceMapper) {
		t.Errorf("%v, want ErrNoDeviceMapper", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// udevConfig is a machine in which systemd's udevd can run with libdevmapper's rules.
func udevConfig() machine.Config {
	return machine.Config{
		Modules:  []string{"dm-mod", "dm-zero", "dm-crypt"},
		Programs: []string{"systemd-udevd", "udevadm", "dmsetup", "sh"},
		Files:    map[string]string{"/lib/udev/rules.d": "/lib/udev/rules.d"},
	}
}

// startUdevd starts the real daemon and returns its process id.
func startUdevd(t *testing.T) int {
	t.Helper()
	daemon := exec.Command("/lib/systemd/systemd-udevd")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	for range 200 {
		if exec.Command("udevadm", "control", "--ping").Run() == nil {
			return daemon.Process.Pid
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("udevd does not answer")
	return 0
}

// semaphores counts the SysV semaphores of the system.
func semaphores(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/sem")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(strings.TrimSpace(string(text)), "\n")
}

func linkOf(name string) string {
	to, err := os.Readlink("/dev/mapper/" + name)
	if err != nil {
		return "no link"
	}
	return to
}

func TestCookiesWithRealUdev(t *testing.T) {
	vm := machine.Boot(t, udevConfig())
	vm.Step(t, "cookies", func(t *testing.T) {
		pid := startUdevd(t)
		c := mapper(t)
		t.Run("udev has made and removed the link when the call returns", func(t *testing.T) { linksComeAndGo(t, c) })
		t.Run("libdevmapper and we share devices", func(t *testing.T) { shareWithDmsetup(t, c) })
		t.Run("many at once", func(t *testing.T) { manyCookies(t, c) })
		t.Run("a stuck udevd does not outlast the context", func(t *testing.T) { stuckUdev(t, pid) })
		if n := semaphores(t); n != 0 {
			t.Errorf("%d semaphores left behind", n)
		}
	})
}

func linksComeAndGo(t *testing.T, c *dm.Control) {
	name, renamed := freshName(), freshName()
	for range 5 {
		info, err := c.Activate(t.Context(), dm.Plan{Name: name, UUID: "CRYPT-UDEV", Table: zeros(mib)})
		if err != nil {
			t.Fatal(err)
		}
		if got := linkOf(name); !strings.HasPrefix(got, "../dm-") {
			t.Errorf("after activation: %s", got)
		}
		data, err := os.ReadFile("/run/udev/data/b" + dm.Number{Major: info.Major, Minor: info.Minor}.String())
		if err != nil || !strings.Contains(string(data), "E:DM_UUID=CRYPT-UDEV") || !strings.Contains(string(data), "E:DM_ACTIVATION=1") {
			t.Errorf("udev's record, %v:\n%s", err, data)
		}
		if _, err := c.Rename(t.Context(), name, renamed, 0); err != nil {
			t.Fatal(err)
		}
		if linkOf(name) != "no link" || linkOf(renamed) == "no link" {
			t.Errorf("after rename: %s and %s", linkOf(name), linkOf(renamed))
		}
		if _, err := c.Remove(t.Context(), renamed, dm.RemoveOptions{Retry: pace.Limit(10 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		if linkOf(renamed) != "no link" {
			t.Errorf("after removal: %s", linkOf(renamed))
		}
	}
}

func shareWithDmsetup(t *testing.T, c *dm.Control) {
	ours, theirs := freshName(), freshName()
	if _, err := c.Activate(t.Context(), dm.Plan{Name: ours, Table: zeros(mib)}); err != nil {
		t.Fatal(err)
	}
	dmsetup(t, "remove", "--retry", ours)
	dmsetup(t, "create", theirs, "--table", "0 2048 zero")
	if _, err := c.Remove(t.Context(), theirs, dm.RemoveOptions{Retry: pace.Limit(10 * time.Second)}); err != nil {
		t.Error(err)
	}
	if linkOf(ours) != "no link" || linkOf(theirs) != "no link" {
		t.Errorf("links %s and %s", linkOf(ours), linkOf(theirs))
	}
}

func manyCookies(t *testing.T, c *dm.Control) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				name := freshName()
				if _, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: zeros(mib)}); err != nil {
					t.Error(err)
					continue
				}
				if linkOf(name) == "no link" {
					t.Errorf("%s has no link", name)
				}
				if _, err := c.Remove(t.Context(), name, dm.RemoveOptions{Retry: pace.Limit(20 * time.Second)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func stuckUdev(t *testing.T, pid int) {
	c, err := dm.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var warnings []error
	c.Warn = func(err error) { warnings = append(warnings, err) }
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	before := deviceNames(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	if _, err := c.Activate(ctx, dm.Plan{Name: freshName(), Table: zeros(mib)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > pace.Limit(10*time.Second) {
		t.Errorf("took %v", took)
	}
	if len(warnings) == 0 || !errors.Is(warnings[0], dm.ErrUdev) {
		t.Errorf("warnings %v", warnings)
	}
	if after := deviceNames(t, c); after != before {
		t.Errorf("devices were %s, are %s", before, after)
	}
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// nodeOf tells the kind, mode, owner and number of a node, or why there is none.
func nodeOf(path string) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%o %d:%d", st.Mode, unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
}

const noNode = "no such file or directory"

func TestNodeComesAndGoesWithItsDevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := freshName()
		info, node := activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		want := fmt.Sprintf("60660 %d:%d", info.Major, info.Minor)
		if got := nodeOf(node); got != want {
			t.Errorf("node %s, want %s", got, want)
		}
		if got := readAt(t, node, 4096); !bytes.Equal(got, make([]byte, 4096)) {
			t.Error("the device does not read as zeros")
		}
		if _, err := c.Activate(t.Context(), dm.Plan{Name: device, Table: zeros(mib)}); !errors.Is(err, dm.ErrExists) {
			t.Errorf("second device of that name: %v, want ErrExists", err)
		}
		if _, err := c.Remove(t.Context(), device, dm.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := nodeOf(node); got != noNode {
			t.Errorf("after removal: %s", got)
		}
		for name, err := range map[string]error{
			"status": second(c.Status(device)),
			"remove": second(c.Remove(t.Context(), device, dm.RemoveOptions{})),
			"load":   second(c.Load(device, zeros(mib), dm.LoadOptions{})),
		} {
			if !errors.Is(err, dm.ErrNotFound) {
				t.Errorf("%s of a removed device: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestStaleNodeIsReplacedAndAFileIsNot(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := freshName()
		path := "/dev/mapper/" + device
		if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 99))); err != nil {
			t.Fatal(err)
		}
		info, node := activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		if got, want := nodeOf(node), fmt.Sprintf("60660 %d:%d", info.Major, info.Minor); got != want {
			t.Errorf("node %s, want %s", got, want)
		}
		other := freshName()
		if err := os.WriteFile("/dev/mapper/"+other, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.Remove("/dev/mapper/" + other)
		before := deviceNames(t, c)
		if _, err := c.Activate(t.Context(), dm.Plan{Name: other, Table: zeros(mib)}); !errors.Is(err, dm.ErrNode) {
			t.Errorf("a file in the node's place: %v, want ErrNode", err)
		}
		if after := deviceNames(t, c); after != before {
			t.Errorf("devices were %s, are %s", before, after)
		}
	})
}

func TestControlNodeIsMadeWhereItIsAbsent(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		mapper(t) // the module is there
		if err := os.Remove("/dev/mapper/control"); err != nil {
			t.Fatal(err)
		}
		c := mapper(t)
		if got := nodeOf("/dev/mapper/control"); !strings.HasPrefix(got, "20600 10:") {
			t.Errorf("made %s", got)
		}
		deviceNames(t, c)
	})
}

func TestNamesReachTheKernelWhole(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		for _, test := range []struct{ name, kernel string }{
			{strings.Repeat("n", 127), strings.Repeat("n", 127)},
			{"my disk, please", `my\x20disk\x2c\x20please`},
		} {
			uuid := "CRYPT-" + strings.Repeat("u", 122)
			info, node := activate(t, c, dm.Plan{Name: test.name, UUID: uuid, Table: zeros(mib)})
			if info.Name != test.kernel || info.UUID != uuid || node != "/dev/mapper/"+test.kernel {
				t.Errorf("%q became %q with uuid %q at %s", test.name, info.Name, info.UUID, node)
			}
			// libdevmapper finds it under the name its user speaks.
			if got := dmsetup(t, "info", "-c", "--noheadings", "-o", "mangled_name", test.name); got != test.kernel {
				t.Errorf("dmsetup calls it %q", got)
			}
			if _, err := c.Remove(t.Context(), test.name, dm.RemoveOptions{}); err != nil {
				t.Error(err)
			}
		}
		before := deviceNames(t, c)
		for _, name := range []string{strings.Repeat("n", 128), "a/b", "", "control"} {
			if _, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: zeros(mib)}); !errors.Is(err, dm.ErrName) {
				t.Errorf("%q: %v, want ErrName", name, err)
			}
		}
		if after := deviceNames(t, c); after != before {
			t.Errorf("devices were %s, are %s", before, after)
		}
	})
}

func TestBusyRemovalNamesTheHolder(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		lower, upper := freshName(), freshName()
		info, node := activate(t, c, dm.Plan{Name: lower, Table: zeros(mib)})
		line := &target.Linear{Length: 2048, Device: fmt.Sprintf("%d:%d", info.Major, info.Minor)}
		activate(t, c, dm.Plan{Name: upper, Table: dm.Table{line}})
		start := time.Now()
		_, err := c.Remove(t.Context(), lower, dm.RemoveOptions{Retry: time.Second})
		var busy *dm.BusyError
		if !errors.As(err, &busy) || !errors.Is(err, dm.ErrBusy) || busy.OpenCount != 1 || !strings.Contains(err.Error(), "device "+upper) {
			t.Errorf("%v; want a BusyError naming %s", err, upper)
		}
		if took := time.Since(start); took < 500*time.Millisecond || took > pace.Limit(5*time.Second) {
			t.Errorf("gave up after %v, bound 1s", took)
		}
		if got := nodeOf(node); strings.Contains(got, noNode) {
			t.Error("the node of the busy device is gone")
		}
		if _, err := c.Remove(t.Context(), upper, dm.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		fd := openNode(t, node)
		time.AfterFunc(400*time.Millisecond, func() { unix.Close(fd) })
		if _, err := c.Remove(t.Context(), lower, dm.RemoveOptions{Retry: pace.Limit(20 * time.Second)}); err != nil {
			t.Errorf("released in time: %v", err)
		}
	})
}

func openNode(t *testing.T, node string) int {
	t.Helper()
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestDeferredRemovalAndItsCancellation(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := freshName()
		_, node := activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		fd := openNode(t, node)
		schedule := func() {
			scheduled, err := c.Remove(t.Context(), device, dm.RemoveOptions{Deferred: true})
			if err != nil || !scheduled {
				t.Fatalf("scheduled %v, %v", scheduled, err)
			}
			if info, err := c.Status(device); err != nil || !info.DeferredRemove || info.OpenCount != 1 {
				t.Fatalf("%+v, %v", info, err)
			}
		}
		schedule()
		if err := c.CancelDeferred(device); err != nil {
			t.Fatal(err)
		}
		if info, err := c.Status(device); err != nil || info.DeferredRemove {
			t.Fatalf("after the cancellation %+v, %v", info, err)
		}
		schedule()
		unix.Close(fd)
		machine.Eventually(t, 5*time.Second, "the device goes", func() bool {
			_, err := c.Status(device)
			return errors.Is(err, dm.ErrNotFound)
		})
		// Nobody is told about the node; the next device of that name gets its own.
		activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		if scheduled, err := c.Remove(t.Context(), device, dm.RemoveOptions{Deferred: true}); err != nil || scheduled {
			t.Errorf("removal of a free device: scheduled %v, %v", scheduled, err)
		}
	})
}

func TestRenameAndSetUUID(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		first, second, taken := freshName(), freshName(), freshName()
		info, node := activate(t, c, dm.Plan{Name: first, Table: zeros(mib)})
		activate(t, c, dm.Plan{Name: taken, UUID: "CRYPT-TAKEN", Table: zeros(mib)})
		before := nodeOf(node)
		renamed, err := c.Rename(t.Context(), first, second, 0)
		if err != nil || renamed.Name != second || renamed.Minor != info.Minor {
			t.Fatalf("%+v, %v", renamed, err)
		}
		if nodeOf(node) != noNode || nodeOf("/dev/mapper/"+second) != before {
			t.Errorf("nodes %s and %s, want none and %s", nodeOf(node), nodeOf("/dev/mapper/"+second), before)
		}
		if _, err := c.Rename(t.Context(), second, taken, 0); !errors.Is(err, dm.ErrExists) {
			t.Errorf("a taken name: %v, want ErrExists", err)
		}
		if _, err := c.Rename(t.Context(), first, "x", 0); !errors.Is(err, dm.ErrNotFound) {
			t.Errorf("the old name: %v, want ErrNotFound", err)
		}
		if _, err := c.SetUUID(second, "CRYPT-TAKEN"); !errors.Is(err, dm.ErrExists) {
			t.Errorf("a taken uuid: %v, want ErrExists", err)
		}
		if _, err := c.SetUUID(second, "CRYPT-NEW"); err != nil {
			t.Fatal(err)
		}
		if got, err := c.StatusUUID("CRYPT-NEW"); err != nil || got.Name != second {
			t.Errorf("by uuid: %+v, %v", got, err)
		}
		if got, err := c.StatusNumber(info.Major, info.Minor); err != nil || got.UUID != "CRYPT-NEW" {
			t.Errorf("by number: %+v, %v", got, err)
		}
		if _, err := c.SetUUID(second, "CRYPT-OTHER"); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a second uuid: %v, want EINVAL", err)
		}
	})
}

func TestKeyIsWipedAndSetByMessage(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, mib)
		line := aesCrypt(t, number, mib, 9)
		device := freshName()
		_, node := activate(t, c, dm.Plan{Name: device, Table: dm.Table{line}})
		writeAt(t, node, []byte("kept through a suspend"))
		if _, err := c.Message(device, 0, []byte(target.KeyWipe)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("key wipe on a running device: %v, want EINVAL", err)
		}
		if info, err := c.Suspend(device, dm.SuspendOptions{}); err != nil || !info.Suspended {
			t.Fatalf("%+v, %v", info, err)
		}
		if _, err := c.Message(device, 0, []byte(target.KeyWipe)); err != nil {
			t.Fatal(err)
		}
		table, _, err := c.Table(device, dm.Active)
		if err != nil {
			t.Fatal(err)
		}
		if got := table[0].(*target.Crypt).Key.Raw; !bytes.Equal(got.Bytes(), make([]byte, got.Len())) {
			t.Error("the kernel still reports the key")
		}
		if _, err := c.Resume(t.Context(), device, dm.ResumeOptions{}); !errors.Is(err, dm.ErrNoKey) {
			t.Errorf("resume without a key: %v, want ErrNoKey", err)
		}
		message, err := target.KeySet(line.Key)
		if err != nil {
			t.Fatal(err)
		}
		defer message.Close()
		if _, err := c.Message(device, 0, message.Bytes()); err != nil {
			t.Fatal(err)
		}
		if info, err := c.Resume(t.Context(), device, dm.ResumeOptions{}); err != nil || info.Suspended {
			t.Fatalf("%+v, %v", info, err)
		}
		if got := readAt(t, node, 22); string(got) != "kept through a suspend" {
			t.Errorf("read %q", got)
		}
	})
}

func TestMessagesAnswer(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := freshName()
		activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		if id, err := c.Message(device, 0, []byte("@stats_create - 1")); err != nil || id != "0" {
			t.Fatalf("@stats_create: %q, %v", id, err)
		}
		if list, err := c.Message(device, 0, []byte("@stats_list")); err != nil || !strings.HasPrefix(list, "0: 0+2048") {
			t.Errorf("@stats_list: %q, %v", list, err)
		}
		if _, err := c.Message(device, 0, []byte("no such message")); err == nil {
			t.Error("an unknown message was accepted")
		}
	})
}

// Suspend waits for I/O under way, which dm-delay makes slow, while the runtime keeps preempting.
func TestSuspendWaitsForIO(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, mib)
		delay := &target.Raw{Length: 2048, Kind: "delay"}
		var err error
		if delay.Text, err = secret.Copy([]byte(number + " 0 700")); err != nil {
			t.Fatal(err)
		}
		defer delay.Close()
		slow, _ := activate(t, c, dm.Plan{Name: freshName(), Table: dm.Table{delay}})
		// dm-delay lets go of its I/O when it is suspended itself, so suspend a device above it.
		device := freshName()
		above := &target.Linear{Length: 2048, Device: fmt.Sprintf("%d:%d", slow.Major, slow.Minor)}
		_, node := activate(t, c, dm.Plan{Name: device, Table: dm.Table{above}})
		fd, err := unix.Open(node, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		page, err := secret.New(4096) // aligned
		if err != nil {
			t.Fatal(err)
		}
		defer page.Close()
		stop := make(chan struct{})
		go func() { // garbage collections are what sends preemption signals
			for {
				select {
				case <-stop:
					return
				default:
					_ = bytes.Repeat([]byte{1}, 1<<20)
				}
			}
		}()
		defer close(stop)
		for range 2 {
			done := make(chan error, 1)
			go func() {
				_, err := unix.Pread(fd, page.Bytes(), 0)
				done <- err
			}()
			time.Sleep(200 * time.Millisecond)
			start := time.Now()
			if info, err := c.Suspend(device, dm.SuspendOptions{}); err != nil || !info.Suspended {
				t.Fatalf("%+v, %v", info, err)
			}
			if took := time.Since(start); took < 200*time.Millisecond {
				t.Errorf("suspended after %v, with a read of 700ms under way", took)
			}
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(pace.Limit(2 * time.Second)):
				t.Error("suspended before the read was done")
			}
			if _, err := c.Resume(t.Context(), device, dm.ResumeOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWaitEventReturnsOnAnEventAndOnCancellation(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := freshName()
		info, _ := activate(t, c, dm.Plan{Name: device, Table: zeros(mib)})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := c.WaitEvent(ctx, device, info.EventNr); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no event: %v", err)
		}
		if took := time.Since(start); took > pace.Limit(2*time.Second) {
			t.Errorf("cancellation took %v", took)
		}
		changed := make(chan error, 1)
		renamed := freshName()
		time.AfterFunc(200*time.Millisecond, func() {
			_, err := c.Rename(context.Background(), device, renamed, 0)
			changed <- err
		})
		ctx, cancel = context.WithTimeout(t.Context(), pace.Limit(20*time.Second))
		defer cancel()
		after, err := c.WaitEvent(ctx, device, info.EventNr)
		if err != nil || after.EventNr == info.EventNr || after.Name != renamed {
			t.Errorf("%+v after event %d, %v", after, info.EventNr, err)
		}
		if err := <-changed; err != nil {
			t.Error(err)
		}
		time.AfterFunc(200*time.Millisecond, func() {
			_, err := c.Remove(context.Background(), renamed, dm.RemoveOptions{})
			changed <- err
		})
		if _, err := c.WaitEvent(ctx, renamed, after.EventNr); !errors.Is(err, dm.ErrNotFound) {
			t.Errorf("removed meanwhile: %v, want ErrNotFound", err)
		}
		if err := <-changed; err != nil {
			t.Error(err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		before := deviceNames(t, c)
		contested := freshName()
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for round := range 12 {
					own := fmt.Sprintf("%s-own-%d", contested, worker)
					name := []string{own, contested}[round%2]
					_, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: zeros(mib)})
					if name == contested && errors.Is(err, dm.ErrExists) {
						continue
					}
					if err != nil {
						t.Errorf("activate %s: %v", name, err)
						continue
					}
					if _, err := c.Remove(t.Context(), name, dm.RemoveOptions{Retry: pace.Limit(10 * time.Second)}); err != nil {
						t.Errorf("remove %s: %v", name, err)
					}
				}
			})
		}
		wg.Wait()
		if after := deviceNames(t, c); after != before {
			t.Errorf("devices were %s, are %s", before, after)
		}
		left, err := os.ReadDir("/dev/mapper")
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range left {
			if strings.HasPrefix(node.Name(), contested) {
				t.Errorf("node %s left behind", node.Name())
			}
		}
	})
}

func TestCancelledActivationLeavesNothing(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		before := deviceNames(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Activate(ctx, dm.Plan{Name: freshName(), Table: zeros(mib)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if after := deviceNames(t, c); after != before {
			t.Errorf("devices were %s, are %s", before, after)
		}
	})
}

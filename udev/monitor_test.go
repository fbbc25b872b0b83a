// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// The tests below run as root: each in a network namespace of its own, where nobody else is heard.

// alone puts the test's thread, and sockets made on it, into a new network namespace. The thread ends
// with the test.
func alone(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("needs root: %v", err)
	}
}

func listen(t *testing.T, o Options) *Monitor {
	t.Helper()
	m, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// speaker is a socket to send from.
func speaker(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func send(t testing.TB, fd int, to unix.SockaddrNetlink, b []byte) {
	t.Helper()
	to.Family = unix.AF_NETLINK
	if err := unix.Sendto(fd, b, 0, &to); err != nil {
		t.Fatalf("send: %v", err)
	}
}

var toUdevGroup = unix.SockaddrNetlink{Groups: 2}

// numbered is a disk's message with a sequence number.
func numbered(n int, more ...string) []byte {
	return udevMessage(diskProperties(append(more, "SEQNUM="+strconv.Itoa(n))...)...)
}

// receive expects an event within seconds.
func receive(t *testing.T, m *Monitor) Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(5*time.Second))
	defer cancel()
	e, err := m.Receive(ctx)
	if err != nil {
		t.Fatalf("%v, %+v", err, m.Stats())
	}
	return e
}

func wantStats(t *testing.T, m *Monitor, want Stats) {
	t.Helper()
	if got := m.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestReceiveFromTheUdevGroup(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev}), speaker(t)
	send(t, s, toUdevGroup, numbered(5))
	if e := receive(t, m); e.Source != Udev || e.Action != Change || e.Seqnum != 5 || e.DevName != "/dev/loop0" {
		t.Errorf("%+v", e)
	}
	wantStats(t, m, Stats{Delivered: 1})
}

func TestReceiveATriggeredEventOfTheKernel(t *testing.T) {
	m := listen(t, Options{Matches: []Match{{Subsystem: "mem"}}})
	uuid := NewUUID()
	if err := (System{}).Trigger("/class/mem/null", Change, uuid); err != nil {
		t.Fatal(err)
	}
	for {
		e := receive(t, m)
		if e.Subsystem != "mem" {
			t.Fatalf("%+v", e)
		}
		if e.Synthetic == uuid {
			if e.Source != Kernel || e.Action != Change || e.DevPath != "/devices/virtual/mem/null" || e.DevName != "/dev/null" || e.Major != 1 || e.Minor != 3 {
				t.Errorf("%+v", e)
			}
			return
		}
	}
}

func TestKernelDropsWhatNoMatchSelects(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev, Matches: []Match{{Subsystem: "block", DevType: "partition"}, {Subsystem: "x", Tag: "y"}}}), speaker(t)
	send(t, s, toUdevGroup, numbered(1))
	send(t, s, toUdevGroup, numbered(2, "SUBSYSTEM=net"))
	send(t, s, toUdevGroup, numbered(3, "SUBSYSTEM=x", "TAGS=:z:"))
	lying := numbered(4, "SUBSYSTEM=net")
	copy(lying[offSubsystemHash:], numbered(4, "DEVTYPE=partition")[offSubsystemHash:offTagBloomHigh])
	send(t, s, toUdevGroup, lying)
	send(t, s, toUdevGroup, numbered(5, "SUBSYSTEM=x", "TAGS=:z:y:"))
	send(t, s, toUdevGroup, numbered(6, "DEVTYPE=partition"))
	for _, want := range []uint64{5, 6} {
		if e := receive(t, m); e.Seqnum != want {
			t.Errorf("%+v", e)
		}
	}
	wantStats(t, m, Stats{Delivered: 2, Filtered: 1}) // the one that lied to the kernel
}

func TestMalformedMessagesAreCountedAndPassedOver(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev}), speaker(t)
	for _, b := range [][]byte{[]byte("x"), kernelMessage("add@/d", diskProperties()...), udevMessage("A"), udevMessage("SEQNUM=1")} {
		send(t, s, toUdevGroup, b)
	}
	send(t, s, toUdevGroup, numbered(5))
	if e := receive(t, m); e.Seqnum != 5 {
		t.Errorf("%+v", e)
	}
	wantStats(t, m, Stats{Delivered: 1, Malformed: 4})
}

func TestForgedByRoot(t *testing.T) {
	alone(t)
	kernel, udevd, s := listen(t, Options{Source: Kernel}), listen(t, Options{Source: Udev}), speaker(t)
	forged := kernelMessage("change@/devices/virtual/block/loop0", diskProperties("DEVNAME=loop0")...)
	send(t, s, unix.SockaddrNetlink{Groups: 1}, forged)
	send(t, s, unix.SockaddrNetlink{Pid: portOf(t, kernel)}, forged)
	send(t, s, unix.SockaddrNetlink{Pid: portOf(t, udevd)}, numbered(1))
	inject(t, s, forged)
	nothing(t, kernel)
	nothing(t, udevd)
	wantStats(t, kernel, Stats{Forged: 3})
	wantStats(t, udevd, Stats{Forged: 1})
}

// inject makes the kernel multicast a message as its own (uevent_net_rcv_skb).
func inject(t *testing.T, fd int, b []byte) {
	t.Helper()
	message := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(b))
	binary.NativeEndian.PutUint32(message, uint32(unix.NLMSG_HDRLEN+len(b)))
	binary.NativeEndian.PutUint16(message[4:], unix.NLMSG_MIN_TYPE)
	binary.NativeEndian.PutUint16(message[6:], unix.NLM_F_REQUEST)
	send(t, fd, unix.SockaddrNetlink{}, append(message, b...))
}

func portOf(t *testing.T, m *Monitor) (port uint32) {
	t.Helper()
	err := m.raw.Control(func(fd uintptr) {
		address, err := unix.Getsockname(int(fd))
		if err != nil {
			t.Fatal(err)
		}
		port = address.(*unix.SockaddrNetlink).Pid
	})
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// nothing expects no event for a while.
func nothing(t *testing.T, m *Monitor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if e, err := m.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestForgedByAnUnprivilegedProcess runs itself as the user nobody: without capabilities, where the
// kernel refuses to send; and with CAP_NET_ADMIN, where only its uid gives it away.
func TestForgedByAnUnprivilegedProcess(t *testing.T) {
	if port := os.Getenv("UDEV_TEST_FORGE"); port != "" {
		forge(t, port)
		return
	}
	alone(t)
	m := listen(t, Options{Source: Udev})
	for _, capabilities := range [][]uintptr{nil, {unix.CAP_NET_ADMIN}} {
		child := exec.Command("/proc/self/exe", "-test.run=^TestForgedByAnUnprivilegedProcess$", "-test.v")
		child.Dir = "/"
		child.Env = append(os.Environ(), "UDEV_TEST_FORGE="+fmt.Sprint(portOf(t, m)))
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: capabilities}
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		sent := strings.Count(string(out), "result: <nil>")
		if refused := strings.Count(string(out), "result: operation not permitted"); sent != 2*len(capabilities) || sent+refused != 2 {
			t.Errorf("capabilities %v: %s", capabilities, out)
		}
	}
	nothing(t, m)
	wantStats(t, m, Stats{Forged: 2})
}

// forge sends to the group and to the monitor's port, and says what became of it.
func forge(t *testing.T, port string) {
	pid, err := strconv.ParseUint(port, 10, 32)
	if err != nil || os.Getuid() == 0 {
		t.Fatalf("uid %d, %v", os.Getuid(), err)
	}
	s := speaker(t)
	for _, to := range []unix.SockaddrNetlink{{Family: unix.AF_NETLINK, Groups: 2}, {Family: unix.AF_NETLINK, Pid: uint32(pid)}} {
		t.Logf("result: %v", unix.Sendto(s, numbered(1), 0, &to))
	}
}

func TestTruncatedMessageIsALoss(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev}), speaker(t)
	send(t, s, toUdevGroup, numbered(1, "A="+strings.Repeat("x", maxMessage)))
	if e := receive(t, m); e != (Event{Source: Udev, Action: Overrun}) {
		t.Errorf("%+v", e)
	}
	send(t, s, toUdevGroup, numbered(2))
	if e := receive(t, m); e.Seqnum != 2 {
		t.Errorf("%+v", e)
	}
	wantStats(t, m, Stats{Delivered: 2, Truncated: 1})
}

func TestOverrunIsReportedOnceTheQueueIsEmpty(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev, ReceiveBuffer: 1}), speaker(t)
	for n := range 100 {
		send(t, s, toUdevGroup, numbered(n+1))
	}
	if e := receive(t, m); e != (Event{Source: Udev, Action: Overrun}) {
		t.Errorf("%+v", e)
	}
	got := m.Stats()
	if got.Overruns != 1 || got.Discarded == 0 || got.Discarded > 50 {
		t.Errorf("%+v", got)
	}
	send(t, s, toUdevGroup, numbered(101))
	if e := receive(t, m); e.Seqnum != 101 {
		t.Errorf("after the overrun: %+v", e)
	}
}

// TestBurstsLoseNoState sends 100,000 events to a monitor with a small buffer. The receiver keeps a copy
// of the sender's state, from events and, after an overrun, by reading it again.
func TestBurstsLoseNoState(t *testing.T) {
	alone(t)
	const total = 100_000
	m, s := listen(t, Options{Source: Udev, ReceiveBuffer: 32 << 10}), speaker(t)
	var state atomic.Uint64
	go func() {
		for n := 1; n <= total; n++ {
			state.Store(uint64(n))
			_ = unix.Sendto(s, numbered(n), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 2})
			if n%10_000 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
	before := heapInUse()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(20*time.Second))
	defer cancel()
	for copied, err := uint64(0), error(nil); copied != total; {
		var e Event
		if e, err = m.Receive(ctx); err != nil {
			t.Fatalf("%v at %d of %d: %+v", err, copied, state.Load(), m.Stats())
		}
		if copied = e.Seqnum; e.Action == Overrun {
			copied = state.Load()
		}
		for behind := min(copied+200, total); copied%1000 == 0 && state.Load() < behind; {
			time.Sleep(100 * time.Microsecond) // busy elsewhere: 200 messages do not fit
		}
	}
	if grown := heapInUse() - before; grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	stats := m.Stats()
	if stats.Overruns == 0 {
		t.Errorf("no overrun was forced: %+v", stats)
	}
	t.Logf("%+v", stats)
}

func heapInUse() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapInuse)
}

func TestContextEndsAWait(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev}), speaker(t)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	start := time.Now()
	if _, err := m.Receive(ctx); !errors.Is(err, why) || time.Since(start) > pace.Limit(time.Second) {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	send(t, s, toUdevGroup, numbered(5))
	if _, err := m.Receive(ctx); !errors.Is(err, why) {
		t.Errorf("an ended context: %v", err)
	}
	if e := receive(t, m); e.Seqnum != 5 {
		t.Errorf("the event is still there: %+v", e)
	}
}

func TestCloseEndsAWait(t *testing.T) {
	alone(t)
	m := listen(t, Options{Source: Udev})
	time.AfterFunc(20*time.Millisecond, func() { _ = m.Close() })
	if _, err := m.Receive(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := m.Receive(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("the next one: %v", err)
	}
}

func TestEventsEndWithTheContext(t *testing.T) {
	alone(t)
	m, s := listen(t, Options{Source: Udev}), speaker(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	send(t, s, toUdevGroup, numbered(1))
	send(t, s, toUdevGroup, numbered(2))
	var got []string
	for e, err := range m.Events(ctx) {
		got = append(got, fmt.Sprint(e.Seqnum, " ", err))
		if e.Seqnum == 2 {
			cancel()
		}
	}
	if fmt.Sprint(got) != "[1 <nil> 2 <nil> 0 context canceled]" {
		t.Errorf("%v", got)
	}
}

func TestWaitingTakesNoThread(t *testing.T) {
	alone(t)
	before := threads(t)
	for range 100 {
		m := listen(t, Options{Source: Udev})
		go func() { _, _ = m.Receive(context.Background()) }()
	}
	time.Sleep(50 * time.Millisecond)
	if more := threads(t) - before; more > 20 {
		t.Errorf("%d threads more for 100 monitors", more)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

func TestListenRefusesWhatCannotBe(t *testing.T) {
	for _, o := range []Options{{Source: Coldplug}, {Matches: make([]Match, maxMatches+1)}} {
		_, err := Listen(o)
		var e *Error
		if !errors.As(err, &e) || e.Op != "listen" {
			t.Errorf("%v", err)
		}
	}
	if _, err := Listen(Options{Matches: make([]Match, maxMatches+1)}); !errors.Is(err, ErrMatch) {
		t.Errorf("%v", err)
	}
}

func TestDroppingAllocatesNothing(t *testing.T) {
	m := &Monitor{options: Options{Source: Udev, Matches: []Match{{Subsystem: "net"}}}}
	root := sender{port: 9, groups: 2, pid: 9, attested: true}
	b := numbered(1)
	for name, s := range map[string]sender{"filtered": root, "forged": {groups: 2}} {
		if n := testing.AllocsPerRun(100, func() { m.take(b, s) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	m, err := Listen(Options{Source: Udev})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	s := speaker(b)
	message := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		send(b, s, toUdevGroup, message)
		if _, err := m.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseUdev(b *testing.B) {
	message := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseUdev(message); err != nil {
			b.Fatal(err)
		}
	}
}

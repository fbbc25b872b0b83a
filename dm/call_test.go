// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"golang.org/x/sys/unix"
)

// reported renders records as the kernel reports them: next counts from the start of the payload.
func reported(lines ...line) []byte {
	var out []byte
	for _, l := range lines {
		spec := targetSpec{Start: l.start, Length: l.length}
		copy(spec.Type[:], l.kind)
		record := make([]byte, align8(specSize+len(l.text)+1))
		spec.Next = uint32(len(out) + len(record))
		store(record, spec)
		copy(record[specSize:], l.text)
		out = append(out, record...)
	}
	return out
}

func TestBufferGrowsUntilTheReplyFits(t *testing.T) {
	long := strings.Repeat("1 ", 20000) + "end"
	var sizes []int
	c, k := fake(t, func(call fakeCall, h *header) ([]byte, error) {
		sizes = append(sizes, len(call.payload))
		h.TargetCount = 2
		return reported(line{0, 8, "thin", []byte(long)}, line{8, 8, "zero", nil}), nil
	})
	status, _, err := c.TableStatus("big", false)
	if err != nil {
		t.Fatal(err)
	}
	if len(status) != 2 || status[0].Text != long || status[1] != (TargetStatus{8, 8, "zero", ""}) {
		t.Fatalf("%d lines came back", len(status))
	}
	if len(k.calls) < 2 || sizes[len(sizes)-1] < len(long) {
		t.Errorf("calls with room for %v bytes", sizes)
	}
}

func TestEndlessGrowthAndRepeatedMessagesAreRefused(t *testing.T) {
	full := func(_ fakeCall, h *header) ([]byte, error) {
		h.Flags |= unix.DM_BUFFER_FULL_FLAG
		return nil, nil
	}
	c, _ := fake(t, full)
	if _, err := c.Devices(); !errors.Is(err, ErrTooLong) {
		t.Errorf("Devices: %v, want ErrTooLong", err)
	}
	c, k := fake(t, full)
	if _, err := c.Message("x", 0, []byte("@stats_list")); !errors.Is(err, ErrTooLong) || len(k.calls) != 1 {
		t.Errorf("Message: %v after %d calls, want ErrTooLong after 1", err, len(k.calls))
	}
}

func TestKeysTravelWithTheSecureFlag(t *testing.T) {
	c, k := fake(t, func(call fakeCall, h *header) ([]byte, error) {
		if call.cmd == unix.DM_TABLE_STATUS {
			h.TargetCount = 1
			return reported(line{0, 8, "crypt", []byte("aes-cbc-plain 00ff 0 7:0 0")}), nil
		}
		return nil, nil
	})
	raw, err := secret.Copy([]byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	table := Table{&target.Crypt{Length: 8, Cipher: "aes-cbc-plain", Key: target.Key{Raw: raw}, Device: "7:0"}}
	defer table.Close()
	if _, err := c.Load("x", table, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Message("x", 0, []byte("key set 00ff")); err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Table("x", Active)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if crypt := got[0].(*target.Crypt); !crypt.Key.Raw.Equal([]byte{0, 0xff}) {
		t.Error("the reported key differs")
	}
	for _, call := range k.calls {
		if call.header.Flags&unix.DM_SECURE_DATA_FLAG == 0 {
			t.Errorf("call %#x without DM_SECURE_DATA_FLAG", call.cmd)
		}
	}
}

func TestLoadedTableCountsNextFromTheCurrentRecord(t *testing.T) {
	table := Table{
		&target.Linear{Length: 8, Device: "7:0"},
		&target.Zero{Start: 8, Length: 8},
	}
	c, k := fake(t, func(fakeCall, *header) ([]byte, error) { return nil, nil })
	if _, err := c.Load("x", table, LoadOptions{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	call := k.calls[0]
	first, _ := load[targetSpec](call.payload)
	second, ok := load[targetSpec](call.payload[first.Next:])
	if !ok || first.Next != specSize+8 || second.Next != specSize+8 || second.Start != 8 || cString(second.Type[:]) != "zero" {
		t.Fatalf("records %+v, %+v", first, second)
	}
	if got := cString(call.payload[specSize:]); got != "7:0 0" {
		t.Errorf("parameters %q", got)
	}
	if call.header.TargetCount != 2 || call.header.Flags&unix.DM_READONLY_FLAG == 0 {
		t.Errorf("target_count %d, flags %#x", call.header.TargetCount, call.header.Flags)
	}
}

func TestErrnosBecomeKinds(t *testing.T) {
	table := Table{&target.Crypt{Length: 8, Cipher: "shiny-xts-plain64", Device: "7:0"}}
	load := func(c *Control) error { _, err := c.Load("x", table, LoadOptions{}); return err }
	create := func(c *Control) error { _, err := c.Create("x", ""); return err }
	for _, test := range []struct {
		errno unix.Errno
		do    func(*Control) error
		want  error
	}{
		{unix.EBUSY, create, ErrExists},
		{unix.EACCES, create, ErrPermission},
		{unix.ENXIO, func(c *Control) error { _, err := c.Status("x"); return err }, ErrNotFound},
		{unix.EBUSY, load, ErrBusy},
		{unix.EINVAL, load, ErrTable},
		{unix.ENOENT, load, ErrUnknownCipher},
		{unix.ENXIO, load, ErrNoBacking},
		{unix.ENOKEY, load, ErrNoKey},
		{unix.EKEYREVOKED, load, ErrNoKey},
		{unix.EAGAIN, func(c *Control) error { _, err := c.Resume(t.Context(), "x", ResumeOptions{}); return err }, ErrNoKey},
		{unix.EBUSY, func(c *Control) error { _, err := c.Rename(t.Context(), "x", "y", 0); return err }, ErrExists},
	} {
		failing := uintptr(0)
		c, _ := fake(t, func(call fakeCall, h *header) ([]byte, error) {
			if failing == 0 {
				failing = call.cmd
			}
			if call.cmd == failing {
				return nil, test.errno
			}
			if call.cmd == unix.DM_LIST_VERSIONS {
				return versionRecord("crypt"), nil
			}
			return nil, nil
		})
		err := test.do(c)
		if !errors.Is(err, test.want) || !errors.Is(err, test.errno) {
			t.Errorf("%v: %v; want %v", test.errno, err, test.want)
		}
		if !strings.Contains(fmt.Sprint(err), `"x"`) {
			t.Errorf("%v does not name the device", err)
		}
	}
}

func versionRecord(name string) []byte {
	record := make([]byte, align8(versionSize+len(name)+1))
	store(record, targetVersions{Version: [3]uint32{1, 24, 0}})
	copy(record[versionSize:], name)
	return record
}

func TestMissingModuleIsNamed(t *testing.T) {
	c, _ := fake(t, func(call fakeCall, _ *header) ([]byte, error) {
		if call.cmd == unix.DM_LIST_VERSIONS {
			return versionRecord("linear"), nil
		}
		return nil, unix.EINVAL
	})
	_, err := c.Load("x", Table{&target.Crypt{Length: 8, Cipher: "a", Device: "7:0"}}, LoadOptions{})
	if !errors.Is(err, ErrUnknownTarget) || !strings.Contains(err.Error(), "module dm_crypt missing") {
		t.Fatalf("%v", err)
	}
}

func TestAFlagThatTheKernelIsTooOldForIsNamed(t *testing.T) {
	c, _ := fake(t, func(call fakeCall, _ *header) ([]byte, error) {
		if call.cmd == unix.DM_LIST_VERSIONS {
			return versionRecord("crypt"), nil // 1.24.0
		}
		return nil, unix.EINVAL
	})
	for flags, want := range map[target.CryptFlags]error{
		target.HighPriority | target.AllowDiscards: ErrFlag, target.NoReadWorkqueue: ErrTable, 0: ErrTable,
	} {
		_, err := c.Load("x", Table{&target.Crypt{Length: 8, Cipher: "a", Device: "7:0", Flags: flags}}, LoadOptions{})
		named := strings.Contains(fmt.Sprint(err), "high_priority needs dm-crypt 1.26.0 (Linux 6.10), this kernel has 1.24.0")
		if !errors.Is(err, want) || named != (want == ErrFlag) {
			t.Errorf("%v: %v", flags, err)
		}
	}
}

func TestInterruptedCallsAreRepeated(t *testing.T) {
	left := 3
	c, k := fake(t, func(fakeCall, *header) ([]byte, error) {
		if left--; left > 0 {
			return nil, unix.EINTR
		}
		return nil, nil
	})
	if _, err := c.Suspend("x", SuspendOptions{NoFlush: true}); err != nil || len(k.calls) != 3 {
		t.Fatalf("%v after %d calls", err, len(k.calls))
	}
	const want = unix.DM_SUSPEND_FLAG | unix.DM_NOFLUSH_FLAG
	if got := k.calls[2].header.Flags; got != want {
		t.Errorf("flags %#x, want %#x", got, want)
	}
}

func TestListsAreSplit(t *testing.T) {
	entry := func(dev uint64, next uint32, name string) []byte {
		record := make([]byte, align8(nameEntrySize+len(name)+1))
		e := nameEntry{Next: next}
		putNative64(e.Dev[:], dev)
		store(record, e)
		copy(record[nameEntrySize:], name)
		return record
	}
	list := append(entry(unix.Mkdev(253, 0), 24, "a"), make([]byte, 8)...)
	list = append(list, entry(unix.Mkdev(253, 300), 0, "second")...)
	devices, err := splitDevices(list)
	if err != nil || len(devices) != 2 || devices[0] != (Device{"a", 253, 0}) || devices[1] != (Device{"second", 253, 300}) {
		t.Errorf("devices %v, %v", devices, err)
	}
	if devices, err := splitDevices(entry(0, 0, "")); err != nil || len(devices) != 0 {
		t.Errorf("empty list: %v, %v", devices, err)
	}
	deps := make([]byte, depsHeaderSize+16)
	store(deps, depsHeader{Count: 2})
	putNative64(deps[8:], unix.Mkdev(7, 1))
	putNative64(deps[16:], unix.Mkdev(8, 257))
	numbers, err := splitDeps(deps)
	if err != nil || fmt.Sprint(numbers) != "[7:1 8:257]" {
		t.Errorf("deps %v, %v", numbers, err)
	}
	store(deps, depsHeader{Count: 3})
	if _, err := splitDeps(deps); !errors.Is(err, ErrReply) {
		t.Errorf("short deps: %v", err)
	}
}

// FuzzReplies: no reply, however malformed, makes a splitter read outside it or run forever.
func FuzzReplies(f *testing.F) {
	f.Add(uint32(1), reported(line{0, 8, "crypt", []byte("x")}))
	f.Add(uint32(2), versionRecord("linear"))
	f.Fuzz(func(t *testing.T, count uint32, body []byte) {
		lines, err := splitLines(body, count)
		if err == nil && len(lines) != int(count) {
			t.Fatalf("%d lines of %d", len(lines), count)
		}
		for _, l := range lines {
			if bytes.IndexByte(l.text, 0) >= 0 {
				t.Fatal("NUL in a text")
			}
		}
		_, _ = splitDevices(body)
		_, _ = splitVersions(body)
		_, _ = splitDeps(body)
	})
}

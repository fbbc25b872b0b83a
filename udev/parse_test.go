// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBothFramingsMakeTheSameEvent(t *testing.T) {
	properties := diskProperties()
	ours, err := ParseUdev(udevMessage(properties...))
	if err != nil {
		t.Fatal(err)
	}
	properties[3] = "DEVNAME=loop0" // as the kernel names it
	theirs, err := ParseKernel(kernelMessage("change@/devices/virtual/block/loop0", properties...))
	if err != nil {
		t.Fatal(err)
	}
	want := Event{
		Action: Change, DevPath: "/devices/virtual/block/loop0", Subsystem: "block", DevType: "disk", DevName: "/dev/loop0",
		Major: 7, Minor: 0, DiskSeq: 11, Seqnum: 4711,
	}
	for source, e := range map[Source]Event{Udev: ours, Kernel: theirs} {
		want.Source, want.Properties = source, e.Properties
		if e != want {
			t.Errorf("%v: %+v", source, e)
		}
	}
}

func TestOddButProperMessages(t *testing.T) {
	tests := []struct {
		name    string
		message []byte
		check   func(e Event) bool
	}{
		{
			"@ in the device path", kernelMessage("add@/devices/pci@1/a@b", "ACTION=add", "DEVPATH=/devices/pci@1/a@b", "SUBSYSTEM=x", "SEQNUM=1"),
			func(e Event) bool { return e.DevPath == "/devices/pci@1/a@b" && e.Action == Add },
		},
		{
			"= in a value", kernelMessage("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1", "A=b=c", "E="),
			func(e Event) bool {
				value, _ := e.Properties.Get("A")
				empty, found := e.Properties.Get("E")
				return value == "b=c" && found && empty == ""
			},
		},
		{
			"a property twice", kernelMessage("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "SUBSYSTEM=y", "SEQNUM=1"),
			func(e Event) bool {
				value, _ := e.Properties.Get("SUBSYSTEM")
				return e.Subsystem == "y" && value == "y" && e.Properties.Len() == 5
			},
		},
		{
			"a synthetic event", kernelMessage("change@/d", "ACTION=change", "DEVPATH=/d", "SUBSYSTEM=x", "SYNTH_UUID=0", "SEQNUM=1"),
			func(e Event) bool { return e.Synthetic == "0" },
		},
		{
			"an action of a later kernel", kernelMessage("burn@/d", "ACTION=burn", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1"),
			func(e Event) bool { return e.Action == Other },
		},
		{
			"our own name for a loss is none", kernelMessage("overrun@/d", "ACTION=overrun", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1"),
			func(e Event) bool { return e.Action == Other },
		},
		{
			"a resized disk", kernelMessage("change@/d", "ACTION=change", "DEVPATH=/d", "SUBSYSTEM=block", "RESIZE=1", "SEQNUM=1"),
			func(e Event) bool { return e.Resized() },
		},
		{
			"a SCSI disk that grew", kernelMessage("change@/d", "ACTION=change", "DEVPATH=/d", "SUBSYSTEM=scsi", "SDEV_UA=CAPACITY_DATA_HAS_CHANGED", "SEQNUM=1"),
			func(e Event) bool { return e.Resized() },
		},
		{
			"the largest numbers", kernelMessage("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "MAJOR=4294967295", "SEQNUM=18446744073709551615"),
			func(e Event) bool { return e.Major == 1<<32-1 && e.Seqnum == 1<<64-1 },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := ParseKernel(test.message)
			if err != nil || !test.check(e) {
				t.Errorf("%+v, %v", e, err)
			}
		})
	}
}

func TestMalformedPropertiesAreTypedErrors(t *testing.T) {
	tests := []struct {
		name       string
		properties []string
		kind       error
		field      string
	}{
		{"no action", []string{"DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1"}, ErrMissing, "ACTION"},
		{"no path", []string{"ACTION=add", "SUBSYSTEM=x", "SEQNUM=1"}, ErrMissing, "DEVPATH"},
		{"no subsystem", []string{"ACTION=add", "DEVPATH=/d", "SEQNUM=1"}, ErrMissing, "SUBSYSTEM"},
		{"no number", []string{"ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x"}, ErrMissing, "SEQNUM"},
		{"number 0", []string{"ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=0"}, ErrMissing, "SEQNUM"},
		{"no =", []string{"ACTION=add", "HELLO"}, ErrProperty, "HELLO"},
		{"no key", []string{"ACTION=add", "=x"}, ErrProperty, "=x"},
		{"empty property", []string{"ACTION=add", "", "A=b"}, ErrProperty, ""},
		{"number too large", []string{"MAJOR=4294967296"}, ErrNumber, "MAJOR"},
		{"negative number", []string{"MINOR=-1"}, ErrNumber, "MINOR"},
		{"hexadecimal number", []string{"SEQNUM=0x10"}, ErrNumber, "SEQNUM"},
		{"empty number", []string{"DISKSEQ="}, ErrNumber, "DISKSEQ"},
		{"relative path", []string{"DEVPATH=devices/x"}, ErrPath, "DEVPATH"},
		{"path that climbs", []string{"DEVPATH=/devices/../../etc"}, ErrPath, "DEVPATH"},
		{"path with an empty element", []string{"DEVPATH=/devices//x"}, ErrPath, "DEVPATH"},
		{"the root", []string{"DEVPATH=/"}, ErrPath, "DEVPATH"},
		{"node elsewhere", []string{"DEVNAME=/etc/passwd"}, ErrPath, "DEVNAME"},
		{"node that climbs", []string{"DEVNAME=/dev/../etc/passwd"}, ErrPath, "DEVNAME"},
		{"empty node", []string{"DEVNAME="}, ErrPath, "DEVNAME"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseUdev(udevMessage(test.properties...))
			wantParseError(t, err, test.kind, test.field)
			_, err = ParseKernel(kernelMessage("add@/d", test.properties...))
			wantParseError(t, err, test.kind, test.field)
		})
	}
}

func wantParseError(t *testing.T, err, kind error, field string) {
	t.Helper()
	var p *ParseError
	if !errors.As(err, &p) || !errors.Is(err, kind) || p.Field != field {
		t.Errorf("%v, want %v: %q", err, kind, field)
	}
}

func TestMalformedKernelHeaders(t *testing.T) {
	valid := []string{"ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1"}
	tests := []struct {
		name    string
		message []byte
		kind    error
		field   string
	}{
		{"nothing", nil, ErrTooShort, ""},
		{"no NUL", []byte("add@/d"), ErrTooShort, ""},
		{"no @", kernelMessage("add/d", valid...), ErrHeader, ""},
		{"no action", kernelMessage("@/d", valid...), ErrHeader, ""},
		{"no path", kernelMessage("add@", valid...), ErrHeader, ""},
		{"libudev's framing", udevMessage(valid...), ErrHeader, ""},
		{"no properties", []byte("add@/d\x00"), ErrMissing, "ACTION"},
		{"no NUL at the end", []byte("add@/d\x00ACTION=add\x00DEVPATH=/d"), ErrUnterminated, ""},
		{"another action", kernelMessage("remove@/d", valid...), ErrContradiction, "ACTION"},
		{"another path", kernelMessage("add@/e", valid...), ErrContradiction, "DEVPATH"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseKernel(test.message)
			wantParseError(t, err, test.kind, test.field)
		})
	}
}

func TestMalformedUdevHeaders(t *testing.T) {
	put := func(offset int, value uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.NativeEndian.PutUint32(b[offset:], value)
			return b
		}
	}
	length := uint32(len(pairs(diskProperties()...)))
	tests := []struct {
		name   string
		change func(b []byte) []byte
		kind   error
		field  string
	}{
		{"nothing", func([]byte) []byte { return nil }, ErrTooShort, ""},
		{"cut in the header", func(b []byte) []byte { return b[:39] }, ErrTooShort, ""},
		{"the kernel's framing", func([]byte) []byte { return kernelMessage("change@/d", diskProperties()...) }, ErrPrefix, ""},
		{"prefix without NUL", func(b []byte) []byte { b[7] = '2'; return b }, ErrPrefix, ""},
		{"magic", func(b []byte) []byte { b[8]++; return b }, ErrMagic, ""},
		{"magic in the wrong order", func(b []byte) []byte { slices.Reverse(b[8:12]); return b }, ErrMagic, ""},
		{"small header", put(offHeaderSize, 36), ErrBounds, "header_size"},
		{"large header", put(offHeaderSize, 1<<31), ErrBounds, "header_size"},
		{"properties in the header", put(offPropertiesOff, 8), ErrBounds, "properties_off"},
		{"properties behind the end", put(offPropertiesOff, 1<<32-1), ErrBounds, "properties_off"},
		{"too many properties", put(offPropertiesLen, length+1), ErrBounds, "properties_len"},
		{"a sum that overflows 32 bits", put(offPropertiesLen, 1<<32-8), ErrBounds, "properties_len"},
		{"cut property", put(offPropertiesLen, length-1), ErrUnterminated, ""},
		{"no properties", put(offPropertiesLen, 0), ErrMissing, "ACTION"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseUdev(test.change(udevMessage(diskProperties()...)))
			wantParseError(t, err, test.kind, test.field)
		})
	}
}

func TestLongerUdevHeaderOfALaterVersion(t *testing.T) {
	b := udevMessage(diskProperties()...)
	b = slices.Insert(b, udevHeaderSize, make([]byte, 8)...)
	binary.NativeEndian.PutUint32(b[offHeaderSize:], 48)
	binary.NativeEndian.PutUint32(b[offPropertiesOff:], 48)
	if e, err := ParseUdev(b); err != nil || e.Seqnum != 4711 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestParseErrorsSayWhere(t *testing.T) {
	_, err := ParseKernel([]byte("add@/d\x00ACTION=add\x00oops\x00"))
	if want := `uevent: property is not KEY=VALUE: "oops" at byte 18`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestPropertiesComeBackAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,8}`)
		value := rapid.StringMatching(`[^\x00]{0,20}`)
		sent := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return "X_" + key.Draw(t, "key") + "=" + value.Draw(t, "value") }), 0, 20).Draw(t, "sent")
		e, err := ParseUdev(udevMessage(diskProperties(sent...)...))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for k, v := range e.Properties.All() {
			got = append(got, k+"="+v)
			if last, found := e.Properties.Get(k); !found || k[0] != 'X' && last != v {
				t.Fatalf("%s is %q and %q", k, v, last)
			}
		}
		if !slices.Equal(got, diskProperties(sent...)) || e.Properties.Len() != len(got) {
			t.Fatalf("%q", got)
		}
		if lines := strings.Count(e.Properties.String(), "\n"); lines < len(got) {
			t.Fatalf("%d lines", lines)
		}
	})
}

func FuzzKernel(f *testing.F) {
	f.Add(kernelMessage("change@/devices/virtual/block/loop0", diskProperties()...))
	f.Add(kernelMessage("add@/devices/pci@1/a@b", "ACTION=add", "DEVPATH=/devices/pci@1/a@b", "SUBSYSTEM=x", "SEQNUM=1"))
	for _, r := range streams(f) {
		if r.source == Kernel {
			f.Add(r.message)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { soundness(t, Kernel, b) })
}

func FuzzUdev(f *testing.F) {
	f.Add(udevMessage(diskProperties("TAGS=:a:b:")...))
	for _, r := range streams(f) {
		if r.source == Udev {
			f.Add(r.message)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { soundness(t, Udev, b) })
}

// soundness holds for any bytes: an error is typed; an event has what events have, and its properties
// framed again make the same event.
func soundness(t *testing.T, source Source, b []byte) {
	e, err := parse(source, b)
	if err != nil {
		var p *ParseError
		if !errors.As(err, &p) || p.Offset > len(b) {
			t.Fatalf("%#v", err)
		}
		return
	}
	if !strings.HasPrefix(e.DevPath, "/") || strings.Contains(e.DevPath+"/", "/../") || e.Subsystem == "" || e.Seqnum == 0 || e.Action == Overrun {
		t.Fatalf("%+v", e)
	}
	if e.DevName != "" && !strings.HasPrefix(e.DevName, "/dev/") {
		t.Fatalf("node %q", e.DevName)
	}
	again, err := ParseUdev(udevMessage(strings.TrimSuffix(e.Properties.text, "\x00")))
	again.Source = e.Source
	if err != nil || again != e {
		t.Fatalf("%+v became %+v, %v", e, again, err)
	}
	if !selects([]Match{{Subsystem: e.Subsystem, DevType: e.DevType}}, []byte(e.Properties.text)) {
		t.Fatal("not selected by its own fields")
	}
}

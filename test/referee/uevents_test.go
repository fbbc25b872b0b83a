// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/udev"
	"github.com/pilebones/go-udev/netlink"
)

// The recordings are read where they were made: on a little-endian machine.

// recordings are the messages of udev/testdata by group.
func recordings(t *testing.T) map[udev.Source][][]byte {
	t.Helper()
	files, err := filepath.Glob("../../udev/testdata/*.stream")
	if err != nil || len(files) < 2 {
		t.Fatalf("no recordings: %v", err)
	}
	groups := map[string]udev.Source{"kernel": udev.Kernel, "udev": udev.Udev}
	all := map[udev.Source][][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			group, quoted, _ := strings.Cut(lines.Text(), " ")
			if groups[group] == 0 {
				continue
			}
			message, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[groups[group]] = append(all[groups[group]], []byte(message))
		}
	}
	return all
}

func readEvent(source udev.Source, b []byte) (udev.Event, error) {
	if source == udev.Kernel {
		return udev.ParseKernel(b)
	}
	return udev.ParseUdev(b)
}

func TestRecordedUeventsReadAlike(t *testing.T) {
	for source, messages := range recordings(t) {
		if len(messages) < 20 {
			t.Errorf("%v: only %d messages", source, len(messages))
		}
		for _, b := range messages {
			e, err := readEvent(source, b)
			if err != nil {
				t.Errorf("ours: %v: %q", err, b)
				continue
			}
			theirs, err := netlink.ParseUEvent(b)
			if err != nil {
				t.Errorf("the referee: %v: %q", err, b)
				continue
			}
			sameEvent(t, e, theirs)
		}
	}
}

// sameEvent compares what both have: the referee leaves every property as text.
func sameEvent(t *testing.T, e udev.Event, theirs *netlink.UEvent) {
	t.Helper()
	if e.Action.String() != theirs.Action.String() || e.DevPath != theirs.KObj || !maps.Equal(maps.Collect(e.Properties.All()), theirs.Env) {
		t.Errorf("ours %v %s %v\ntheirs %v", e.Action, e.DevPath, e.Properties, theirs)
	}
	number := func(key string) string {
		if value := theirs.Env[key]; value != "" {
			return value
		}
		return "0"
	}
	typed := fmt.Sprint(e.Subsystem, e.DevType, e.Major, e.Minor, e.DiskSeq, e.Seqnum, e.Synthetic)
	text := fmt.Sprint(theirs.Env["SUBSYSTEM"], theirs.Env["DEVTYPE"], " ", number("MAJOR"), " ", number("MINOR"), " ", number("DISKSEQ"), " ", number("SEQNUM"), theirs.Env["SYNTH_UUID"])
	if strings.ReplaceAll(typed, " ", "") != strings.ReplaceAll(text, " ", "") {
		t.Errorf("ours %s\ntheirs %s", typed, text)
	}
}

// kernelText is a message of the kernel's group.
func kernelText(header string, properties ...string) []byte {
	return []byte(header + "\x00" + strings.Join(properties, "\x00") + "\x00")
}

// TestDifferenceOfUeventParsers states, message by message, where the two disagree. When one of these fails
// after an update of the referee, the difference is gone and its entry in doc.go with it.
func TestDifferenceOfUeventParsers(t *testing.T) {
	proper := []string{"ACTION=add", "DEVPATH=/d", "SUBSYSTEM=block", "SEQNUM=1"}
	with := func(more ...string) []byte { return kernelText("add@/d", slices.Concat(proper, more)...) }
	framed := recordings(t)[udev.Udev][0]
	change := func(f func(b []byte)) []byte {
		b := slices.Clone(framed)
		f(b)
		return b
	}
	length := binary.NativeEndian.Uint32(framed[20:])
	tests := []struct {
		name    string
		source  udev.Source
		message []byte
		kind    error // ours; nil where ours reads it
		refused bool  // by the referee
	}{
		{"9 @ in a device path", udev.Kernel, kernelText("add@/a@b", "ACTION=add", "DEVPATH=/a@b", "SUBSYSTEM=x", "SEQNUM=1"), nil, true},
		{"10 an action of a later kernel", udev.Kernel, kernelText("burn@/d", "ACTION=burn", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1"), nil, true},
		{"11 no SEQNUM", udev.Kernel, kernelText("add@/d", proper[:3]...), udev.ErrMissing, false},
		{"11 no SUBSYSTEM", udev.Kernel, kernelText("add@/d", proper[0], proper[1], proper[3]), udev.ErrMissing, false},
		{"11 nothing but a header", udev.Kernel, []byte("add@/d\x00"), udev.ErrMissing, false},
		{"12 no such number", udev.Kernel, with("MAJOR=many"), udev.ErrNumber, false},
		{"13 a path that climbs", udev.Kernel, kernelText("add@/../d", "ACTION=add", "DEVPATH=/../d", "SUBSYSTEM=x", "SEQNUM=1"), udev.ErrPath, false},
		{"13 a node that climbs", udev.Kernel, with("DEVNAME=../etc/shadow"), udev.ErrPath, false},
		{"14 a header that contradicts", udev.Kernel, kernelText("remove@/d", proper...), udev.ErrContradiction, false},
		{"15 a last property that is cut", udev.Kernel, bytes.TrimSuffix(with("MAJOR=17"), []byte("7\x00")), udev.ErrUnterminated, false},
		{"15 a property without a key", udev.Kernel, with("=x"), udev.ErrProperty, false},
		{"16 a length beyond the end", udev.Udev, change(func(b []byte) { binary.NativeEndian.PutUint32(b[20:], length+1) }), udev.ErrBounds, false},
		{"16 no length", udev.Udev, change(func(b []byte) { binary.NativeEndian.PutUint32(b[20:], 0) }), udev.ErrMissing, false},
		{"16 a header of no size", udev.Udev, change(func(b []byte) { binary.NativeEndian.PutUint32(b[12:], 0) }), udev.ErrBounds, false},
		{"17 libudev's framing in the kernel's group", udev.Kernel, framed, udev.ErrHeader, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readEvent(test.source, test.message); !errors.Is(err, test.kind) {
				t.Errorf("ours: %v, want %v", err, test.kind)
			}
			if theirs, err := netlink.ParseUEvent(test.message); (err != nil) != test.refused {
				t.Errorf("the referee: %v, %v", theirs, err)
			}
		})
	}
}

func TestDifferenceOrderOfProperties(t *testing.T) {
	b := kernelText("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=x", "SEQNUM=1", "A=1", "A=2")
	e, err := udev.ParseKernel(b)
	if err != nil || e.Properties.Len() != 6 {
		t.Errorf("ours: %v, %v", e.Properties, err)
	}
	theirs, err := netlink.ParseUEvent(b)
	if err != nil || len(theirs.Env) != 5 {
		t.Errorf("the referee: %v, %v", theirs, err)
	}
	if a, _ := e.Properties.Get("A"); a != "2" || theirs.Env["A"] != a {
		t.Errorf("ours %q, theirs %q", a, theirs.Env["A"])
	}
}

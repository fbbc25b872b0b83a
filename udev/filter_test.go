// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// run interprets the instructions that filters are made of; the kernel's own is tested with sockets.
func run(t interface{ Fatalf(string, ...any) }, code []unix.SockFilter, packet []byte) bool {
	var a uint32
	for pc := 0; ; pc++ {
		i := code[pc]
		holds := false
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_LEN:
			a = uint32(len(packet))
			continue
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.BigEndian.Uint32(packet[i.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K != 0
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			holds = a >= i.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			holds = a == i.K
		default:
			t.Fatalf("instruction %#x", i.Code)
		}
		if holds {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
}

func TestFilterPassesWhatMatchesSelect(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "block", "net", "disk", "partition", "systemd", "usb_device"})
	match := rapid.Custom(func(t *rapid.T) Match {
		return Match{word.Draw(t, "subsystem"), word.Draw(t, "devtype"), word.Draw(t, "tag")}
	})
	rapid.Check(t, func(t *rapid.T) {
		matches := rapid.SliceOfN(match, 1, 6).Draw(t, "matches")
		properties := []string{"SUBSYSTEM=" + word.Draw(t, "subsystem"), "DEVTYPE=" + word.Draw(t, "devtype")}
		if tags := rapid.SliceOfN(word, 0, 3).Draw(t, "tags"); len(tags) > 0 {
			properties = append(properties, "TAGS=:"+strings.Join(tags, ":")+":")
		}
		passed, selected := run(t, program(matches), udevMessage(properties...)), selects(matches, pairs(properties...))
		if selected && !passed {
			t.Fatalf("%v drops %q", matches, properties)
		}
		if passed && !selected && !onlyTags(matches) {
			t.Fatalf("%v passes %q", matches, properties)
		}
	})
}

// onlyTags: a Bloom filter may pass what it should not.
func onlyTags(matches []Match) bool {
	for _, m := range matches {
		if m.Tag != "" {
			return true
		}
	}
	return false
}

func TestFilterPassesWhatIsToBeCountedAsMalformed(t *testing.T) {
	code := program([]Match{{Subsystem: "block"}})
	wrongMagic := udevMessage("SUBSYSTEM=net")
	wrongMagic[offMagic]++
	for name, packet := range map[string][]byte{"nothing": nil, "short": make([]byte, 39), "wrong magic": wrongMagic} {
		if !run(t, code, packet) {
			t.Errorf("%s is dropped", name)
		}
	}
	if run(t, code, udevMessage("SUBSYSTEM=net")) {
		t.Error("another subsystem passes")
	}
}

func TestFilterFitsTheKernel(t *testing.T) {
	matches := make([]Match, maxMatches)
	for i := range matches {
		matches[i] = Match{"a", "b", "c"}
	}
	if n := len(program(matches)); n > 4096 {
		t.Errorf("%d instructions, BPF_MAXINSNS is 4096", n)
	}
}

func TestMatchesSelectByLastValueAndWholeTag(t *testing.T) {
	properties := pairs("SUBSYSTEM=net", "SUBSYSTEM=block", "XSUBSYSTEM=usb", "DEVTYPE=disk", "TAGS=:one:two:")
	tests := []struct {
		match Match
		want  bool
	}{
		{Match{}, true},
		{Match{Subsystem: "block"}, true},
		{Match{Subsystem: "net"}, false},
		{Match{Subsystem: "usb"}, false},
		{Match{Subsystem: "bloc"}, false},
		{Match{Subsystem: "block", DevType: "disk", Tag: "two"}, true},
		{Match{Subsystem: "block", DevType: "partition"}, false},
		{Match{Tag: "on"}, false},
	}
	for _, test := range tests {
		if got := selects([]Match{test.match}, properties); got != test.want {
			t.Errorf("%+v: %v", test.match, got)
		}
	}
	if !selects(nil, properties) || !selects([]Match{{Subsystem: "x"}, {Subsystem: "block"}}, properties) {
		t.Error("no matches select everything, several are alternatives")
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	properties := pairs(diskProperties("TAGS=:a:b:")...)
	matches := []Match{{Subsystem: "net"}, {Subsystem: "block", DevType: "partition"}, {Tag: "c"}}
	if n := testing.AllocsPerRun(100, func() { selects(matches, properties) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// SPDX-License-Identifier: Apache-2.0

package udev

import "golang.org/x/sys/unix"

// maxMatches keeps the program far below BPF_MAXINSNS (4096).
const maxMatches = 256

// accept passes a whole message.
const accept = 0xffffffff

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func unlessEqual(value uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
}

func mask(bits uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: bits}
}

func verdict(length uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: length}
}

// program is the matches as classic BPF over libudev's header, whose hashes and magic are big-endian,
// as BPF loads them. What is no such header passes, to be counted as malformed. Hashes collide, so
// what passes is matched again.
func program(matches []Match) []unix.SockFilter {
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: udevHeaderSize, Jt: 1},
		verdict(accept),
		load(offMagic),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: udevMagic, Jt: 1},
		verdict(accept),
	}
	for _, m := range matches {
		code = append(code, m.block()...)
	}
	return append(code, verdict(0))
}

// block accepts what fits the match, or falls through to what follows it.
func (m Match) block() []unix.SockFilter {
	var tests [][]unix.SockFilter
	if m.Subsystem != "" {
		tests = append(tests, []unix.SockFilter{load(offSubsystemHash), unlessEqual(murmur2(m.Subsystem), 0)})
	}
	if m.DevType != "" {
		tests = append(tests, []unix.SockFilter{load(offDevTypeHash), unlessEqual(murmur2(m.DevType), 0)})
	}
	if m.Tag != "" {
		bits := bloom(m.Tag)
		high, low := uint32(bits>>32), uint32(bits)
		tests = append(tests,
			[]unix.SockFilter{load(offTagBloomHigh), mask(high), unlessEqual(high, 0)},
			[]unix.SockFilter{load(offTagBloomLow), mask(low), unlessEqual(low, 0)})
	}
	return join(tests)
}

// join puts tests in a row, each of which leaves the row by its last instruction when it fails.
func join(tests [][]unix.SockFilter) []unix.SockFilter {
	row := []unix.SockFilter{verdict(accept)}
	for i := len(tests) - 1; i >= 0; i-- {
		test := tests[i]
		test[len(test)-1].Jf = uint8(len(row))
		row = append(test, row...)
	}
	return row
}

// attach makes the kernel drop what no match selects, before it takes room in the socket's buffer.
// Only for udev's group: the kernel's own messages have the subsystem at a place that depends on the
// length of the device path, which classic BPF, having no loops, cannot find.
func attach(fd int, source Source, matches []Match) error {
	if source != Udev || len(matches) == 0 {
		return nil
	}
	code := program(matches)
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

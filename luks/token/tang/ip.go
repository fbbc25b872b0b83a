// SPDX-License-Identifier: Apache-2.0

package tang

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ip is an address, of 4 or 16 bytes. (The standard library's would make the program larger by 20 KB.)
type ip []byte

// parseIP reads "192.0.2.1" or, without a zone, "2001:db8::1" (RFC 4291, 2.2).
func parseIP(text string) (ip, bool) {
	if !strings.Contains(text, ":") {
		return parse4(text)
	}
	left, right, short := strings.Cut(text, "::")
	head, ok := groups(left)
	tail, also := groups(right)
	missing := 16 - len(head) - len(tail)
	if !ok || !also || short && missing < 2 || !short && missing != 0 {
		return nil, false
	}
	return append(append(head, make([]byte, missing)...), tail...), true
}

func parse4(text string) (ip, bool) {
	words := strings.Split(text, ".")
	var a ip
	for _, word := range words {
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil || len(word) > 1 && word[0] == '0' {
			return nil, false
		}
		a = append(a, byte(n))
	}
	return a, len(a) == 4
}

// groups are numbers of 16 bits in hexadecimal, the last two of which may be an address of 4 bytes.
func groups(text string) (p ip, ok bool) {
	if text == "" {
		return nil, true
	}
	words := strings.Split(text, ":")
	for i, word := range words {
		if i == len(words)-1 && strings.Contains(word, ".") {
			a, is := parse4(word)
			return append(p, a...), is
		}
		n, err := strconv.ParseUint(word, 16, 16)
		if err != nil || len(word) > 4 {
			return nil, false
		}
		p = binary.BigEndian.AppendUint16(p, uint16(n))
	}
	return p, len(p) <= 16
}

// at is where a port of an address is for the kernel.
func (a ip) at(port uint16) (family int, where unix.Sockaddr) {
	if len(a) == 4 {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte(a)}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(port), Addr: [16]byte(a)}
}

// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// message is one framed message, its parts still where they were received.
type message struct {
	source     Source
	header     []byte // kernel framing: ACTION@DEVPATH
	properties []byte // each "KEY=VALUE\x00", unchecked
	offset     int    // of properties in the message
}

// split takes the framing off. It allocates only for an error.
func split(source Source, b []byte) (message, error) {
	if source == Kernel {
		return splitKernel(b)
	}
	return splitUdev(b)
}

// ParseKernel reads a message of the kernel's group: "ACTION@DEVPATH" and the properties, each ended
// by NUL. Errors are *ParseError.
func ParseKernel(b []byte) (Event, error) { return parse(Kernel, b) }

// ParseUdev reads a message of udev's group, in libudev's framing (see the package's diagram) and the
// byte order of this processor. Errors are *ParseError.
func ParseUdev(b []byte) (Event, error) { return parse(Udev, b) }

func parse(source Source, b []byte) (Event, error) {
	m, err := split(source, b)
	if err != nil {
		return Event{}, err
	}
	return m.event()
}

// event makes the typed event. The properties are copied once; all strings are parts of that copy.
func (m message) event() (Event, error) {
	if err := check(m.properties, m.offset); err != nil {
		return Event{}, err
	}
	e, err := decode(m.source, Properties{string(m.properties)})
	if err != nil {
		return Event{}, err
	}
	if err := require(&e); err != nil {
		return Event{}, err
	}
	return e, m.agree(&e)
}

// agree holds the kernel's header against the properties; the kernel makes both from the same source.
func (m message) agree(e *Event) error {
	if m.source != Kernel {
		return nil
	}
	action, path, _ := bytes.Cut(m.header, []byte("@"))
	named, _ := e.Properties.Get("ACTION")
	if string(action) != named {
		return &ParseError{ErrContradiction, "ACTION", 0}
	}
	if string(path) != e.DevPath {
		return &ParseError{ErrContradiction, "DEVPATH", 0}
	}
	return nil
}

// check verifies that properties are pairs with a key, each ended by NUL.
func check(properties []byte, offset int) error {
	for at := 0; at < len(properties); {
		n := bytes.IndexByte(properties[at:], 0)
		if n < 0 {
			return &ParseError{ErrUnterminated, "", offset + at}
		}
		if bytes.IndexByte(properties[at:at+n], '=') < 1 {
			return &ParseError{ErrProperty, string(properties[at : at+n]), offset + at}
		}
		at += n + 1
	}
	return nil
}

// decode fills the typed fields; of duplicates the last one wins.
func decode(source Source, p Properties) (Event, error) {
	e := Event{Source: source, Properties: p}
	for key, value := range p.All() {
		if kind := e.set(key, value); kind != nil {
			return Event{}, &ParseError{kind, key, -1}
		}
	}
	return e, nil
}

func number32(value string) (uint32, error) {
	n, err := number64(value)
	if err != nil || n > math.MaxUint32 {
		return 0, ErrNumber
	}
	return uint32(n), nil
}

func number64(value string) (uint64, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, ErrNumber
	}
	return n, nil
}

// devicePath accepts what can be put after /sys and stays there.
func devicePath(path string) (string, error) {
	if !strings.HasPrefix(path, "/") || !plain(path[1:]) {
		return "", ErrPath
	}
	return path, nil
}

// nodePath makes a node's name absolute: the kernel sends "loop0", udevd "/dev/loop0".
func nodePath(name string) (string, error) {
	short := strings.TrimPrefix(name, "/dev/")
	if !plain(short) {
		return "", ErrPath
	}
	if len(short) < len(name) {
		return name, nil
	}
	return "/dev/" + name, nil
}

// plain tells whether a relative path has only proper elements: none empty, "." or "..".
func plain(path string) bool {
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// require looks for what every event has (libudev asks for the same four).
func require(e *Event) error {
	action, _ := e.Properties.Get("ACTION")
	switch {
	case action == "":
		return &ParseError{ErrMissing, "ACTION", -1}
	case e.DevPath == "":
		return &ParseError{ErrMissing, "DEVPATH", -1}
	case e.Subsystem == "":
		return &ParseError{ErrMissing, "SUBSYSTEM", -1}
	case e.Seqnum == 0:
		return &ParseError{ErrMissing, "SEQNUM", -1}
	}
	return nil
}

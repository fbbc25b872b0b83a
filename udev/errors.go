// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"fmt"
)

// Kinds of malformed messages and records, for errors.Is.
var (
	ErrTooShort      = errors.New("message too short")
	ErrPrefix        = errors.New("no libudev prefix")
	ErrMagic         = errors.New("wrong magic")
	ErrBounds        = errors.New("properties outside the message")
	ErrHeader        = errors.New("header is not ACTION@DEVPATH")
	ErrUnterminated  = errors.New("property without its terminating NUL")
	ErrProperty      = errors.New("property is not KEY=VALUE")
	ErrMissing       = errors.New("property missing")
	ErrNumber        = errors.New("not a number in range")
	ErrPath          = errors.New("not a plain path")
	ErrContradiction = errors.New("header and properties disagree")
)

// Kinds of failed operations, for errors.Is. The errno is matched by errors.Is as well.
var (
	ErrSocket   = errors.New("netlink socket")
	ErrClosed   = errors.New("monitor is closed")
	ErrMatch    = errors.New("filter cannot be used")
	ErrNoDevice = errors.New("no such device")
	ErrTrigger  = errors.New("kernel refuses the synthetic event")
)

// ParseError is a message or record that breaks its format.
type ParseError struct {
	Kind   error  // one of the Err… values
	Field  string // the header field or property at fault; empty where the message as a whole is
	Offset int    // bytes from the start of the message; -1 where no place is at fault
}

func (e *ParseError) Error() string {
	text := "uevent: " + e.Kind.Error()
	if e.Field != "" {
		text += fmt.Sprintf(": %q", e.Field)
	}
	if e.Offset >= 0 {
		text += fmt.Sprintf(" at byte %d", e.Offset)
	}
	return text
}

// Unwrap returns the kind.
func (e *ParseError) Unwrap() error { return e.Kind }

// Error is an operation that failed.
type Error struct {
	Op   string // "listen", "receive", "read", "trigger"
	Name string // the group, or the path below /sys; may be empty
	Kind error  // one of the Err… values, or nil when the cause says all
	Err  error  // the cause; may be nil
}

func (e *Error) Error() string {
	text := "udev: " + e.Op
	if e.Name != "" {
		text += " " + e.Name
	}
	if e.Kind != nil {
		text += ": " + e.Kind.Error()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	var causes []error
	if e.Kind != nil {
		causes = append(causes, e.Kind)
	}
	if e.Err != nil {
		causes = append(causes, e.Err)
	}
	return causes
}

// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ExitCode is the process's exit code; scripts tell them apart.
type ExitCode int

// The exit codes of cryptsetup.
const (
	OK       ExitCode = 0
	Failed   ExitCode = 1 // wrong parameters, and whatever has no code of its own
	Denied   ExitCode = 2 // no permission, a bad passphrase, or a no to a question
	NoMemory ExitCode = 3
	NoDevice ExitCode = 4 // no such device, or not one that can be used so
	InUse    ExitCode = 5 // exists already, or is busy

	// Those of a run that a signal ended, as shells have it; cryptsetup's is Failed.
	Interrupted ExitCode = 130
	Terminated  ExitCode = 143
)

func (c ExitCode) String() string {
	switch c {
	case OK:
		return "success"
	case Denied:
		return "no permission or bad passphrase"
	case NoMemory:
		return "out of memory"
	case NoDevice:
		return "wrong device or file specified"
	case InUse:
		return "device already exists or device is busy"
	}
	return "wrong or missing parameters"
}

// codedError carries the exit code that its maker wants.
type codedError struct {
	code ExitCode
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// WithCode gives err an exit code that wins over every other rule; nil stays nil.
func WithCode(err error, code ExitCode) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

// Kind maps a sentinel error to an exit code.
type Kind struct {
	Is   error
	Code ExitCode
}

// CodeOf returns the exit code for an error: the one WithCode gave it, that of the first matching
// kind, or what follows from the errno inside.
func CodeOf(err error, kinds ...Kind) ExitCode {
	if err == nil {
		return OK
	}
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	for _, kind := range kinds {
		if errors.Is(err, kind.Is) {
			return kind.Code
		}
	}
	switch {
	case errors.Is(err, ErrMismatch), errors.Is(err, ErrDeclined):
		return Denied
	}
	return codeOfErrno(err)
}

func codeOfErrno(err error) ExitCode {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return Failed
	}
	switch errno {
	case unix.EPERM:
		return Denied
	case unix.ENOMEM:
		return NoMemory
	case unix.ENODEV, unix.ENOTBLK:
		return NoDevice
	case unix.EEXIST, unix.EBUSY:
		return InUse
	}
	return Failed
}

// Conclude says how the run ended, where -v asks for it.
func (u *UI) Conclude(code ExitCode) {
	if code == OK {
		u.Verbosef("Command successful.")
		return
	}
	u.Verbosef("Command failed with code -%d (%s).", int(code), code)
}

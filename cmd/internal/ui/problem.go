// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"strings"
)

// Problem is a kind of failure to get an answer; its text is what cryptsetup prints for it.
type Problem string

func (p Problem) Error() string { return string(p) }

// What can go wrong between asking and having a secret.
const (
	ErrNothingToRead  = Problem("Nothing to read on input.")
	ErrShortKeyFile   = Problem("Cannot read requested amount of data.")
	ErrLongKeyFile    = Problem("Maximum keyfile size exceeded.")
	ErrSeekKeyFile    = Problem("Cannot seek to requested keyfile offset.")
	ErrOpenKeyFile    = Problem("Failed to open key file")
	ErrReadKey        = Problem("Error reading passphrase")
	ErrKeyFileIsTTY   = Problem("Cannot read keyfile from a terminal.")
	ErrOffsetOnTTY    = Problem("Cannot use offset with terminal input.")
	ErrReadTerminal   = Problem("Error reading passphrase from terminal.")
	ErrMismatch       = Problem("Passphrases do not match.")
	ErrDeclined       = Problem("Operation aborted.")
	errMessageTrimmed = "Read stopped at maximal interactive input length, passphrase can be trimmed."
	errMessageVerify  = "Can't do passphrase verification on non-tty inputs."
)

// InputError is a Problem with a named source. Path is "-" for standard input, empty for a terminal.
type InputError struct {
	Kind Problem
	Path string
	Err  error // the cause, or nil
}

// Error names source and cause where the kind's text leaves room for them.
func (e *InputError) Error() string {
	if e.Err == nil || strings.HasSuffix(string(e.Kind), ".") {
		return e.Kind.Error()
	}
	return fmt.Sprintf("%s %s: %v.", e.Kind.Error(), e.Path, e.Err)
}

// Unwrap gives the kind and the cause.
func (e *InputError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

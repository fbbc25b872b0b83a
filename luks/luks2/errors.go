// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of damage. A DamageError wraps one of them.
var (
	ErrMagic    = errors.New("no LUKS2 magic")
	ErrVersion  = errors.New("unsupported header version")
	ErrSize     = errors.New("header size out of range")
	ErrOffset   = errors.New("header lies at another place than it names")
	ErrChecksum = errors.New("checksum mismatch")
	ErrJSON     = errors.New("invalid JSON area")
	ErrRule     = errors.New("metadata breaks a rule of the format")
)

// The kinds of refusal when metadata is changed.
var (
	ErrNoRoom       = errors.New("no room")           // in the JSON area or among the keyslot areas
	ErrNoID         = errors.New("all ids are taken") // 32 keyslots, 32 tokens, 8 digests
	ErrTaken        = errors.New("already in use")    // a keyslot or token id asked for by number
	ErrNoKeyslot    = errors.New("no such keyslot")
	ErrNoToken      = errors.New("no such token")
	ErrRequirements = errors.New("unmet LUKS2 requirements")
)

// DamageError says why one header copy cannot be used.
type DamageError struct {
	Kind  error  // one of the kinds above
	Field string // field of the binary header, or path in the JSON such as "keyslots.0.area.offset"
	Why   string // empty where Kind says it all
}

func (e *DamageError) Error() string {
	text := e.Kind.Error()
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *DamageError) Unwrap() error { return e.Kind }

// damaged makes a DamageError. Many call it; inlined in all of them it would be large.
//
//go:noinline
func damaged(kind error, field, format string, args ...any) error {
	return &DamageError{Kind: kind, Field: field, Why: fmt.Sprintf(format, args...)}
}

// broken is a DamageError for a rule of the JSON; path names the member.
// Many call it; inlined in all of them it would be large.
//
//go:noinline
func broken(path, format string, args ...any) error { return damaged(ErrRule, path, format, args...) }

// RequirementsError names the requirements of the header that are not met here. It wraps ErrRequirements.
type RequirementsError struct{ Names []string }

func (e *RequirementsError) Error() string {
	return fmt.Sprintf("%v: %s", ErrRequirements, strings.Join(e.Names, ", "))
}

func (e *RequirementsError) Unwrap() error { return ErrRequirements }

// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The kinds of failure, beside those of the packages below.
var (
	ErrNotLUKS         = errors.New("not a LUKS volume")
	ErrPassphrase      = errors.New("no key available with this passphrase")
	ErrNoUsableKeyslot = errors.New("no usable keyslot is available")
	ErrKeyslotInactive = errors.New("keyslot is not active")
	ErrVolumeKey       = errors.New("volume key does not match the volume")
	ErrUnsupported     = errors.New("not supported")
	ErrGeometry        = errors.New("impossible geometry")
	ErrAnotherVolume   = commit.ErrAnotherVolume
	// ErrMeanwhile: what an operation believed turned out otherwise under the lock, and nothing was written.
	ErrMeanwhile = commit.ErrMeanwhile
	// ErrLastKey: the operation would now leave nothing that opens the data. It comes with ErrMeanwhile.
	ErrLastKey = commit.ErrLastKey
	// ErrAuthority: the passphrase that allowed the operation was revoked. It comes with ErrMeanwhile.
	ErrAuthority        = commit.ErrAuthority
	ErrNullCipherSecret = errors.New("null cipher opens with an empty passphrase only")
)

// KeyslotError says which keyslot a failure belongs to.
type KeyslotError struct {
	Keyslot int
	Err     error
}

func (e *KeyslotError) Error() string { return fmt.Sprintf("keyslot %d: %v", e.Keyslot, e.Err) }

func (e *KeyslotError) Unwrap() error { return e.Err }

// GeometryError says which size or offset cannot be.
type GeometryError struct {
	What string
	Why  string
}

func (e *GeometryError) Error() string { return e.What + ": " + e.Why }

func (e *GeometryError) Unwrap() error { return ErrGeometry }

func geometry(what, format string, args ...any) error {
	return &GeometryError{What: what, Why: fmt.Sprintf(format, args...)}
}

// RequirementsError names the requirements of the header that are not met here.
type RequirementsError struct{ Names []string }

func (e *RequirementsError) Error() string {
	return fmt.Sprintf("%v: %s", luks2.ErrRequirements, strings.Join(e.Names, ", "))
}

func (e *RequirementsError) Unwrap() error { return luks2.ErrRequirements }

// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kinds of errors, for errors.Is. The errno is matched by errors.Is as well.
var (
	ErrNoKey       = errors.New("no such key")
	ErrKeyExpired  = errors.New("key has expired")
	ErrKeyRevoked  = errors.New("key was revoked")
	ErrPermission  = errors.New("permission denied")
	ErrQuota       = errors.New("key quota exceeded")
	ErrUnsupported = errors.New("not supported by this kernel")
)

// Error is a key operation that failed.
type Error struct {
	Op    string // "add", "search", "read", …
	Key   string // "type:description" or the key's id
	Kind  error  // one of the Err… values, or nil when the errno says all
	Errno unix.Errno
}

func (e *Error) Error() string {
	cause := e.Errno.Error()
	if e.Kind != nil {
		cause = e.Kind.Error()
	}
	return fmt.Sprintf("keyring: %s %s: %s", e.Op, e.Key, cause)
}

// Unwrap returns the kind and the errno.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Errno}
	}
	return []error{e.Kind, e.Errno}
}

func kindOf(errno unix.Errno) error {
	switch errno {
	case unix.ENOKEY:
		return ErrNoKey
	case unix.EKEYEXPIRED:
		return ErrKeyExpired
	case unix.EKEYREVOKED:
		return ErrKeyRevoked
	case unix.EPERM, unix.EACCES:
		return ErrPermission
	case unix.EDQUOT:
		return ErrQuota
	case unix.ENOSYS, unix.EOPNOTSUPP, unix.ENODEV: // ENODEV: no such type of key
		return ErrUnsupported
	}
	return nil
}

func failure(op, key string, err error) error {
	if err == nil {
		return nil
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("keyring: %s %s: %w", op, key, err)
	}
	return &Error{Op: op, Key: key, Kind: kindOf(errno), Errno: errno}
}

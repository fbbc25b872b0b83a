// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// ID is the serial number of a key or keyring.
type ID int32

// The keyrings every process has (keyrings(7), "Possessed keys").
const (
	Thread      ID = unix.KEY_SPEC_THREAD_KEYRING
	Process     ID = unix.KEY_SPEC_PROCESS_KEYRING
	Session     ID = unix.KEY_SPEC_SESSION_KEYRING
	User        ID = unix.KEY_SPEC_USER_KEYRING
	UserSession ID = unix.KEY_SPEC_USER_SESSION_KEYRING
)

// String renders the special keyrings as keyctl(1) does, other keys by number.
func (id ID) String() string {
	switch id {
	case Thread:
		return "@t"
	case Process:
		return "@p"
	case Session:
		return "@s"
	case User:
		return "@u"
	case UserSession:
		return "@us"
	}
	return strconv.Itoa(int(id))
}

// Types of keys.
const (
	TypeLogon   = "logon"
	TypeUser    = "user"
	TypeKeyring = "keyring"
)

// Add puts a key into a keyring and returns its serial number. A key of the same type and
// description there is updated. The payload stays the caller's to wipe.
func Add(kind, description string, payload []byte, ring ID) (ID, error) {
	id, err := unix.AddKey(kind, description, payload, int(ring))
	return ID(id), failure("add", kind+":"+description, err)
}

// Update replaces the payload of a key.
func Update(id ID, payload []byte) error {
	if len(payload) == 0 {
		return failure("update", id.String(), unix.EINVAL)
	}
	_, err := unix.KeyctlBuffer(unix.KEYCTL_UPDATE, int(id), payload, 0)
	return failure("update", id.String(), err)
}

// Search looks for a key in a keyring and the keyrings linked into it.
func Search(ring ID, kind, description string) (ID, error) {
	id, err := unix.KeyctlSearch(int(ring), kind, description, 0)
	return ID(id), failure("search", kind+":"+description, err)
}

// Request looks for a key where the kernel would, in the thread, process and session keyrings of the
// calling thread. Unlike request_key(2) it never makes one. When none of them has the key the error
// is that of the most telling search: an expired or revoked key rather than none.
func Request(kind, description string) (ID, error) {
	var first error
	for _, ring := range []ID{Thread, Process, Session} {
		id, err := Search(ring, kind, description)
		if err == nil {
			return id, nil
		}
		if first == nil || errors.Is(first, ErrNoKey) {
			first = err
		}
	}
	return 0, first
}

// Read returns the payload of a key, which the caller closes. Keys of type logon refuse (kind nil,
// EOPNOTSUPP as ErrUnsupported).
func Read(id ID) (*secret.Buffer, error) {
	for room := 0; ; {
		buf, err := secret.New(room)
		if err != nil {
			return nil, err
		}
		n, err := read(id, buf.Bytes())
		if err != nil {
			return nil, errors.Join(failure("read", id.String(), err), buf.Close())
		}
		if n <= room {
			buf.Truncate(n)
			return buf, nil
		}
		// The first round asks for the size; the key may grow before the next.
		if err := buf.Close(); err != nil {
			return nil, err
		}
		room = n
	}
}

// read returns the payload's size, however much of it fits into p.
func read(id ID, p []byte) (int, error) {
	if len(p) == 0 {
		return unix.KeyctlInt(unix.KEYCTL_READ, int(id), 0, 0, 0)
	}
	return unix.KeyctlBuffer(unix.KEYCTL_READ, int(id), p, 0)
}

// Revoke makes a key unusable for everybody, wherever it is linked.
func Revoke(id ID) error { return control("revoke", unix.KEYCTL_REVOKE, id, 0) }

// Invalidate revokes a key and removes it from all keyrings at once.
func Invalidate(id ID) error { return control("invalidate", unix.KEYCTL_INVALIDATE, id, 0) }

// Link adds a key to a keyring. Linking User into Session lets a process with a fresh session
// keyring find the user's keys.
func Link(id, ring ID) error { return control("link", unix.KEYCTL_LINK, id, int(ring)) }

// Unlink takes a key out of a keyring; a key without links is dropped.
func Unlink(id, ring ID) error { return control("unlink", unix.KEYCTL_UNLINK, id, int(ring)) }

// Clear empties a keyring.
func Clear(ring ID) error { return control("clear", unix.KEYCTL_CLEAR, ring, 0) }

// SetTimeout lets a key expire after d, rounded up to seconds; zero removes the limit.
func SetTimeout(id ID, d time.Duration) error {
	seconds := int((d + time.Second - 1) / time.Second)
	return control("set timeout", unix.KEYCTL_SET_TIMEOUT, id, seconds)
}

func control(op string, cmd int, id ID, arg int) error {
	_, err := unix.KeyctlInt(cmd, int(id), arg, 0, 0)
	return failure(op, id.String(), err)
}

// Permissions of a key, for its possessor, owner, group and others (keyctl(2), KEYCTL_SETPERM: read here, never set).
type Permissions uint32

// Resolve returns the serial number of a special keyring, which is made when create is set and the
// thread or process has none.
func Resolve(ring ID, create bool) (ID, error) {
	id, err := unix.KeyctlGetKeyringID(int(ring), create)
	return ID(id), failure("resolve", ring.String(), err)
}

// JoinSession gives the calling thread a new, anonymous session keyring.
func JoinSession() (ID, error) {
	// An empty name is refused; no name at all asks for an anonymous keyring.
	id, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	return ID(id), failure("join session", fmt.Sprint(Session), err)
}

// Passphrase reads the key of type user that has that description, from the keyrings of this process
// or of its user, on one thread, as thread keyrings differ.
func Passphrase(description string) (*secret.Buffer, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := Request(TypeUser, description)
	if errors.Is(err, ErrNoKey) {
		if own, searchErr := Search(User, TypeUser, description); searchErr == nil {
			id, err = own, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return Read(id)
}

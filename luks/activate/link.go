// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/keyring"
)

// The ways in which the text of a Link can be wrong.
var (
	ErrLinkForm = errors.New("use <keyring>::<key>")
	ErrLinkType = errors.New("the key's type is user or logon")
)

// Link is a place in a keyring for the volume key, by which others get at it.
type Link struct {
	Ring        string // "@s" and the like, a number, or "%keyring:name"
	Type        string // keyring.TypeUser or keyring.TypeLogon
	Description string
}

// ParseLink reads "<keyring>::<key>": a keyring, then a description, of a key of type user unless it
// begins with "%logon:". The error is ErrLinkForm or ErrLinkType.
func ParseLink(text string) (Link, error) {
	ring, key, found := strings.Cut(text, "::")
	if !found || ring == "" || key == "" || strings.HasPrefix(ring, ":") {
		return Link{}, ErrLinkForm
	}
	l := Link{Ring: ring, Type: keyring.TypeUser, Description: key}
	if rest, typed := strings.CutPrefix(key, "%"); typed {
		l.Type, l.Description, _ = strings.Cut(rest, ":")
	}
	if l.Type != keyring.TypeUser && l.Type != keyring.TypeLogon || l.Description == "" {
		return Link{}, ErrLinkType
	}
	return l, nil
}

// Keyring looks the keyring up.
func (l Link) Keyring() (id keyring.ID, err error) {
	for _, special := range []keyring.ID{
		keyring.Thread, keyring.Process, keyring.Session, keyring.User,
		keyring.UserSession,
	} {
		if l.Ring == special.String() {
			return special, nil
		}
	}
	if n, err := strconv.ParseInt(l.Ring, 10, 32); err == nil {
		_, err := keyring.Describe(keyring.ID(n))
		return keyring.ID(n), err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(l.Ring, "%"), keyring.TypeKeyring)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return keyring.Request(keyring.TypeKeyring, strings.TrimPrefix(name, ":"))
}

// Put puts the key into a keyring; the returned step takes it out again.
func (l Link) Put(ring keyring.ID, key []byte) (undo func() error, err error) {
	id, err := keyring.Add(l.Type, l.Description, key, ring)
	if err != nil {
		return nil, err
	}
	return func() error { return keyring.Unlink(id, ring) }, nil
}

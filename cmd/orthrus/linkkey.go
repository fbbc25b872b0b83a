// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/keyring"
)

// keyLink is where --link-vk-to-keyring puts the volume key.
type keyLink struct {
	ring        keyring.ID
	kind        string // user or logon
	description string
}

// link finds the keyring of --link-vk-to-keyring before anybody is asked for a passphrase; nil
// without that option. A second one is for the second key of a volume under reencryption.
func (c *command) link() (*keyLink, error) {
	if len(c.o.LinkVKToKeyring) == 0 {
		return nil, nil
	}
	if len(c.o.LinkVKToKeyring) > 1 {
		c.ui.Errorf("The second --link-vk-to-keyring is not used: the volume has one key.")
	}
	return parseLink(c.o.LinkVKToKeyring[0])
}

// parseLink reads "<keyring>::<key>": @s and the like, a number or "%keyring:name", then a
// description, of a key of type user unless it begins with "%logon:".
func parseLink(text string) (*keyLink, error) {
	ring, key, found := strings.Cut(text, "::")
	if !found || ring == "" || key == "" {
		return nil, failure(ui.Failed, "Invalid --link-vk-to-keyring value %s: use <keyring>::<key>.", text)
	}
	l := &keyLink{kind: keyring.TypeUser, description: key}
	if rest, typed := strings.CutPrefix(key, "%"); typed {
		l.kind, l.description, _ = strings.Cut(rest, ":")
	}
	if l.kind != keyring.TypeUser && l.kind != keyring.TypeLogon || l.description == "" {
		return nil, failure(ui.Failed, "Invalid --link-vk-to-keyring value %s: the key's type is user or logon.", text)
	}
	var err error
	if l.ring, err = findKeyring(ring); err != nil {
		return nil, &notice{text: "Cannot find keyring " + ring + ": " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return l, nil
}

func findKeyring(name string) (id keyring.ID, err error) {
	for _, special := range []keyring.ID{keyring.Thread, keyring.Process, keyring.Session, keyring.User, keyring.UserSession} {
		if name == special.String() {
			return special, nil
		}
	}
	if n, err := strconv.ParseInt(name, 10, 32); err == nil {
		_, err := keyring.Describe(keyring.ID(n))
		return keyring.ID(n), err
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "%"), keyring.TypeKeyring)
	err = onOneThread(func() error {
		id, err = keyring.Request(keyring.TypeKeyring, strings.TrimPrefix(name, ":"))
		return err
	})
	return id, err
}

// put links the key; the returned step takes it out again.
func (l *keyLink) put(key []byte) (undo func() error, err error) {
	if l == nil {
		return func() error { return nil }, nil
	}
	id, err := keyring.Add(l.kind, l.description, key, l.ring)
	if err != nil {
		return nil, &notice{text: "Cannot link the volume key to keyring " + l.ring.String() + ": " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return func() error { return keyring.Unlink(id, l.ring) }, nil
}

// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// keyLink is where --link-vk-to-keyring puts the volume key.
type keyLink struct {
	activate.Link
	ring keyring.ID
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
	text := c.o.LinkVKToKeyring[0]
	link, err := activate.ParseLink(text)
	if err != nil {
		return nil, failure(ui.Failed, "Invalid --link-vk-to-keyring value %s: %v.", text, err)
	}
	ring, err := link.Keyring()
	if err != nil {
		return nil, &notice{text: "Cannot find keyring " + link.Ring + ": " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return &keyLink{link, ring}, nil
}

// enter links the key; the returned step takes it out again.
func (l *keyLink) enter(key []byte) (undo func() error, err error) {
	if l == nil {
		return func() error { return nil }, nil
	}
	undo, err = l.Put(l.ring, key)
	if err != nil {
		return nil, &notice{text: "Cannot link the volume key to keyring " + l.ring.String() + ": " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return undo, nil
}

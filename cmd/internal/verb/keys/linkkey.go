// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// keyLink is where --link-vk-to-keyring puts the volume key.
type keyLink struct {
	activate.Link
	ring keyring.ID
}

// Link finds the keyring of --link-vk-to-keyring before anybody is asked for a passphrase; nil
// without that option. A second one is for the second key of a volume under reencryption.
func Link(c *verb.Command) (*keyLink, error) {
	if len(c.Opt.LinkVKToKeyring) == 0 {
		return nil, nil
	}
	if len(c.Opt.LinkVKToKeyring) > 1 {
		c.UI.Errorf("The second --link-vk-to-keyring is not used: the volume has one key.")
	}
	text := c.Opt.LinkVKToKeyring[0]
	link, err := activate.ParseLink(text)
	if err != nil {
		return nil, verb.Failure(ui.Failed, "Invalid --link-vk-to-keyring value %s: %v.", text, err)
	}
	ring, err := link.Keyring()
	if err != nil {
		return nil, &verb.Notice{
			Text: "Cannot find keyring " + link.Ring + ": " + verb.Reason(err) + ".",
			Code: ui.Failed, Err: err,
		}
	}
	return &keyLink{link, ring}, nil
}

// Enter links the key; the returned step takes it out again.
func (l *keyLink) Enter(key []byte) (undo func() error, err error) {
	if l == nil {
		return func() error { return nil }, nil
	}
	undo, err = l.Put(l.ring, key)
	if err != nil {
		return nil, &verb.Notice{Text: "Cannot link the volume key to keyring " + l.ring.String() + ": " +
			verb.Reason(err) + ".", Code: ui.Failed, Err: err}
	}
	return undo, nil
}

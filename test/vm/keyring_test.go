// SPDX-License-Identifier: Apache-2.0

package vm

import "github.com/orthrus-luks/orthrus/dm/keyring"

// addUserKey puts a passphrase where programs started by this test find it, and returns how to take
// it back.
func addUserKey(description, passphrase string) (func(), error) {
	id, err := keyring.Add("user", description, []byte(passphrase), keyring.User)
	if err != nil {
		return nil, err
	}
	// What a user ring holds is found by a search only where the session ring links to it.
	if err := keyring.Link(keyring.User, keyring.Session); err != nil {
		return nil, err
	}
	return func() { _ = keyring.Revoke(id) }, nil
}

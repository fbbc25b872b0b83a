// SPDX-License-Identifier: Apache-2.0

package token

// table has one handler a kind.
var table = [...]Handler{
	Keyring{},
	recovery{},
}

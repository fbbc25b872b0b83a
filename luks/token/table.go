// SPDX-License-Identifier: Apache-2.0

package token

// table has one handler a kind.
var table = [...]Handler{
	Keyring{},
	tpm2{},
	fido2{},
	pkcs11{},
	recovery{},
	clevis{},
}

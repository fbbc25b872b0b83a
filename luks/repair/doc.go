// SPDX-License-Identifier: Apache-2.0

// Package repair plans what makes a damaged LUKS header whole, keeps what that overwrites, and
// goes back. Planning is pure apart from reading; Apply and Revert write through the device they
// are given, each range synced and read back. Locks are the caller's.
//
// # The undo copy
//
// An undo copy is a file that holds all that one repair overwrote. Integers are big-endian, sizes
// in bytes.
//
//	0       16  magic "orthrus undo 1\n" and a NUL
//	16       8  n, length of the description
//	24       n  description: one JSON object, see Undo
//	24+n     …  the overwritten bytes, range after range as the description lists them
//	end-32  32  SHA-256 of everything before
//
// It holds no key material: keyslot areas are never part of a repair.
package repair

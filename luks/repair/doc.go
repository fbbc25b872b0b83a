// SPDX-License-Identifier: Apache-2.0

// Package repair plans what makes a damaged LUKS header whole, keeps what that overwrites, and
// goes back. Planning is pure apart from reading; Apply and Revert write through the device they
// are given, each range synced and read back. Locks are the caller's.
//
// # The undo copy
//
// An undo copy is a file that holds all that one repair overwrote: package sealed's format with the
// magic "orthrus undo 1\n", the description being an Undo and the bytes the overwritten ones, range
// after range as it lists them.
//
// It holds what stood in keyslot areas only where a repair brought them back from a far header.
package repair

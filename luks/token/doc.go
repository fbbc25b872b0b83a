// SPDX-License-Identifier: Apache-2.0

// Package token knows the kinds of token that a LUKS2 header can have: what may be shown of one, and
// how a passphrase is got from it. There is one Handler a kind and one table of them; no other package
// names a type. A new kind is a file here with its Handler and a line in the table, and, where it takes
// hardware or a network, a package of its own below this one that knows no tokens.
//
// A token is an object in the header's JSON (LUKS2 On-Disk Format Specification, "Tokens"):
//
//	{"type":"luks2-keyring","keyslots":["0","1"],"key_description":"name of a key"}
//
// Everything in it was chosen by whoever could write to the disk.
package token

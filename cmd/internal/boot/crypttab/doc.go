// SPDX-License-Identifier: Apache-2.0

// Package crypttab reads crypttab(5) as Debian and systemd write it:
//
//	name  device  key  options
//
// Fields are separated by blanks; a blank in a field is written \040. A line that begins with # says
// nothing. The key may be left out or "-" or "none" for a passphrase; options are separated by
// commas, of which one that belongs to a value is written "\,".
//
// Nothing in a file is fatal: a line that cannot be used is a Problem, an option that is unknown, of
// a wrong value or for a format that is not supported is one of its entry. What to make of them is
// the caller's business.
//
// Sources: crypttab(5) of Debian's cryptsetup 2.6 to 2.7 and of systemd 252 to 257.
package crypttab

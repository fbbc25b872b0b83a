// SPDX-License-Identifier: Apache-2.0

// Package witness reads LUKS headers and opens keyslots with nothing but the standard library and x/crypto, so that
// what it says depends on neither of the programs under trial. It knows what the driver of random commands makes:
// aes-xts-plain64, PBKDF2, anti-forensic stripes with any of the SHA family. It never writes.
//
// It tells of each copy of a header alone what a reader would see who had only that copy, and which of the known
// passphrases opens each keyslot. That is remembered by the bytes of a keyslot and its area, so that in a long
// sequence of commands each keyslot is derived once.
package witness

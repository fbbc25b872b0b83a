// SPDX-License-Identifier: Apache-2.0

// Package target converts the lines of a device-mapper table between values and text. It is pure:
// nothing here opens a device or talks to the kernel.
//
// A table is a list of lines, each of the form
//
//	<start> <length> <type> <parameters>
//
// where start and length count 512-byte sectors and the parameters belong to the type
// (kernel documentation, admin-guide/device-mapper/*.rst). Every value here implements Target:
//
//	Crypt      crypt      <cipher> <key> <iv offset> <device> <offset> [<n> options]
//	Integrity  integrity  <device> <offset> <tag size> <mode> <n> options
//	Verity     verity     <version> <device> <hash device> … <root hash> <salt> [<n> options]
//	Linear     linear     <device> <offset>
//	Error      error
//	Zero       zero
//	Raw        any other type, its parameters kept as they are
//
// Options this package does not know survive parsing and rendering. The order of the known ones is
// fixed (for Crypt the order cryptsetup uses), so a value renders to the same text whatever order
// the kernel reported it in.
//
// Parameters may contain a volume key. They are therefore rendered into a secret.Buffer, and keys
// in text that is parsed are moved into one; the text itself stays the caller's to wipe.
//
// Stability: v0, like the rest of the module. Names and fields may change before v1.
package target

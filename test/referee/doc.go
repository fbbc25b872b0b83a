// SPDX-License-Identifier: Apache-2.0

// Package referee holds our device-mapper client against an independent one,
// github.com/anatol/devmapper.go, in a virtual machine: the same tables are loaded through both,
// and what each makes of the kernel's state is compared. Our uevent parsers are held against
// github.com/pilebones/go-udev with the recorded streams of udev/testdata. It is a module of its own, so
// that nothing here is a dependency of the binary.
//
// # Where both agree
//
//   - The kernel holds the same table whichever of the two loaded it: linear, zero, error, crypt (raw
//     key, keyring key, options, 4096-byte sectors), integrity, verity.
//   - Interface version, list of devices, and a device's name, uuid, number, open count, count of
//     lines and flags.
//   - The errno of a failure: no such device, name taken, device in use, refused table.
//
// # Where they differ, and why
//
// Each of these is a test (differences_test.go):
//
//  1. Names over 127 bytes: the referee cuts them, so that a removal can hit another device. We refuse.
//  2. Names with blanks: the referee gives them to the kernel as they are, which neither libdevmapper
//     nor udev's rules expect. We encode them as libdevmapper does.
//  3. Lengths: the referee takes bytes and drops a rest under 512; we take sectors.
//  4. An empty key: the referee renders nothing, which shifts the following fields, and the kernel
//     refuses; we render "-".
//  5. Options of verity: the referee leaves the count to its caller; we count.
//  6. Nodes: the referee leaves them to udev; we return when the node is there.
//  7. A key stays behind in the referee's heap as text; we leave no copy in memory, and tell the kernel
//     to wipe its own.
//  8. Messages, rename, uuids of existing devices: not implemented by the referee.
//
// Not tested because it cannot be seen from outside: the referee opens the control device for each
// call, sends no cookie and so never waits for udev, and sizes the buffer of its version call for
// the bare header. It reads no tables; those are read by us, and by dmsetup as a third opinion.
//
// # Uevents
//
// Every recorded message, of the kernel and of udevd, reads the same in both (uevents_test.go). Made-up
// ones do not:
//
//  9. '@' in a device path, as on buses of a device tree: refused by the referee, which wants only one.
//  10. An unknown action: refused by the referee; we hand it out as Other.
//  11. SUBSYSTEM or SEQNUM missing: accepted by the referee; we want what libudev wants.
//  12. Numbers are text to the referee; we refuse what is none.
//  13. Paths that leave /sys or /dev: accepted by the referee, refused by us.
//  14. The kernel's header and its properties disagree: the referee believes the header, we neither.
//  15. A last property without its NUL is dropped by the referee in silence, one without a key is
//     accepted; we refuse both.
//  16. The referee reads to the end of the message, whatever length libudev's header has; we take the
//     header at its word and refuse one that leaves the message.
//  17. The referee guesses the framing from the bytes; we expect that of the group.
//  18. The order of properties is lost in the referee's map; we keep it. The last of two wins in both.
//
// Not parsing, and so not compared: the referee checks no sender, ends its monitor on ENOBUFS, and
// blocks a thread in a read; see package udev.
package referee

// SPDX-License-Identifier: Apache-2.0

// Package policy says what the guard may do: the contents of its configuration file, and which part
// of it holds for a device. It reads no file.
//
// A file has lines "setting = value", empty lines, and comments that start with '#'. Settings before
// the first section concern all devices or the guard itself; a section holds for the devices that its
// head names, and a later one wins over an earlier:
//
//	repair = off
//
//	[path /dev/disk/by-id/ata-*]
//	repair = proven
//
//	[transport usb]
//	ignore = yes
//
//	[uuid 8f3c2b1e-6d5a-4c7b-9e80-112233445566]
//	repair = proven
//	store = full
package policy

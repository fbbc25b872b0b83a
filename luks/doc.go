// SPDX-License-Identifier: Apache-2.0

// Package luks works with LUKS1 and LUKS2 volumes: Format makes one, Load reads its metadata,
// Unlock turns a passphrase into the volume key, AddKey, KillKeyslot and ChangeKey change who can
// do that. Open goes from a device and a passphrase to the mapping in one call, through the kernel's
// dm-crypt; the steps in between are an Opening's.
//
// Nothing here writes unless its name says so: Load and Unlock leave the disk alone, and Heal is a
// function of its own. Every write of metadata happens under cryptsetup's lock, against metadata
// read again under that lock, is synced and read back, and leaves a usable header at each instant.
//
// A Device is anything with ReadAt, WriteAt, Sync and Size, so volumes in plain memory work as
// those on disks do, and need no privileges: see the examples.
//
// # Stability
//
// The packages luks, luks/activate, luks/kdf, dm, dm/block, dm/secret, dm/target and udev are a public
// interface. Until version 1.0 names may still change, with each change listed in the release notes; the
// bytes written to disk never will in a way that cryptsetup cannot read. The other packages below these
// are the parts they are made of: what they have may change at any time, but for the types that have a
// name here.
package luks

// SPDX-License-Identifier: Apache-2.0

// Package block reads, writes and locks block devices and image files, attaches loop devices,
// and reads what the kernel says about devices.
//
// Offsets and lengths are bytes unless a name says otherwise. Nothing here knows what a device
// holds. Opening never writes and never waits; no error of a write or a sync is dropped; a read
// error is an *IOError, never taken for absence.
//
// Sources: Linux Documentation/admin-guide/abi-stable (sysfs block), proc(5), loop(4), flock(2),
// open(2) on O_DIRECT and O_EXCL, systemd's "Locking Block Device Access", and the lock files of
// cryptsetup (/run/cryptsetup), with which [Device.Lock] is compatible.
package block

// SPDX-License-Identifier: Apache-2.0

// Package udev receives the events of devices that come, go and change, from the kernel or from
// udevd, and reads the devices that are there already. It knows nothing of what they hold.
//
// # The two groups
//
// Uevents are multicast on a netlink socket (NETLINK_KOBJECT_UEVENT). Group 1 has what the kernel
// sends (lib/kobject_uevent.c), group 2 what udevd sends on after its rules have run: then links are
// made and properties such as ID_FS_TYPE are there. Listen to Udev where System.UdevRunning, else to
// Kernel.
//
// A message of the kernel, at most 2 KiB of properties:
//
//	ACTION@DEVPATH NUL KEY=VALUE NUL KEY=VALUE NUL …
//
// A message of udevd (systemd, src/libsystemd/sd-device/device-monitor.c):
//
//	 0       8       12           16              20              24
//	+---------+-------+------------+---------------+---------------+
//	| libudev | magic | header     | properties    | properties    |
//	| NUL     |       | size (40)  | offset        | length        |
//	+---------+-------+------------+---------------+---------------+
//	 24              28              32             36             40
//	+---------------+---------------+--------------+--------------+
//	| hash of       | hash of       | Bloom filter of the tags,   |
//	| SUBSYSTEM     | DEVTYPE       | high word    | low word     |
//	+---------------+---------------+--------------+--------------+
//	 properties offset
//	+----------------------------------------------+
//	| KEY=VALUE NUL KEY=VALUE NUL …                |
//	+----------------------------------------------+
//
// Sizes, offset and length are in bytes and in the byte order of the processor. The magic 0xfeedcafe,
// the hashes (MurmurHash2, seed 0; 0 for none) and the filter are big-endian, because classic BPF loads
// words so: the kernel matches them before a message takes room in the socket's buffer.
//
// A device path can have '@', a value '='. Of a property sent twice the last counts.
//
// # Whom to believe
//
// Any process may listen; to speak on the socket takes CAP_NET_ADMIN. The kernel attests port, group
// and credentials of each message, and those of a sender that may not speak to the group, truncated or
// malformed ones are counted (Stats) and passed over:
//
//	Kernel   port 0, uid 0, pid 0    a message that root injects through the kernel has root's pid
//	Udev     uid 0                   root can forge these; only root can
//
// So events of containers to which a manager passes devices by injection are not seen. What an event
// says is a hint at most: read the device again (System.Device), and compare DiskSeq.
//
// # Loss
//
// When the socket's buffer is full, the kernel says so once (ENOBUFS) and then drops everything until
// the queue has been read empty. Receive empties it and returns an event with Action Overrun; what was
// in the queue, and what was dropped, is to be had from System.Coldplug. A message too long for the
// monitor (64 KiB) ends in an Overrun, too.
//
// # Synthetic events
//
// Who writes "change UUID" to a device's uevent file (System.Trigger) gets an event that has the uuid
// (Event.Synthetic); udevd and "udevadm trigger" write so too. They cannot be told from the kernel's own by
// anything else.
//
// # Waiting
//
// The socket is non-blocking and waited for by the runtime's poller: a waiting Receive costs a
// goroutine, no thread, and ends with its context or with Close.
//
// # Stability
//
// v0: may change in any release until v1. Errors are to be told apart with errors.Is and the Err…
// values, details with errors.As and *ParseError, *Error.
package udev

// SPDX-License-Identifier: Apache-2.0

// Package dm is a client of the Linux device-mapper: it creates mapped devices, loads their tables,
// suspends, resumes, renames, messages and removes them, without cgo and without dmsetup.
//
// # The control interface
//
// Everything goes through ioctls on /dev/mapper/control (include/uapi/linux/dm-ioctl.h, interface
// version 4). Each takes one chunk of memory, native byte order:
//
//	  0                     312                     data_size
//	  +---------------------+-----------------------+
//	  | struct dm_ioctl     | payload               |
//	  +---------------------+-----------------------+
//	    version[3]  data_size  data_start=312  target_count  open_count
//	    flags  event_nr  dev  name[128]  uuid[129]
//
//	load, table, status   target_spec{start, length, status, next, type[16]} parameters NUL …
//	message               {sector} text NUL
//	rename                new name or uuid, NUL
//	list devices          {dev, next} name NUL, padded, event_nr …
//	list versions         {next, version[3]} name NUL …
//	deps                  {count, -} dev[count]
//
// Traps of that interface, all handled in one place (Control.run):
//
//   - A reply that does not fit comes back without an error, but with BUFFER_FULL in the flags. The
//     call is repeated with more room.
//   - In a loaded table next counts from the current target_spec; in a reported one from data_start.
//   - A device is addressed by name, uuid or number; two at once are refused with EINVAL.
//   - Go's preemption signal would interrupt a suspend that waits for I/O, so signals are held back
//     on the calling thread for the length of the ioctl.
//
// # The flow of an activation
//
//	create(name, uuid)             an empty, suspended device
//	load(table)                    into the inactive slot; fails without touching the active one
//	resume(cookie)                 inactive becomes active; the kernel emits a uevent
//	wait for the cookie, or make /dev/mapper/NAME
//
// Activate does all of it and leaves no device behind when a step fails. A device is taken down by
// Remove; its table is exchanged by Load and Resume.
//
// # Secrets
//
// A table or a message can carry a volume key. Their buffers live in memory of package secret, the
// kernel is told to wipe its copies (DM_SECURE_DATA_FLAG), and the pages are wiped after the call.
// Table always reads this way, because the kernel reports raw keys.
//
// A key in the thread keyring is seen by one operating-system thread only: the caller locks the
// goroutine to its thread (runtime.LockOSThread) from adding the key until Load, Activate or Message
// has returned. All ioctls run on the calling goroutine.
//
// # udev
//
// Where udevd runs with the device-mapper rules, a uevent carries a cookie, a SysV semaphore that
// "dmsetup udevcomplete" (95-dm-notify.rules) counts down; the wait for it is bounded. Elsewhere the
// package keeps /dev/mapper/NAME itself, a block device node with mode 0660, group disk.
//
// # Names
//
// Names have fewer than 128 bytes, uuids fewer than 129; longer ones are refused, never cut. Bytes
// outside [0-9A-Za-z#+-.:=@_] are encoded as \xNN, as libdevmapper does (see Mangle), so "my disk"
// is the kernel's "my\x20disk". Results carry the kernel's form.
//
// # Stability
//
// v0: may change in any release until v1. Errors are to be told apart with errors.Is and the Err…
// values, details with errors.As and *Error, *BusyError, *NameError, *NodeError.
package dm

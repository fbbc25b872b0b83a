// SPDX-License-Identifier: Apache-2.0

// Package cuts holds the changes of headers that tests on real kernels cut short, and reads what
// dm-log-writes logged of them. Both kernels use it: the virtual machine's and User-Mode Linux.
//
// # The log of dm-log-writes
//
// A superblock sector, then for each entry a header sector and its data, little-endian (kernel:
// admin-guide/device-mapper/log-writes.rst). Offsets and lengths in bytes.
//
//	superblock: 0 8 magic, 8 8 version, 16 8 number of entries, 24 4 sector size
//	entry:      0 8 sector, 8 8 sectors, 16 8 flags, 24 8 length of mark data
package cuts

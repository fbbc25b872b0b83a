// SPDX-License-Identifier: Apache-2.0

// Package integrity reads, verifies and formats what dm-integrity works on: a tag for every block of data, and a
// journal or a bitmap that keeps both in step. It is given io.ReaderAt and io.WriterAt, knows no files and no kernel,
// and replays a journal in memory: nothing that it reads is changed.
//
// Everything is little-endian. A sector has 512 bytes, a block 1, 2, 4 or 8 sectors.
//
// # Superblock
//
// 4096 bytes, of which 64 are used, at the offset of the device (of the metadata device, where there is one).
// Nothing protects it, but where journal MAC and flag 16 are both there: its last bytes of the first sector are then
// the MAC of the 512-n bytes before.
//
//	 0 +--------------------------+      24 +--------------------------+
//	   | "integrt\0"              |         | flags                    | 4
//	 8 +--------------------------+      28 +--------------------------+
//	   | version 1..6             | 1       | log2 sectors per block   | 1
//	 9 +--------------------------+      29 +--------------------------+
//	   | log2 interleaved sectors | 1       | log2 blocks per bit      | 1
//	10 +--------------------------+      30 +--------------------------+
//	   | tag size, bytes          | 2       | zero                     | 2
//	12 +--------------------------+      32 +--------------------------+
//	   | journal sections         | 4       | recalculated sectors     | 8
//	16 +--------------------------+      40 +--------------------------+
//	   | provided data sectors    | 8       | zero                     | 8
//	24 +--------------------------+      48 +--------------------------+
//	                                        | salt                     | 16
//	                                     64 +--------------------------+
//
// # Device
//
//	+------------+---------+--------+---------+--------+---------+--
//	| superblock | journal | tags 0 | data 0  | tags 1 | data 1  | ...
//	+------------+---------+--------+---------+--------+---------+--
//	 8 sectors              run      interleave
//
// With a metadata device all tags follow the journal there, and the data device holds data alone.
//
// # Journal
//
//	section  +--------------------+-----------------------------------+
//	         | 8 metadata sectors | data of each entry, block by block|
//	         +--------------------+-----------------------------------+
//	sector   | payload 504 bytes                        | commit id 8 |   with MAC: payload 496 | MAC 8
//	entry    | sector 8 | last 8 bytes of each data sector | tag | padding to 8
//
// Entry e lies in metadata sector e%8 at place e/8. The commit id is constant[seq] ^ section<<32 ^ sector of it.
// An entry that is not used has all bits of the sector's upper half set. The MAC covers the sectors of all entries
// (and, with flag 16, salt and section), and its 64 bytes are spread over the metadata sectors. An encrypted journal
// is encrypted as a whole, commit ids included: by sections for a block cipher, by one key stream for a stream cipher.
//
// # Bitmap
//
// In bitmap mode the journal's place holds a bit for each run of blocks (lowest bit first) whose tags may not belong
// to its data.
//
// Sources: Documentation/admin-guide/device-mapper/dm-integrity.rst and drivers/md/dm-integrity.c of the Linux kernel,
// and devices made by integritysetup.
//
// Stability: v0, like the rest of the module.
package integrity

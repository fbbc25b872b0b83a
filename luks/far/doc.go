// SPDX-License-Identifier: Apache-2.0

// Package far is the format of the far header: a third copy of a LUKS2 header and its keyslot areas
// near the device's end. It is pure: it converts bytes and values, builds and verifies images, and
// judges what was found. Offsets and sizes are in bytes; integers are big-endian.
//
// # On disk
//
// A far header is a body and a locator. With size the device's size and length that of the body,
//
//	locator = alignDown(size, 1 MiB) - 1 MiB
//	body    = alignDown(locator - length, 1 MiB)
//
//	0         2*hdr_size  room      data offset       body                      locator  +512 KiB    size
//	+---------+-----------+- - - - -+-----------------+-----------+- - - - - - -+------+- - +------+- - +
//	| 2 heads | keyslots  |         | data segment    | far body  |             | slot |    | slot |    |
//	+---------+-----------+- - - - -+-----------------+-----------+- - - - - - -+------+- - +------+- - +
//
// The data segment has a fixed size and ends at or before the body. What lies at the device's very
// end (a backup GPT, an md superblock of version 0.90 or 1.0) is never touched.
//
// # Body
//
// The body is an image of the device's first length = 2*hdr_size + keyslots_size bytes:
//
//	0            hdr_size       2*hdr_size                           length
//	+------------+--------------+------------------------------------+
//	| primary    | secondary    | keyslot areas, zeros between them  |
//	+------------+--------------+------------------------------------+
//
// Both heads are copied byte for byte, and so is the area of each keyslot, those of unknown types
// too. Every other byte is zero. So the body, attached with a loop device at its offset, is a detached
// header, and cut out it is a header backup file, for any tool that knows LUKS2.
//
// # Locator
//
// The locator has two slots of 4096 bytes, at its offset and 512 KiB behind that. No disk writes 4096
// bytes at once, so each write goes to one slot while the other holds what was true before: even
// generations to the first slot, odd ones to the second. Of two that are in order the greater generation
// counts. A slot:
//
//	   0   8  magic        "ORTHRUS" F1
//	   8   4  version      1
//	  12   4  state        0 final, 1 updating
//	  16  40  uuid         of the volume, C string
//	  56   8  offset       where the first slot lies
//	  64   8  body offset
//	  72   8  body length
//	  80   8  device size  when this locator was written
//	  88   8  seqid        of the heads in the body
//	  96   8  old seqid    updating: of the heads that were there before; otherwise 0
//	 104   4  parts        number of entries in the list
//	 108   4  old parts    updating: number of entries in the old list; otherwise 0
//	 112  40  old uuid     updating: what the uuid was, where it changes too; otherwise zeros
//	 152   8  generation   grows by one with each write of either slot
//	 160  96  zeros
//	 256 48*n list         the parts entries, ascending, then the old parts entries, ascending; n <= 79
//	     ...  zeros
//	4064  32  sum          SHA-256 of the 4064 bytes before it
//
// An entry of a list tells one part of the body: the primary, the secondary, or one keyslot area.
//
//	 0   8  offset       in the body, which is also that on the device's start
//	 8   8  length       a multiple of 512
//	16  32  sum          SHA-256 of the part; in the old list 32 zeros where it is not known
//
// The entries of one list do not overlap. What no entry covers is zero. The sums tell, without any
// passphrase, which copy of a keyslot area is the damaged one.
//
// State updating announces a change: wherever the two lists differ, the body may hold the old bytes,
// the new ones, or a torn mixture, and where they agree it is as both say. An update writes
// the locator (updating), syncs, writes the parts that change, syncs, writes the locator (final), and
// syncs. Where an update follows one that was cut off, its old list tells the ranges that the first
// one may have torn as not known. A new far header is made in the same way, with an old list of one
// entry, not known, that covers the whole body. Until that update is over no heads name it as the one in force, so
// it is not newer than any. One that goes away is first updated to an empty list,
// so that its body is zeros, and its slots are overwritten with zeros last, the one that counts after the other.
//
// # Token
//
// The heads say where the far header is, and what is being done to it, in a token of the LUKS2 JSON:
// under the highest id that is free, 31 first. Its length never changes, so that no step of a
// transaction can fail for lack of room: decimals have 20 digits with leading zeros, and the phase is
// padded with spaces to 16 characters.
//
//	{"type":"orthrus-far","keyslots":[],"version":"1","phase":"stable          ",
//	 "far":[LOCATOR,BODY,LENGTH],"to":[LOCATOR,BODY,LENGTH],"device":[SIZE,TO],"data":[SIZE,TO],
//	 "resize":[HDR_SIZE,KEYSLOTS_SIZE]}
//
//	version   of this format; a token of another version is left alone
//	phase     what the volume is in the middle of; see Phase
//	far       the far header that is to be believed; zeros where there is none
//	to        the place that a transaction is making, or clearing; zeros otherwise
//	device    the device's size when the volume was last stable, and the one a transaction works for
//	data      the length of the data segment then, and the one it is to get
//	resize    the hdr_size and keyslots_size that a resize of the metadata area works for
//
// All numbers are decimal digits in strings. The token's spaces and line breaks above are for the
// reader; it is written without any outside the phase.
//
// # Whose it is
//
// A far header is a volume's where its locator has the volume's uuid. Other tools change the uuid without asking the far
// header, so it is also the volume's where the head in its body has the digest of a key of the volume's data: the salt
// of a digest is random, and nothing but a copy of the volume has the same. Everything else is left alone.
package far

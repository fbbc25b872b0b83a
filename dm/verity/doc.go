// SPDX-License-Identifier: Apache-2.0

// Package verity makes, reads, verifies and repairs what dm-verity works on: a tree of hashes over
// read-only data, and parity to restore damaged blocks. It is given io.ReaderAt and io.WriterAt, knows
// no files and no kernel, works on all processors, and its memory does not grow with the image.
//
// Everything is little-endian. A block is a data or hash block of a power of two of 512 to 524288 bytes.
//
// # Superblock
//
// 512 bytes at the hash offset of the hash device. The kernel never reads it, and nothing but the root
// hash protects its fields.
//
//	 0 +--------------------------+      64 +--------------------------+
//	   | "verity\0\0"             |         | data block size, bytes   | 4
//	 8 +--------------------------+      68 +--------------------------+
//	   | version = 1              | 4       | hash block size, bytes   | 4
//	12 +--------------------------+      72 +--------------------------+
//	   | hash type: 0 or 1        | 4       | data blocks              | 8
//	16 +--------------------------+      80 +--------------------------+
//	   | UUID, raw                | 16      | salt length 0..256       | 2
//	32 +--------------------------+      82 | zero                     | 6
//	   | hash name, NUL padded    | 32   88 +--------------------------+
//	   |                          |         | salt, zero padded        | 256
//	   |                          |     344 | zero                     | 168
//	64 +--------------------------+     512 +--------------------------+
//
// # Tree
//
// It begins at the first whole hash block behind the superblock, or at the hash offset where there is
// none. The top block comes first, the digests of the data last:
//
//	+-----------+---------------------+-- ... --+------------------------------+
//	| level L-1 | level L-2           |         | level 0                      |
//	| one block | one per digest of it|         | ceil(data blocks / per)      |
//	+-----------+---------------------+-- ... --+------------------------------+
//
//	a hash block:  | digest | gap | digest | gap | ... | zeros |     per = 2^floor(log2(block/digest))
//
// Hash type 1 hashes salt ‖ block and fills each digest up to a power of two with zeros; type 0 hashes
// block ‖ salt and leaves no gaps. The root hash is the hash of the top block, or of the only data block.
//
// # Forward error correction
//
// The message is the data blocks followed by the hash device from the tree's first block to a limit: the
// FEC area where that lies on the hash device, else the device's end. The superblock is not in it, and
// whatever lies behind the tree is. It is cut into 255-roots columns of "rounds" blocks each, the last
// ones filled up with zeros:
//
//	column 0             column 1             ...  column 254-roots
//	+----+----+-- --+----+----+----+-- --+----+     +----+----+-- --+----+
//	| b0 | b1 |     |br-1| br |br+1|     |    |     |    | 0  |     | 0  |
//	+----+----+-- --+----+----+----+-- --+----+     +----+----+-- --+----+
//
// Codeword i is byte i of every column (package rs), and its parity bytes lie together at
// FEC offset + i·roots. A burst of up to roots·rounds blocks can be repaired where hashes tell which
// blocks are bad, half of that where nothing does.
//
// Sources: Documentation/admin-guide/device-mapper/verity.rst and drivers/md/dm-verity*.c of the Linux
// kernel, the on-disk notes of the cryptsetup project's wiki, and images made by veritysetup.
//
// Stability: v0, like the rest of the module.
package verity

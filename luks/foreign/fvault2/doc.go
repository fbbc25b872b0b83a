// SPDX-License-Identifier: Apache-2.0

// Package fvault2 reads volumes of FileVault 2, which lie on Core Storage: which copy of the metadata speaks, what
// opens it, and where on the device the data lies. It is pure: bytes and values only, and nothing is ever written.
// Numbers are little-endian, UUIDs big-endian; offsets and sizes are bytes unless said otherwise.
//
// # Device
//
//	0         l·b         +d                                                          end
//	┌────────┬──┬────────┬────────────┬──┬──────────────────────┬──┬────────┬──┬────────┐
//	│ header │  │ label  │ descriptor │  │ encrypted metadata … │  │ data … │  │ header │
//	└────────┴──┴────────┴────────────┴──┴──────────────────────┴──┴────────┴──┴────────┘
//
// b is the block size, l one of up to four block numbers of labels, d the place of the label's descriptor, which says
// where its encrypted metadata lie. The header at the end is a copy of the first.
//
// # Header, 512 bytes
//
//	  0    4  CRC-32C of bytes 8 to 511, without inversion at its end
//	  4    4  ff ff ff ff
//	  8 2×2   version 1; type 10
//	 64    8  size of the physical volume
//	 88    2  "CS"
//	 90    4  kind of checksum, 1
//	 96    4  b
//	104 4×8   block numbers of labels; 0 for none
//	168 2×4   16, length of the key; 2, AES-XTS
//	176   16  key of the metadata
//	304   16  UUID of the physical volume, which is the second half of that key
//	320   16  UUID of the group
//
// # Metadata blocks, 8192 bytes
//
//	  0 2×4   CRC-32C of bytes 8 to 8191, and ff ff ff ff
//	 10    2  type
//	 16    8  transaction: what changes the metadata raises it
//	 64       content
//
//	type  content
//	  11  label: at 220 u32 d, from its own beginning. At d+8 u64 count, at d+32 u64 first block of the metadata
//	  19  at 104 and 108 u32 size compressed and whole, at 112 u32 offset and at 116 u32 size of XML: users and keys
//	  1a  at 128 u32 offset and at 132 u32 size of XML: size and family of the logical volume
//	 305  at 64 u32 number of extents, from 72 on 40 bytes each: +8 u64 logical block, +16 u32 blocks,
//	      +32 u48 physical block, u16 number of the physical volume
//
// The metadata are encrypted by AES-XTS in units of one block, counted from 0. They end by their count or a block of
// zeros. Of several blocks of a type the last speaks.
//
// # XML
//
//	<key>NAME</key><TYPE ID="n">VALUE</TYPE>      or, for a value that was there before, <reference IDREF="n"/>
//
//	PassphraseWrappedKEKStruct, 284 bytes in base64
//	┌─────────────┬─────────┬──────────┬────────────────┬───┬────────────────┬───┐
//	│ 3, 16 u32×2 │ salt 16 │ 16, 24   │ wrapped KEK 24 │ … │ iterations u32 │ … │
//	└─────────────┴─────────┴──────────┴────────────────┴───┴────────────────┴───┘
//	0             8         24         32                   168
//	KEKWrappedVolumeKeyStruct, 256 bytes
//	┌─────────────┬────────────────┬───┐
//	│ 2, 24 u32×2 │ wrapped key 24 │ … │
//	└─────────────┴────────────────┴───┘
//
// # Keys
//
//	key 0    PBKDF2-HMAC-SHA256(passphrase, salt, iterations), 16 bytes
//	KEK      key 0 unwraps the KEK (RFC 3394), 16 bytes
//	key 1    KEK unwraps the volume key, 16 bytes
//	key 2    the beginning of SHA-256(key 1, UUID of the family), 16 bytes
//
// The data is one extent, encrypted by AES-XTS with key 1 and key 2 in sectors of 512 bytes, counted from its
// beginning.
//
// Sources: the format as published by the libfvde project (FileVault Drive Encryption (FVDE) format), Choudary, Gröbert
// and Metz, "Infiltrate the Vault" (2012), and tries with cryptsetup.
package fvault2

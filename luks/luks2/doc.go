// SPDX-License-Identifier: Apache-2.0

// Package luks2 converts between the bytes of LUKS2 metadata and values, and holds every rule
// that makes metadata valid. It is pure: it opens nothing, reads nothing, writes nothing.
//
// # On disk
//
// The format is the "LUKS2 On-Disk Format Specification" 1.1.4 (2025). All integers of the binary
// header are big-endian; offsets and sizes are in bytes.
//
//	0            hdr_size       2*hdr_size                2*hdr_size+keyslots_size     data offset
//	+------------+--------------+-------------------------+----------------------------+---------
//	| primary    | secondary    | keyslot areas           | (unused, up to alignment)  | data ...
//	| 4096 + JSON| 4096 + JSON  | 4096-aligned, per slot  |                            |
//	+------------+--------------+-------------------------+----------------------------+---------
//
// hdr_size is one of nine powers of two from 16 KiB to 4 MiB. The first 4096 bytes of a copy:
//
//	  0  6  magic       "LUKS" BA BE at offset 0, "SKUL" BA BE in the secondary
//	  6  2  version     2
//	  8  8  hdr_size    bytes of one copy: these 4096 and the JSON area
//	 16  8  seqid       grows by one with each update; the same in both copies
//	 24 48  label       C string
//	 72 32  csum_alg    C string, "sha256"
//	104 64  salt        random, different in each copy
//	168 40  uuid        C string
//	208 48  subsystem   C string
//	256  8  hdr_offset  where this copy lies: 0 or hdr_size
//	264 184 padding     zeros
//	448 64  csum        hash of all hdr_size bytes with this field zeroed; the rest of the field zeros
//	512 3584 padding    zeros (covered by csum)
//
// The JSON area holds one object in compact form, and NUL bytes from its end to the end of the
// area (at least one). Unknown members are legal almost everywhere and survive every rewrite here,
// in their order: Metadata keeps the text it was given, member by member, and replaces only what
// is changed.
package luks2

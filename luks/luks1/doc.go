// SPDX-License-Identifier: Apache-2.0

// Package luks1 converts between the bytes of a LUKS1 header and values, checks them, and plans
// changes sector by sector. It is pure: it opens nothing, reads nothing, writes nothing.
//
// # On disk
//
// The format is the "LUKS On-Disk Format Specification" 1.2.3 (2018). All integers are big-endian.
// Offsets inside the header are bytes; the offsets it stores are 512-byte sectors.
//
//	sector 0   1   8                                            payloadOffset
//	     +---+---+--- - -+----------+----------+- - - -+----------+- - -+---------
//	     | header|       | material | material |       | material |     | data ...
//	     | 592 B |       |  slot 0  |  slot 1  |       |  slot 7  |     |
//	     +---+---+--- - -+----------+----------+- - - -+----------+- - -+---------
//
//	  0  6  magic               "LUKS" BA BE
//	  6  2  version             1
//	  8 32  cipherName          C string, "aes"
//	 40 32  cipherMode          C string, "xts-plain64"
//	 72 32  hashSpec            C string, lower case; the hash of PBKDF2, splitter and digest alike
//	104  4  payloadOffset       sectors; 0 in a detached header
//	108  4  keyBytes            length of the volume key
//	112 20  mkDigest            first 20 bytes of PBKDF2(volume key)
//	132 32  mkDigestSalt
//	164  4  mkDigestIterations
//	168 40  uuid                C string of 36 characters
//	208 48  keyslot 0
//	 …      keyslot i at 208 + 48*i
//	544 48  keyslot 7           ends at 592; the header's room ends at 1024
//
//	keyslot:
//	  0  4  active              00 AC 71 F3 enabled, 00 00 DE AD disabled
//	  4  4  iterations          of PBKDF2(passphrase)
//	  8 32  salt
//	 40  4  keyMaterialOffset   sectors
//	 44  4  stripes             4000
//
// There is one header and no checksum. A disk writes 512-byte sectors, so the border at byte 512
// matters:
//
//	sector 0: parameters, uuid, keyslots 0 to 5, keyslot 6 up to byte 8 of its salt
//	sector 1: the rest of keyslot 6, keyslot 7
//
// Changes turns an update into writes of one sector each such that after every single one of
// them the header is whole: no keyslot is marked enabled while it is half old and half new, and
// no keyslot goes before its successor stands.
package luks1

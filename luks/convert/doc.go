// SPDX-License-Identifier: Apache-2.0

// Package convert turns LUKS1 metadata into LUKS2 metadata and back, and plans where key material
// has to lie for that. It is pure: what is written, and in which order, is package luks's business.
//
// Both formats begin at byte 0, and the room of LUKS2's heads is where LUKS1 has its first keyslot:
//
//	          0    4 KiB      32 KiB                                     data
//	LUKS1     | hdr | keyslot 0 ...............| keyslot 1 ...| ...       |
//	LUKS2     | primary | secondary | area 0 ...............| area 1 ...  |
//	          0         16 KiB      32 KiB
//
// So a keyslot that lies under the heads is copied aside first, to room that nothing claims, and
// its LUKS1 header made to name that place. LUKS1 allows a keyslot anywhere before the data; all
// eight, disabled ones too, must have a place of their own. The material itself is the same in both
// formats: it does not depend on where it lies.
//
// The switch is one sector. Sector 0 holds version 1 or 2, and LUKS2's checksum with it, so that
// writing this sector, with all else in place, makes one format of the other. LUKS2's secondary is
// durable on both sides of it.
//
// Once the switch is made, keyslots move to where the other tools place them: material is copied to
// free room, named there, and only then is its old place used for anything else. Where there is no
// room for that they stay where they are, which both formats allow.
package convert

// SPDX-License-Identifier: Apache-2.0

// Package bitlk reads volumes of BitLocker, as Windows 7 and later make them: which of the three copies of the
// metadata speaks, what opens it, and where on the device lies what. It is pure: bytes and values only, and
// nothing is ever written. All numbers are little-endian; offsets and sizes are bytes unless said otherwise.
//
// # Boot sector
//
// The first sector of the device imitates FAT32, so that Windows leaves it alone. The real one, with the rest of
// the first sectors, lies encrypted where the metadata say.
//
//	off size
//	  0    3  eb 58 90; eb 52 90 is Vista's, which is not read
//	  3    8  "-FVE-FS-", or "MSWIN4.1" on a removable disk ("To Go")
//	 11    2  sector size, 512 or 4096; 0 is 512
//	160   16  GUID, on a removable disk at 424; see below
//	 +16 3×8  offsets of the copies of the metadata
//	 +40 2×8  encrypt-on-write only: offsets of what tells which ranges are encrypted by now
//
// The GUID 4967d63b-2e29-4ad8-8399-f6a339e3d001 is that of a volume which is encrypted as a whole, and
// 92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8 of one that is being encrypted as it is written.
//
// # Metadata
//
// Each copy has 64 KiB. n is the 16-bit number at 8, s is 16·n:
//
//	0          64           112                     s             s+8
//	┌──────────┬────────────┬─────────────┬─────────┬─────────────┬──────────────┬───────┐
//	│ block    │ metadata   │ entries …   │ padding │ validation  │ sealed hash  │   …   │ 65536
//	│ header   │ header     │             │         │ header      │              │       │
//	└──────────┴────────────┴─────────────┴─────────┴─────────────┴──────────────┴───────┘
//	└─────────────── CRC-32, SHA-256 ───────────────┘
//
//	  0    8  "-FVE-FS-"
//	  8    2  n, in units of 16 bytes
//	 10    2  version, 2
//	 12 2×2   present and next state; 4 and 4 is a volume whose conversion is done
//	 16    8  bytes of the volume that are encrypted
//	 28    4  sectors of the moved first sectors, of the volume's own size
//	 32 3×8   offsets of the copies, as in the boot sector
//	 56    8  offset of the moved first sectors
//	 64    4  m, bytes of the metadata header and the entries
//	 68 3×4   version 1; size of the metadata header, 48; m again
//	 80   16  GUID of the volume
//	 96    4  counter of nonces: what changes the metadata raises it
//	100    2  method of encryption
//	104    8  time of creation
//
//	s+0    2  bytes from here to the end of the copy
//	s+2    2  version, 1 or 2
//	s+4    4  CRC-32 (IEEE) of the first s bytes
//	s+8   80  an entry of type 0 and value 5: their SHA-256, sealed with the volume master key
//
// The CRC decides whether a copy is sound. The hash is compared once there is a key, and shows whether somebody
// else than the key's owner wrote it.
//
// # Entries
//
//	┌──────────┬──────────┬──────────┬─────────────┬──────────┐
//	│ size u16 │ type u16 │ value u16│ version u16 │ data …   │  size is that of all of it
//	└──────────┴──────────┴──────────┴─────────────┴──────────┘
//
//	type  value
//	 02     8   volume master key (VMK): GUID 16, time 8, u16, protection u16, then entries of type 0:
//	              1 key: method u32, the key          3 stretch: method u32, salt 16, entries
//	              2 name, UTF-16                       5 sealed: the VMK
//	 03     5   full volume encryption key (FVEK), sealed with the VMK
//	 07     2   description, UTF-16
//	 0f    0f   moved first sectors: offset u64, size u64
//
// Other entries are passed over, at the top and in a VMK: new releases of Windows add them.
//
// # Sealed data
//
//	┌────────────┬─────────┬─────────────────────────────────────────────────────────────────┐
//	│ nonce 12   │ tag 16  │ ciphertext: an entry without type: size u16, 6 bytes, method u32, key │
//	└────────────┴─────────┴─────────────────────────────────────────────────────────────────┘
//
// The cipher is AES-256 in CCM (RFC 3610) with a length field of 3 bytes and no associated data.
//
// # The data
//
// The mapping is as long as the device. The first sectors come from where they were moved to; the three copies and
// that place read as zeros; everything else lies where it lies:
//
//	mapping  │ 0 … H │ … data … │ copy │ … │ moved, H │ … │ copy │ … │ copy │ … data … │
//	from     │ moved │   same   │ zero │   │   zero   │   │ zero │   │ zero │   same   │
//
// Initialisation vectors count from the start of the device, in sectors of the volume; those of the moved sectors
// by where they lie.
//
// Sources: the format as published by the libbde project (BitLocker Drive Encryption (BDE) format), Niels
// Ferguson's "AES-CBC + Elephant diffuser" (Microsoft, 2006), and tries with cryptsetup and dislocker.
package bitlk

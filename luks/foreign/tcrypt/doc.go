// SPDX-License-Identifier: Apache-2.0

// Package tcrypt reads volumes of TrueCrypt and VeraCrypt: where their headers may lie, what a password and key files
// become, which derivation and which ciphers decrypt a header, and where on the device the data lies. It is pure:
// bytes and values only, and nothing is ever written. All numbers are big-endian; offsets and sizes are bytes unless
// said otherwise.
//
// # Where headers lie
//
// Nothing marks a volume: a header looks like random bytes until the right key decrypts it. Each has 512 bytes.
//
//	0        64 Ki     128 Ki                                -128 Ki    -64 Ki          end
//	┌────────┬─────────┬─────────────────────────────────────┬──────────┬───────────────┐
//	│ header │ hidden  │ data …        … of a hidden volume  │ backup   │ backup of the │  TrueCrypt 6, VeraCrypt
//	│        │ header  │                                     │          │ hidden header │
//	└────────┴─────────┴─────────────────────────────────────┴──────────┴───────────────┘
//	0        512                                                     -1536     -1024    end
//	┌────────┬───────────────────────────────────────────────────────┬─────────┬────────┐
//	│ header │ data …                          … of a hidden volume  │ hidden  │        │  before TrueCrypt 6
//	│        │                                                       │ header  │        │
//	└────────┴───────────────────────────────────────────────────────┴─────────┴────────┘
//
// That of an encrypted system lies in sector 62 of the disk, at 31744; the data is a partition of it.
//
// # Header
//
// The first 64 bytes are the salt, the rest is encrypted.
//
//	┌─────────┬──────────────────────────────────────────┬─────────────────────────────┐
//	│ salt 64 │ fields 64 … 255                          │ keys 256 … 511              │
//	└─────────┴──────────────────────────────────────────┴─────────────────────────────┘
//	          └──────────── CRC-32 at 252 ────────────┘   └────── CRC-32 at 72 ───────┘
//
//	 64  4  "TRUE" or "VERA"
//	 68  2  version of the header, 1 to 5
//	 70  2  least version of the program
//	 72  4  CRC-32 (IEEE) of the keys
//	 92  8  size of the hidden volume; 0 if it is none
//	100  8  size of the volume
//	108  8  where the encrypted area begins; 0 is 512
//	116  8  length of the encrypted area
//	124  4  flags: 1 system, 2 encrypted in place
//	128  4  sector size; 0 is 512
//	252  4  CRC-32 of 64 … 251, from version 4 on
//	256     keys
//
// # Keys
//
// What is derived from the password, to decrypt the header, and the key area in it are laid out alike, for n ciphers:
//
//	XTS  n keys of 32, then n keys for the tweak, of 32
//	LRW  a key for the tweak, of 16, in 32 bytes; then n keys of 32
//	CBC  seeds for vectors and whitening in 32 bytes; then n keys, as long as each cipher has them: 16 bytes of CAST5,
//	     24 of Triple DES, 56 of Blowfish, which have blocks of 8
//
// # Ciphers
//
// Up to three ciphers work one upon the other: a chain, whose first one is the outermost, which decrypts last. Each
// is a mapping of its own, upon that of the next one. Data units have 512 bytes, whatever the header says of sectors.
//
//	mode          chaining                            in the header
//	xts-plain64   each cipher for itself              data unit 0
//	lrw-benbi     each cipher for itself              blocks from 1
//	cbc-tcw       one cipher; vectors from a seed,    whitened with bytes 8 … 15 of the seeds, vector from their
//	              whitened ciphertext                 beginning
//	cbci-tcrypt   around the chain; no kernel has it  the same
//	cbc-tcrypt    each cipher for itself, with        the same, for each cipher
//	              Blowfish; no kernel has it
//
// TrueCrypt's Blowfish (blowfish_le) has the words of a block the other way around than others have them. The oldest
// ciphers, of blocks of 8 bytes, are the kernel's to compute.
//
// # Password
//
// PBKDF2-HMAC with one of several hashes and counts, or Argon2id, derives 192 bytes; which, nothing tells. A PIM sets
// the count. Key files change the password: see Password.
//
// Sources: VeraCrypt's documentation (Encryption Scheme, Header Key Derivation, Volume Format Specification, Keyfiles,
// PIM), TrueCrypt's users guide, and tries with tcplay and cryptsetup.
package tcrypt

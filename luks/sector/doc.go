// SPDX-License-Identifier: Apache-2.0

// Package sector encrypts and decrypts sectors in user space, byte for byte as the kernel's
// dm-crypt target does (Documentation/admin-guide/device-mapper/dm-crypt.rst, drivers/md/dm-crypt.c).
// LUKS uses it for keyslot areas; re-encryption and rescue use it for data.
//
// A cipher specification is dm-crypt's "cipher-mode-iv:hash":
//
//	aes-xts-plain64          aes-cbc-essiv:sha256          cipher_null-ecb
//	└┬┘ └┬┘ └──┬──┘          └┬┘ └┬┘ └─┬─┘ └──┬─┘          └────┬────┘ └┬┘
//	cipher mode IV           cipher mode IV  hash of the key   cipher  mode
//
// or, in the kernel's notation, "capi:mode(cipher)-iv:hash":
//
//	capi:xts(aes)-plain64    capi:cbc(aes)-essiv:sha256    capi:adiantum(xchacha20,aes)-plain64
//
// A sector is the unit that is encrypted by itself: 512, 1024, 2048 or 4096 bytes. Its number, from
// which the initialisation vector is made, always counts units of 512 bytes; a 4096-byte sector is
// thus 8 numbers after the one before it. With the option LargeSectors the numbers that go into the
// vector count whole sectors instead (dm-crypt's iv_large_sectors).
//
// Vectors, b being the block size in bytes (16, or 8 for old ciphers) and n the number:
//
//	plain      n modulo 2³², little-endian, zeros behind
//	plain64    n as 64 bits, little-endian, zeros behind
//	plain64be  n as 64 bits, big-endian, zeros in front
//	benbi      n·(512/b) + 1 as 64 bits, big-endian, zeros in front
//	null       zeros
//	essiv:H    plain64, encrypted with the same cipher under the key H(volume key)
//	eboiv      the number times the sector's size, little-endian, encrypted under the volume key; cbc only
//
// Kuznyechik, which no kernel has, is computed where the option Kernelless asks for it.
// AES, Serpent, Twofish and Camellia are computed here in the modes that have a make in the table modes, where all
// that the project knows of a mode stands; every other cipher and mode is asked of the kernel through
// AF_ALG, and refused with an error that names it where the kernel has none.
package sector

// SPDX-License-Identifier: Apache-2.0

// Package loopaes reads the key files of loop-AES, and with them its volumes. It is pure: bytes and values only, and
// nothing is ever written.
//
// # Key file
//
// A volume has no header: what opens it is a key file alone, of lines of text that are all of one length, each of which
// ends. gpg encrypts such a file; what is read here is decrypted. Empty lines behind a line are part of its end.
//
//	┌────────┬────┬────────┬────┬───┬─────────┬────┬─────────┬────┐
//	│ line 0 │ LF │ line 1 │ LF │ … │ line 63 │ LF │ line 64 │ LF │
//	└────────┴────┴────────┴────┴───┴─────────┴────┴─────────┴────┘
//
//	version  lines  first byte XOR  dm-crypt's cipher
//	1        1      00              aes-cbc-plain64
//	2        64     55              aes:64-cbc-lmk
//	3        65     f4              aes:64-cbc-lmk
//
// The beginning of a line's hash is a key, whose first byte the version changes.
//
// # The data
//
// It begins at the device's start or at an offset, in sectors of 512 bytes. In versions 2 and 3, sector n has the key n
// modulo 64, and its vector is made of the plaintext: the state of MD5, without padding, after
//
//	┌────────────────────────┬────────────────┬─────────┬──────────────────────────────────┬──────┬───┐
//	│ key 64, 16 bytes; 0 48 │ plaintext 16 … │ n u32le │ (n >> 32 & 2²⁴-1) | 2³¹, u32le   │ 4024 │ 0 │
//	└────────────────────────┴────────────────┴─────────┴──────────────────────────────────┴──────┴───┘
//	  version 3 alone          496 bytes                                                     u32le  u32le
//
// A sector decrypts without a vector from its second block on, which gives the vector of the first.
//
// Nothing tells a wrong key from the right one.
//
// Sources: the loop-AES README, the kernel's documentation of dm-crypt, and tries with cryptsetup.
package loopaes

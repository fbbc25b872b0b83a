// SPDX-License-Identifier: Apache-2.0

// Package commit is the only place that writes metadata. A caller says what it believes of the volume and
// what is to become of it, in a Change; the door reads the volume again under the lock, refuses where the
// belief does not hold or where the next state would not fit the device, plans every write, and carries the
// plan out in one loop: settle, write, sync, read back, salvage, far header, wipe.
//
// What holds at every instant: one valid copy of the heads is durable. A damaged or older copy is rewritten
// before a healthy one is touched, and of two equal healthy ones the primary goes first, as with cryptsetup.
// A copy's checksum becomes true with its last write, so a torn copy is an invalid copy, never a mixture.
//
// What reads well need not be durable: a program may have been killed before its sync, so each change
// begins with one. And a sync that fails leaves bytes that no later sync brings to the medium, and who reads
// them next cannot tell: so they are written and synced once more, and where that fails too, the bytes that
// were there before are put back, before the error is returned.
//
// Keys are revoked whatever becomes of far headers: a change that takes key material away is made in the heads, also
// while a transaction of the far header waits, and names each place that still has the material. Copies that the
// heads forgot are wiped by it, where they are whole, under no mapping and not newer than the heads.
package commit

// SPDX-License-Identifier: Apache-2.0

// Package header reads and writes the two heads of a LUKS2 volume, in four steps that are four
// functions: Read looks at every copy and classifies it, and never writes; Choose decides which
// copy speaks for the volume; PlanHeal and PlanUpdate say what would have to be written, or why it
// must not be; Apply writes, one copy after the other, each synced and read back.
//
// What holds at every instant of Apply: one valid copy is durable. A damaged or older copy is
// rewritten before a healthy one is touched, and of two equal healthy ones the primary goes
// first, as with cryptsetup. A copy's checksum becomes true with its last write, so a torn copy
// is an invalid copy, never a mixture.
//
// What reads well need not be durable: a program may have been killed before its sync, so each change
// begins with one. And a sync that fails leaves bytes that no later sync brings to the medium, and who reads
// them next cannot tell: so they are written and synced once more, and where that fails too, the bytes that
// were there before are put back, before the error is returned.
//
// The format itself is package luks2's; sequence numbers and their wrap are in seqid.go. Offsets
// and sizes are in bytes.
package header

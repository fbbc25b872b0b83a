// SPDX-License-Identifier: Apache-2.0

// Package crash tries operations on volumes against everything a disk may do to them: power cuts, torn
// and reordered writes, garbage, read and write errors, lost and misplaced writes, bit rot, a
// drive that vanishes, crashes while recovering from the crash, and a run that is killed, or ends with
// a flush error, with another one behind it.
//
// The report has three tables. With two heads and one fault nothing may be lost, but for the keys in a
// keyslot area that the fault strikes, which has a column of its own: an area has no second copy. With
// two faults nothing may be lost while a valid head remains. LUKS1 has one header without a checksum,
// so that whatever strikes the header may lose it; its updates must survive everything else.
//
// An Operation is run once on a recording disk. From that record each kind of fault makes images: all
// there are where they are few, seeded ones beyond that. Each image is judged by the operation's
// Check, recovered, and judged again. The whole is deterministic in its seed, but for random bytes
// which the operation draws itself, and every failure prints the command that repeats it.
//
// Package disk simulates the disk; package operation holds the real operations; cmd is the program.
package crash

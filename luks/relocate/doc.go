// SPDX-License-Identifier: Apache-2.0

// Package relocate carries out what takes more than one commit of a LUKS2 header: giving the
// metadata area another size, and moving the far header when the device changes its own.
//
// A commit of the heads is atomic, so the heads themselves are the log: each step is noted in a token
// before it is carried out, and any tool that opens the volume in between finds a valid header. What
// was begun is concluded or rolled back from the log alone, without a passphrase.
//
// Planning is pure: it takes metadata and sizes and gives steps, which say what they write and
// where. Carrying them out is apart, reads everything again, and is under the caller's lock.
//
// # The log of a metadata resize
//
// A token of its own type, written with all its numbers in 10 decimal digits so that its length never
// changes; offsets and sizes are in bytes:
//
//	{"type":"orthrus-resize","keyslots":[],"version":"1",
//	 "size":[HDR_SIZE,KEYSLOTS_SIZE],"left":[OFFSET,SIZE],"next":[OFFSET,SIZE]}
//
//	size   what the resize works for
//	left   the keyslot area that the last move left and that is to be wiped; zeros: none
//	next   the keyslot area that is about to be filled, before a header names it; zeros: none
//
// It is there from the first commit of the resize to the last but one. A resize moves the keyslot
// areas that stand in the way, one commit each, then writes the secondary head at its new place,
// takes the magic off the old secondary, and writes the new primary over everything up to the new
// secondary. Whoever undoes that last step by writing a secondary at the old place again leaves a
// stray one at the new place: the log tells of it.
package relocate

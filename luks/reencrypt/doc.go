// SPDX-License-Identifier: Apache-2.0

// Package reencrypt understands a LUKS2 volume in the middle of a reencryption: in which state it is, by both of
// its heads, and what the next safe step is; under which key each of its bytes is to be read; whether its metadata
// are those that the holder of both keys wrote; and what its resilience area says of the zone that is being
// rewritten. It writes nothing and knows no device.
//
// Old and new are the two ends of a run: what the segments "backup-previous" and "backup-final" describe.
//
// # Segments
//
// The regular segments, one behind the other, are the data. How far a run has come is written nowhere: it follows
// from which of them are old and which are new.
//
//	forward    new … | hot | … old          backward    old … | hot | … new
//	                   └ "in-reencryption": announced before its data are rewritten, with the new parameters
//
// One segment alone is either the beginning (it is old) or the end (it is new: the state Concluded, in which
// nothing is left but to take the run out of the metadata, and in which cryptsetup begins once more).
// A new segment lies at final.offset + x, x being where it begins in the data; an old one at previous.offset + x,
// the one at x = 0 at the offset of "backup-moved-segment" where there is such a segment. IV numbers are x / 512.
//
// # Resilience area
//
// Of the keyslot of type "reencrypt", at area.offset from the start of the header's device. It says how the zone
// that is hot was before, and has neither magic nor number nor checksum of its own:
//
//	checksum    unit 0    unit 1    …             hash of each unit's old ciphertext, packed; a unit is
//	            ├─ hash ──┼─ hash ──┼─ … ┤        area.sector_size bytes
//	journal     ├─ old ciphertext of the zone ─┤
//	datashift   nothing: the old data lie one shift away, and stay until the next step
//	datashift-checksum, datashift-journal: as datashift, but for the moved segment, which is rewritten in place
//
// A unit that equals what the area says is still old. One that does not is taken for new, as cryptsetup does: a
// tear inside of a unit, or an area that never reached the disk, cannot be told from that without the keys.
//
// # Digest over the metadata
//
// A digest of type "pbkdf2" that lists the reencryption keyslot and no segment. Its PBKDF2 password is, without
// separators, integers in big-endian:
//
//	'v', version digit, old key where previous has a digest, new key where final has another
//	mode, direction, area.type (text), area.offset u64, area.size u64
//	  checksum, datashift-checksum: hash (text), area.sector_size u32
//	  datashift, datashift-journal, datashift-checksum: area.shift_size u64
//	for previous, final and, if there is one, the moved segment:
//	  type (text), offset u64, size u64 or the text "dynamic"
//	  crypt: iv_tweak u64, encryption (text), sector_size u32
//
// It covers neither the regular segments nor the digests: progress is not authenticated.
package reencrypt

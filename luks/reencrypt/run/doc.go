// SPDX-License-Identifier: Apache-2.0

// Package run brings an interrupted reencryption home: it recovers the zone that was being rewritten, concludes a run
// whose data are all new, and goes on with one that stopped between two steps. It looks, decides what one step is to
// do, and does it; the metadata go through package commit, and the data are written in one file of this package.
//
// # Order of writes
//
// Each is synced and read back before the next one begins.
//
//	announce    record of the zone in the area → both heads: the zone is hot
//	recover     both heads, where they differ → data of the zone → both heads: the zone is new
//	last zone   the same, but that the heads then tell of no run; then the old keyslots' areas are overwritten
//
// So the heads call a zone new only when its data are durable, and a run is finished with one commit: the state in
// which all data are new and the heads tell of a run, which other programs take for the beginning, is never written.
// A cut at any place leaves a state that the same steps bring home.
package run

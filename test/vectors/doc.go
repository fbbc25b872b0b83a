// SPDX-License-Identifier: Apache-2.0

// Package vectors gives tests the volumes and transcripts recorded from cryptsetup 2.8.6. It is
// test support: only tests and the programs under test/ import it, and a wrong name panics.
//
// It also makes malformed volumes from sound ones: malformed.txt states what is expected of each.
//
// README.md in this folder says what each volume holds.
package vectors

// SPDX-License-Identifier: Apache-2.0

// Package header reads the two heads of a LUKS2 volume, in three steps that are three functions: Read looks
// at every copy and classifies it; Choose decides which copy speaks for the volume; PlanHeal and PlanUpdate
// say what would have to be written, or why it must not be. It never writes: package commit does.
//
// The format itself is package luks2's; sequence numbers and their wrap are in seqid.go. Offsets
// and sizes are in bytes.
package header

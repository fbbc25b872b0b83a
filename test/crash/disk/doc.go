// SPDX-License-Identifier: Apache-2.0

// Package disk simulates a block device for crash tests: images that share what they have in
// common, and a recorder which keeps every write and flush of an operation, injecting faults on
// the way.
//
// The unit that persists or does not is the 512-byte sector. An Image is an immutable table of
// sectors plus a few runs of sectors laid over it, so a crash state costs a slice header or two
// instead of a copy of the device, and equal states are found by their Sum.
package disk

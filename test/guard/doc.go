// SPDX-License-Identifier: Apache-2.0

// Package guard runs the guard's program on this machine, with image files, loop devices and uevents
// of the kernel: what takes numbers that an emulated processor does not reach. ORTHRUS_LONG=1 raises
// them to those that are promised.
package guard

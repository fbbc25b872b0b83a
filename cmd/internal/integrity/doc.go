// SPDX-License-Identifier: Apache-2.0

// Package integrity is the command line of dm-integrity: what the program does under the name integritysetup, and as
// the verb integrity. Actions, options, messages and exit codes are integritysetup's, but for these:
//
//   - format needs neither kernel nor root: it computes the layout and writes journal and tags itself, on all
//     processors, and the superblock last. One that is interrupted leaves no device.
//   - Data that the device can zero by itself, or that are a hole of a file, are not written.
//   - An algorithm that this program cannot compute is refused, as is inline mode at format.
//   - All checks come before the first write.
//
// verify reads a whole device without a mapping, journal applied, and lists what is wrong; every report takes --json.
package integrity

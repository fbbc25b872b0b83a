// SPDX-License-Identifier: Apache-2.0

// Package restore plans how the header of a volume becomes the one of a backup, so that at each instant the old
// or the new set of passphrases opens. Offsets and sizes are bytes.
package restore

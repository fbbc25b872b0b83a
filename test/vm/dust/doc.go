// SPDX-License-Identifier: Apache-2.0

// Package dust tries bad sectors that a write cures, as those of a real disk are: dm-dust, which
// Debian's cloud kernel lacks and its User-Mode Linux has. That kernel is an ordinary program; it needs
// no privileges and starts in seconds, with the files of this machine, read-only, for its root.
package dust

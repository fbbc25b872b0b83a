// SPDX-License-Identifier: Apache-2.0

// Package early has the verbs of early boot: boot, mkinitramfs, and the init that an initial file system
// starts with.
package early

// SPDX-License-Identifier: Apache-2.0

// Package poweron tests early boot from power on to a login, on an encrypted root
// that the real cryptsetup made: a small Debian whose initramfs was made by
// mkinitramfs, by initramfs-tools or by dracut, each with what this project
// installs.
package poweron

// SPDX-License-Identifier: Apache-2.0

// Package cmdline reads from the kernel's command line which volumes to unlock and how, in the
// spellings of systemd and dracut (rd.luks.*, luks.*), mkinitcpio (cryptdevice=, cryptkey=, crypto=),
// Debian (cryptopts=) and Alpine (cryptroot=, cryptdm= and companions), and what this program adds
// (rd.orthrus.*).
//
// Words are separated by blanks; double quotes keep blanks together. In the names of parameters "_"
// and "-" are the same. A parameter of these families that is unknown or has a wrong value is a
// Problem and stops nothing; all others are for the kernel and other programs.
//
// Sources: systemd-cryptsetup-generator(8), dracut.cmdline(7), mkinitcpio's "encrypt" hook,
// cryptsetup-initramfs(7), mkinitfs-bootparam(7).
package cmdline

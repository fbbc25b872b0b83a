// SPDX-License-Identifier: Apache-2.0

// Package callers runs programs that call cryptsetup, as Debian ships them, with
// this project's binary in cryptsetup's place: cryptdisks and the scripts of its
// initramfs, clevis with a tang server, lvm's fsadm, dracut, tomb, and the call
// sequences of an installer, of Ansible and of Talos.
package callers

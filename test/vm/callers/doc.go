// SPDX-License-Identifier: Apache-2.0

// Package callers runs programs that call cryptsetup, as Debian ships them, with
// this project's binary in cryptsetup's place: cryptdisks, the initramfs script
// that unlocks a root, dracut's, clevis with a tang server on loopback, lvm's
// fsadm, tomb, and the call sequences of an installer, of Ansible and of Talos.
// Each test logs what was called.
package callers

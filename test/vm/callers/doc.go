// SPDX-License-Identifier: Apache-2.0

// Package callers runs programs that call cryptsetup, as Debian ships them, with
// this project's binary in cryptsetup's place: cryptdisks, clevis with a tang
// server on loopback, and the call sequences of an installer and of Ansible.
// Each test logs what was called.
package callers

// SPDX-License-Identifier: Apache-2.0

// Package keyring is a client of the kernel's key retention service (keyrings(7), keyctl(2)), for the
// volume keys dm-crypt takes by reference and the passphrases tokens name.
//
// The thread keyring belongs to one operating-system thread. A goroutine that uses Thread calls
// runtime.LockOSThread first and keeps the lock until the kernel has used the key: the table of a
// crypt device is looked up in the keyrings of the thread that loads it. The process and session
// keyrings are shared by the threads of a process that were started after they were made; a session
// keyring joined later belongs to one thread as well.
//
// A key of type "logon" can be used by the kernel and never be read back; its description carries a
// prefix and a colon. A key of type "user" can be read.
//
// Requests search the thread, process and session keyrings and never call out to user space
// (/sbin/request-key).
//
// Stability: v0, like the rest of the module.
package keyring

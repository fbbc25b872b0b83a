// SPDX-License-Identifier: Apache-2.0

// Package ask gets passphrases from people, over every way that leads to one: the consoles, plymouth,
// the agents of systemd's ask-password protocol, and a socket of its own on which any program of root
// may answer. All are asked at once; the first answer counts, and the others are told to stop.
//
// # The socket
//
// It is a stream in the file system (Unix domain, mode 0600); only processes of root or of our own
// user are listened to. We send lines of JSON:
//
//	{"ask":7,"title":"Passphrase for root","id":"cryptsetup:root"}   question 7 is open
//	{"withdrawn":7}                                                  it is not any more
//	{"say":"Wrong passphrase, 2 tries left."}                        for people
//	{"taken":7}                                                      to the one whose answer to 7 is tried
//	{"over":"opened"}                                                the end; or "failed"
//
// and take, at any time while a question is open,
//
//	answer 7 12 LF and then 12 bytes of passphrase
//
// Of several answers to a question the first is taken; the others are not tried and may be given again.
//
// # Sources
//
// systemd: "Password Agents" (systemd.io/PASSWORD_AGENTS). plymouth: the protocol of its 22.02 and
// 24.004 releases, as its socket speaks it. Consoles: termios(3), ioctl_console(2).
package ask

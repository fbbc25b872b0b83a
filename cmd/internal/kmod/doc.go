// SPDX-License-Identifier: Apache-2.0

// Package kmod finds kernel modules in the lists that depmod writes to
// /lib/modules/VERSION, and loads them. Read as text, one item a line:
//
//	modules.dep       FILE: FILE…             what FILE needs, the last to be loaded first
//	modules.alias     alias PATTERN MODULE    what the kernel asks for, and who answers
//	modules.softdep   softdep MODULE pre: NAME… post: NAME…
//	modules.builtin   FILE                    part of the kernel itself
//
// FILE is relative to the directory. A module's name is its file's without
// directory and ending, with "_" for "-".
package kmod

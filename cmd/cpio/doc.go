// SPDX-License-Identifier: Apache-2.0

// Package cpio writes the "newc" archive that Linux unpacks as its first file
// system (Documentation/driver-api/early-userspace/buffer-format.rst). An entry
// is 110 ASCII bytes, a name and data:
//
//	  0  "070701"
//	  6  inode, mode, uid, gid, links, mtime, size of the data,      each eight
//	     major and minor of the device the file lies on,             hexadecimal
//	     major and minor of a device node, length of the name with   digits
//	     its NUL, a check sum that is zero
//	110  the name without the leading "/", and a NUL
//	     zeros up to a multiple of 4
//	     the data
//	     zeros up to a multiple of 4
//
// An entry named "TRAILER!!!" ends the archive. Numbers of inodes count up,
// times and owners are zero: the same entries give the same bytes.
package cpio

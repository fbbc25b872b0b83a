// SPDX-License-Identifier: Apache-2.0

// Package uml tries changes of headers on a real kernel that is an ordinary program: User-Mode Linux,
// which needs no privileges, starts in seconds with the files of this machine, read-only, for its root,
// and runs programs at full speed. So every operation is tried here, and every prefix of what it wrote.
// It also has dm-dust, whose bad sectors a write cures as on a real disk, and which Debian's cloud
// kernel lacks. It also boots images of ours, from disks that are volume groups and arrays.
package uml

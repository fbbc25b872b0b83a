// SPDX-License-Identifier: Apache-2.0

// Package initramfs makes the initial file system of a machine: this program as
// its init, the kernel modules the machine needs to reach its root, the lines of
// crypttab and fstab that concern the root, the programs that start LVM and md
// arrays where the root lies on such, and nothing else.
//
// The facts about the machine are read first (System), what is needed is chosen
// from them (Facts.Plan, pure), and then the image is written (Plan.Write): a
// newc archive, compressed with gzip, which every kernel reads. The modules in
// it are uncompressed, so that they load whatever the kernel was built with. The
// same facts and files give the same bytes.
//
//	/init                              this program
//	/dev/console                       for the first messages
//	/etc/crypttab, /etc/fstab          the lines that concern the root
//	/etc/veritytab                     likewise, and those with x-initrd.attach
//	/lib/modules/VERSION/modules.dep   the modules in the order of loading, each with those it needs
//	/lib/modules/VERSION/…             their files
//	/usr/sbin/lvm, /usr/sbin/mdadm     where they are needed, at the place they have in the system
//	/lib/…, /lib64/…                   their libraries, as ldd(1) names them
//	/etc/lvm/…, /etc/mdadm/…           their configuration
//
// They are brought, and not replaced by what reads the metadata of both: a plain
// volume is a short table, but mirrors, snapshots, moves that were interrupted,
// foreign owners and arrays that lack a disk are decided by rules of theirs,
// which are wrong nowhere as dearly as here.
package initramfs

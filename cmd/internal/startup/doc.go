// SPDX-License-Identifier: Apache-2.0

// Package startup is what the program does as /init of an initial file system:
// it mounts what programs need, loads the kernel modules of the image, has the
// volumes unlocked, mounts the root and hands over to the init in there.
//
// # What the image says
//
//	/lib/modules/VERSION/modules.dep   the modules to load, in this order, each with those it needs
//	/etc/fstab                         the line of "/", for a kernel command line without root=
//	/etc/crypttab, /etc/veritytab      read by what unlocks
//	/usr/sbin/lvm, /usr/sbin/mdadm     started whenever a part of a volume group or of an array shows up
//
// # What the kernel command line says
//
//	root=            UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=… or a path
//	rootfstype=      one or more, with commas; found out when absent
//	rootflags=       options of the mount
//	ro, rw           the last one counts; ro when neither is there
//	rootdelay=       ignored: devices are waited for
//	init=            the program to hand over to
//	roothash=        the root is a dm-verity image of this root hash, mapped at /dev/mapper/root, which is then
//	                 the root unless root= names another one; its partitions are found by the hash, or named by
//	                 systemd.verity_root_data= and systemd.verity_root_hash=; systemd.verity_root_options= is a list
//	                 as in veritytab(5), and systemd.verity=no leaves all of it out; a root hash of - is that of the
//	                 signature partition, whose signature the kernel must trust
//	usrhash=         the same for /usr, mapped at /dev/mapper/usr, with systemd.verity_usr_data= and its like
//	mount.usr=       a /usr of its own, with mount.usrfstype= and mount.usrflags=; the mapping where usrhash= is there
//	resume=          where a hibernated system may lie, with resume_offset= and noresume
//
// There is no shell here, and none is ever started: what fails is said, and
// then the machine reboots, halts or is switched off, as it was told.
package startup

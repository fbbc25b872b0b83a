// SPDX-License-Identifier: Apache-2.0

// Package signature tells what lies on a device: file systems, swap, RAID and volume-manager
// members, encryption headers and partition tables, under the names that blkid(8) gives them.
//
// It answers two questions. What would be destroyed (luksFormat wipes MagicLength bytes at
// Offset; repair refuses to write over a foreign signature)? And how far does the file system
// inside a volume reach (Extent), which is the proof that the room behind it is free?
//
// Detect reads fixed places only, and what a few formats say about the place of their label;
// it is pure, bounded in memory and time, and treats everything it reads as hostile.
//
//	offset            what is looked for there (magic; "le" and "be" tell the byte order)
//	0                 LUKS, XFS, squashfs, FAT, NTFS, exFAT, BitLocker, integrity, verity, md 1.1, …
//	510               55 aa of an MBR or FAT boot sector
//	512, 4096         GPT ("EFI PART") for sectors of 512 and 4096
//	24+512k, k<4      LVM2 ("LVM2 001")
//	1024              ext2/3/4 (ef53 le at +56), f2fs, erofs, nilfs2, HFS+
//	4096              md 1.2, bcache and bcachefs (at +24)
//	4K..64K, -10      swap and suspend images, by page size
//	16K..4M           the secondary LUKS2 head, nine places
//	32768             ISO 9660, UDF, JFS
//	65536             btrfs (at +64), ReiserFS, GFS2, UFS2
//	128K+256Kn        ZFS uberblocks of the four labels
//	1M, 2M            VMFS
//	64M, 256G         btrfs's mirrors
//	near the end      md 0.90 and 1.0, DRBD, GPT's backup, nilfs2's second, ZFS, firmware RAID
//
// Sources: Linux include/uapi and fs/*/ headers and Documentation/filesystems (ext4, XFS, btrfs,
// f2fs, erofs, nilfs2, squashfs), the UEFI specification (GPT), Microsoft's FAT and exFAT
// specifications, ECMA-119 and ECMA-167, the LVM2 and md on-disk descriptions, Apple's TN1150 and
// APFS reference.
package signature

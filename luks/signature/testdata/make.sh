#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the images behind the fixtures of this directory with the tools that own each format.
# Run as root (loop devices) in an empty directory, then
#   IMAGES=that/directory go test -tags fixtures -run MakeFixtures ./luks/signature
# Debian packages: e2fsprogs xfsprogs btrfs-progs f2fs-tools dosfstools exfatprogs ntfs-3g xorriso
# udftools reiserfsprogs jfsutils squashfs-tools erofs-utils nilfs-tools gdisk fdisk cryptsetup-bin
# lvm2 bcache-tools drbd-utils gfs2-utils ocfs2-tools
set -eu
uuid=0f0e0d0c-0b0a-4908-8706-050403020100

image() { rm -f "$1.img"; truncate -s "$2" "$1.img"; }
cut_after() { fallocate -p -o "$2" -l "$(($(stat -c %s "$1.img") - $2))" "$1.img"; }
on_loop() { # IMAGE SECTOR COMMAND...: the command gets a loop device as its last argument
	local device image=$1.img sector=$2; shift 2
	device=$(losetup -f --show -b "$sector" "$image")
	"$@" "$device" </dev/null; losetup -d "$device"
}
luks() { name=$1; size=$2; keep=$3; shift 3
	image "$name" "$size"
	echo -n pw | cryptsetup luksFormat -q --uuid $uuid "$@" "$name.img" -
	cut_after "$name" "$keep" # keyslot areas are random bytes
}

# File systems are made smaller than their images, so that an Extent is told from the size.
image ext2 20M; mke2fs -qF -t ext2 -b 1024 -U $uuid -L "two words" ext2.img 10007
image ext3 40M; mke2fs -qF -t ext3 -U $uuid -L ext-three ext3.img 8191
image ext4 70M; mke2fs -qF -t ext4 -b 4096 -U $uuid -L ext-four ext4.img 16387
image jbd 10M; mke2fs -qF -O journal_dev -b 4096 -U $uuid -L journal jbd.img 1025
image xfs 400M; mkfs.xfs -qf -m uuid=$uuid -L "x f s" -s size=4096 -d size=80001b xfs.img
image xfs4 400M; mkfs.xfs -qf -m crc=0,uuid=$uuid,finobt=0 -d size=80001b xfs4.img
image btrfs 300M; mkfs.btrfs -q -U $uuid -L butter -b 150011904 btrfs.img
image btrfs-sha256 300M; mkfs.btrfs -q -U $uuid --csum sha256 -b 150011904 btrfs-sha256.img
image f2fs 100M; mkfs.f2fs -q -U $uuid -l "flash größe" f2fs.img 190000
image fat12 2M; mkfs.fat -F 12 -i 12345678 -n TWELVE fat12.img 1440
image fat16 20M; mkfs.fat -F 16 -i 89abcdef -n "SIX TEEN" fat16.img 16384
image fat32 300M; mkfs.fat -F 32 -s 1 -i 0badcafe -n THIRTYTWO fat32.img 200000
image fat32-4k 300M; mkfs.fat -F 32 -S 4096 -i 0badcafe fat32-4k.img
image exfat 33M; mkfs.exfat -L "ex fat" exfat.img; truncate -s 64M exfat.img
image ntfs 64M; mkntfs -qFf -s 512 -c 4096 -L "En Tee" ntfs.img 100000
mkdir -p tree; echo hello >tree/file
image iso9660 0; xorriso -as mkisofs -quiet -J -V "Iso Label" --modification-date=2024010203040506 -o iso9660.img tree; truncate -s +1M iso9660.img
image udf 40M; mkudffs -b 2048 --uuid=0123456789abcdef -l "U D F" udf.img
image swap 8M; mkswap -U $uuid -L swapspace swap.img 4001
image swap64k 8M; mkswap -p 65536 -U $uuid swap64k.img
image reiserfs 60M; mkreiserfs -qff -s 8193 -u $uuid -l reiser reiserfs.img 12345
image jfs 64M; mkfs.jfs -q -L jay jfs.img
rm -f squashfs.img; mksquashfs tree squashfs.img -quiet -no-progress -all-time 0 -mkfs-time 0 -nopad; truncate -s +64K squashfs.img
rm -f erofs.img; mkfs.erofs -U $uuid -T 0 erofs.img tree; truncate -s +64K erofs.img
image nilfs2 200M; mkfs.nilfs2 -q -L nil nilfs2.img
image gfs2 200M; mkfs.gfs2 -qO -p lock_nolock -t cluster:table -U $uuid -j 1 -J 8 gfs2.img
image ocfs2 300M; mkfs.ocfs2 -qF -M local -L oracle -U $uuid ocfs2.img <<<y

# Partition tables; one on a device that grew, one for 4096-byte sectors.
image gpt 64M; sgdisk -U $uuid -n 1:2048:40000 gpt.img
image gpt-grown 64M; sgdisk -U $uuid -n 1:2048:40000 gpt-grown.img; truncate -s +10M gpt-grown.img
image gpt-4k 64M; on_loop gpt-4k 4096 sgdisk -U $uuid -n 1:256:4000
image dos 64M; printf 'label: dos\nlabel-id: 0xdeadbeef\nstart=2048,size=10000,type=83\n' | sfdisk -q dos.img

# Encryption.
luks luks1 20M 4096 --type luks1 --iter-time 10
luks luks2 20M 32768 --type luks2 --label "My Label" --pbkdf pbkdf2 --pbkdf-force-iterations 1000
luks luks2-4m 40M 8388608 --type luks2 --luks2-metadata-size 4m --pbkdf pbkdf2 --pbkdf-force-iterations 1000
cp luks2.img luks2-secondary.img; fallocate -p -o 0 -l 4096 luks2-secondary.img
image verity 1M; truncate -s 1M data; veritysetup format --uuid $uuid data verity.img; cut_after verity 4096

# Volume managers and caches.
image lvm 30M; on_loop lvm 512 pvcreate -qffy --devicesfile "" --nohints --uuid 012345-6789-abcd-efgh-ijkl-mnop-qrstuv --norestorefile --setphysicalvolumesize 20M
image bcache 20M; on_loop bcache 512 make-bcache -B
image bcache-cache 70M; on_loop bcache-cache 512 make-bcache -C
image drbd 20M; device=$(losetup -f --show drbd.img); drbdmeta --force 0 v08 "$device" internal create-md; losetup -d "$device"

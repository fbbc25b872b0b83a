// SPDX-License-Identifier: Apache-2.0

package manual

import "github.com/orthrus-luks/orthrus/cmd/internal/verity"

// veritysetup is the page of verified images.
func veritysetup(edition Edition) string {
	return sisterPage{
		program: "veritysetup", grammar: verity.Grammar(), about: veritysetupAbout, exit: veritysetupExit,
		summary: "make, verify, repair and map dm-verity images (orthrus verity)", example: veritysetupExample,
	}.text(edition)
}

var veritysetupAbout = []string{
	"format hashes the data device into a tree on the hash device, which may be a file to be made, and prints the " +
		"root hash. verify compares data and tree with it. open maps the image read-only; the kernel then verifies " +
		"each block that is read. dump shows the superblock, status a mapping, and close removes one.",
	"verify succeeds only where every byte gives the root hash. With FEC data it tells whether the damage can be " +
		"repaired and the repaired data would give the root hash; without an order to write, that is a failure all " +
		"the same.",
	"The superblock is protected by nothing. Where it names fewer blocks than were hashed, verify fails; the kernel " +
		"maps such an image and does not show the rest. Without a superblock, give --data-blocks and all other " +
		"parameters.",
	"orthrus boot, and an initial file system made by orthrus-mkinitramfs(8), map root and /usr of the kernel's " +
		"command line: roothash=, systemd.verity_root_data=, systemd.verity_root_hash=, " +
		"systemd.verity_root_options=, the same with usrhash= and usr, and systemd.verity=, as in " +
		"systemd-veritysetup-generator(8); and the lines of veritytab(5), unless veritytab=no is there. Without " +
		"devices they take the partitions whose UUIDs are the first and the last 128 bits of the root hash. An " +
		"option that they do not know ends the boot.",
	"root-hash-signature=auto takes the signature from the signature partition of that root hash (Discoverable " +
		"Partitions Specification, x86-64 and arm64). A root hash of - is that of the only such partition for root " +
		"or /usr, or in a veritytab of the one for the data partition; it counts only where the kernel trusts its " +
		"signature.",
	"A new version of an image is hashed faster from the former one: data are compared, and digests of blocks that " +
		"are the same come from the former tree, each hash block of which is proven by the former root hash first. " +
		"The new tree is the one that would be made from nothing; it has the salt of the former one. Former data " +
		"that are not what the former tree was made of would give a tree that some blocks fail: one block in 64 is hashed " +
		"again to tell, and verify proves all.",
	"With a file that keeps how far it is, an interrupted format goes on where it was. The file is of one data and " +
		"one hash device, and of the same options; on block devices nothing but one block in 64, which is hashed " +
		"again, tells whether data have changed. Parity is made anew.",
	"A list of images has a line for each: data device, hash device, root hash file and, where there is one, FEC " +
		"device. One image that fails stops none of the others; the exit status is that of the first that failed.",
	"With a file for repaired data, these are written to it while they are verified. Until every block is proven " +
		"its name ends with .unfinished, and it goes away where one cannot be. A run that is killed leaves that " +
		"file behind: it is no proven copy, and is to be removed before the next run for the same file.",
	"Options of veritysetup come first. Those that are our own stand at the end, and are left out of the help under " +
		"the name veritysetup.",
}

var veritysetupExit = []item{
	{"0", "Done; verify: every byte gives the root hash, or the repaired copy does."},
	{"1", "Wrong parameters, or the root hash alone is wrong."},
	{"2", "verify: data, tree or FEC data are corrupt."},
	{"4", "A device or mapping is not there."},
	{"5", "The name exists or is in use, or the kernel refuses the mapping."},
}

const veritysetupExample = `veritysetup format --fec-device system.fec --root-hash-file root system.img system.verity
veritysetup verify --root-hash-file root --fec-device system.fec --repair new.img system.img system.verity
veritysetup open --root-hash-file root system.img system system.verity
orthrus verity verify --where --root-hash-file root system.img system.verity
orthrus verity format --old-data v1.img --old-hash v1.verity --old-root-hash "$(cat v1.root)" v2.img v2.verity`

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
	"An initial file system made by orthrus-mkinitramfs(8) maps the root of the kernel's command line: roothash=, " +
		"systemd.verity_root_data=, systemd.verity_root_hash=, systemd.verity_root_options= and systemd.verity=, as " +
		"in systemd-veritysetup-generator(8). Without devices it takes the partitions whose UUIDs are the first and " +
		"the last 128 bits of the root hash. An option that it does not know ends the boot.",
	"With a file for repaired data, these are written to it while they are verified. The file has another name " +
		"until every block is proven, and goes away where one cannot be.",
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
veritysetup open --root-hash-file root system.img system system.verity`

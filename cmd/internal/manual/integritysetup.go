// SPDX-License-Identifier: Apache-2.0

package manual

import "github.com/orthrus-luks/orthrus/cmd/internal/integrity"

// integritysetup is the page of devices with tags.
func integritysetup(edition Edition) string {
	return sisterPage{
		program: "integritysetup", grammar: integrity.Grammar(), about: integritysetupAbout, more: integritysetupMore,
		summary: "format, verify and map dm-integrity devices (orthrus integrity)",
		exit:    integritysetupExit, example: integritysetupExample,
	}.text(edition)
}

var integritysetupAbout = []string{
	"format gives every sector of a device a tag, and makes its data zeros. open maps it: a sector whose tag is " +
		"wrong is then a read error, which RAID above it repairs from another disk. The name of the algorithm and " +
		"its " +
		"key are not on the device: give them to open and verify again.",
	"format needs neither root nor a kernel with dm-integrity. It works on all processors, writes tags, and has the " +
		"device make the data zeros where it can. The superblock comes last: a format that is interrupted leaves no " +
		"device. With --no-wipe every sector is an error until it is written.",
	"verify reads the whole device without a mapping and changes nothing; on an image it needs no root. What the " +
		"journal holds is taken from there, as the kernel would. Sectors that the bitmap or a recalculation has as " +
		"not in step are not called good.",
	"Checksums without a key find accidents. Against somebody who changes the disk take an HMAC, and a MAC of the " +
		"journal; even so, an old version of a sector with its old tag is taken for a good one.",
	"A recalculation makes tags for what is there, changed or not. This program never asks for one on its own; one " +
		"that was begun goes on at the next open.",
	"Refused: formatting inline mode, and algorithms that this program cannot compute. Options of integritysetup " +
		"come " +
		"first. Those that are our own stand at the end, and are left out of the help under the name integritysetup.",
}

var integritysetupMore = []section{{
	title: "WHICH MODE SHOULD I TAKE",
	paragraphs: []string{
		"A write changes data and tag, which lie apart. The mode is what keeps them in step when power fails.",
	},
	items: []item{
		{"journal (the default)", "Both are written to the journal first. After a crash data and tag are both old or " +
			"both " +
			"new, and wrong data are never taken for right ones. Everything is written twice."},
		{"--integrity-bitmap-mode", "Regions that are being written are marked. After a crash the kernel makes their " +
			"tags " +
			"anew from what is there: a sector that was changed just there is not found. Nearly as fast as the disk."},
		{"--integrity-no-journal", "Nothing is kept. After a crash sectors that were being written are read errors " +
			"until " +
			"they are written again. For RAID that writes them again, or for what can be made again."},
		{"--integrity-recovery-mode", "For reading what is left: neither tags nor journal are looked at."},
		{"inline", "Tags lie in the metadata of the disk's own sectors, and are written with them. Needs a disk and " +
			"a " +
			"kernel (6.11) for it."},
	},
}}

var integritysetupExit = []item{
	{"0", "Done; verify: every tag is right."},
	{"1", "Wrong parameters, or the device is none of dm-integrity."},
	{"2", "verify: tags are wrong or not there yet, sectors are unreadable, or the journal cannot be replayed."},
	{"4", "A device or mapping is not there."},
	{"5", "The name exists, a device is in use, or the kernel refuses the mapping."},
}

const integritysetupExample = `integritysetup format --integrity sha256 --sector-size 4096 /dev/sdX
integritysetup open --integrity sha256 /dev/sdX data
integritysetup close data
integritysetup verify --integrity sha256 --where /dev/sdX`

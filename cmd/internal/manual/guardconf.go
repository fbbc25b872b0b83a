// SPDX-License-Identifier: Apache-2.0

package manual

import "fmt"

// guardConf is the page of section 5 about the guard's configuration.
func guardConf() string {
	const name = program + "-guard.conf"
	var r roff
	r.titleIn(name, 5, "File Formats")
	r.section("NAME")
	fmt.Fprintf(&r, "%s \\- what the guard of LUKS headers may do\n", escape(name))
	r.section("SYNOPSIS")
	r.paragraph("/etc/orthrus/guard.conf")
	r.section("DESCRIPTION")
	for _, text := range guardConfAbout {
		r.paragraph(text)
	}
	for _, s := range guardConfSections {
		r.section(s.name)
		for _, text := range s.text {
			r.paragraph(text)
		}
		for _, i := range s.items {
			r.item(i.term, i.text)
		}
	}
	r.section("EXAMPLE")
	r.literal(guardConfExample)
	r.section("SEE ALSO")
	r.paragraph(program + "-guard(8)")
	return r.String()
}

var guardConfAbout = []string{
	"The file has lines of the form \"setting = value\", empty lines, and comments that begin with #. Without it, " +
		"and where it says nothing else, the guard observes and reports.",
	"Settings before the first section concern every device. A section begins with [uuid UUID], [path PATTERN] or " +
		"[transport NAME] and holds for the devices that it names; where several do, the later one wins. A pattern " +
		"is matched against the node and udev's links to it; * and ? do not match a slash. Transports are usb, " +
		"sata, scsi, nvme, mmc, virtio, xen, loop, dm, md, image and other.",
	"orthrus guard --check-config says what is wrong with a file. A running guard reads it again at SIGHUP, and " +
		"keeps the former settings if it is wrong.",
}

var guardConfSections = []overviewSection{
	{
		name: "SETTINGS FOR DEVICES",
		items: []item{
			{
				"repair = off | rehearse | proven",
				"With proven the guard puts back what the table below names, concludes an unfinished transaction, " +
					"and brings a far header into step. With rehearse it proves and prepares the same, writes " +
					"nothing, and counts what it would have done in guard status, in the metrics and in the " +
					"log. Default: off.",
			},
			{
				"grow = yes | no",
				"Follow a device that became larger, and make its mapping longer if a key is at hand. Default: no.",
			},
			{
				"store = heads | full | off",
				"What is kept of a volume that was seen in order, below /var/lib/orthrus/guard, for root alone: " +
					"both header copies and sums of the keyslot areas, or these areas too. They are key material: " +
					"who has them and an old passphrase opens the volume. The last eight states of a volume are " +
					"kept, and at most 64 MiB; 2048 volumes, and 512 MiB in all; of the volumes that one " +
					"device bore after another, four. When a keyslot is removed or changed, in a newer " +
					"state of the same volume key on the same device, what was kept before is " +
					"overwritten. What would lie on the volume itself is kept in /run/orthrus " +
					"until the next boot, without keyslot areas. Default: heads.",
			},
			{"key = yes | no", "Have open keep a kernel key for the guard, as with --link-for-guard. Default: no."},
			{"removable = yes | no", "Repair and grow removable media, USB disks and memory cards too. Default: no."},
			{"ignore = yes | no", "Do not look at the device. Default: no."},
		},
	},
	{
		name: "WHAT IS PUT BACK, WHEN, FROM WHAT",
		text: []string{"Each needs all the conditions that orthrus-guard(8) lists. What is not in this table is not " +
			"put back."},
		items: []item{
			{"One header copy, damaged or older", "Mapped or not: from the sound copy."},
			{
				"Both copies, under the volume's own mapping",
				"From the state last seen, which the guard keeps, if every byte of the keyslots area is as it was " +
					"then.",
			},
			{
				"Both copies, not mapped",
				"From the far header, if it is the state last seen and every byte of the keyslots area is as it was " +
					"then; not where the copies only lack their magic, as after wipefs.",
			},
			{
				"A keyslot's area",
				"With the heads in order: from the far header, whose sum tells which of the two is damaged.",
			},
			{
				"A LUKS1 header",
				"Fields that are known to be damaged in known ways are mended; a whole header is put back under the " +
					"volume's own mapping.",
			},
			{"The far header", "From the heads, where it is stale or an update was cut off."},
		},
	},
	{
		name: "SETTINGS OF THE GUARD",
		text: []string{"These stand before the first section."},
		items: []item{
			{"images = PATTERN", "Image files to be guarded beside the block devices. May be given more than once."},
			{
				"log = auto | text | json | journal",
				"Where messages go: the journal, or standard error as text or JSON. auto takes the journal where " +
					"standard error leads to it.",
			},
			{"level = debug | info | warn | error", "How much is said. Default: info."},
			{"metrics = FILE", "File for node-exporter's textfile collector, kept up to date."},
			{
				"settle = TIME",
				"How long a device must be quiet before it is looked at; after a second of events it is looked at " +
					"anyway. Default: 200ms.",
			},
			{"workers = NUMBER", "Devices looked at at once. Default: 2."},
		},
	},
	{
		name: "WHAT IS NEVER DONE",
		items: []item{
			{
				"Without proof",
				"A volume that was never seen in order is mended only where the remains of the damaged copy name " +
					"the same UUID. A copy that cannot be read may be newer than the other, and is left alone.",
			},
			{
				"Over something else",
				"A device with the signature of a file system, a partition table or an array beside LUKS is left to " +
					"a person.",
			},
			{
				"To what somebody uses",
				"Any mapping but the volume's own, an array, swap, a mount, a loop device or an exclusive opener on " +
					"the device is a refusal.",
			},
			{"To one of two", "While another device bears the same UUID, neither is written to."},
			{
				"After a restored backup, or to a clone or a stranger",
				"A state that does not continue what was seen is reported until guard accept says that it counts. " +
					"It takes nothing away from what is kept.",
			},
			{
				"During a reencryption",
				"The heads may differ on purpose then. This holds for one that was under way when the volume was " +
					"last seen, too.",
			},
			{
				"After an erase",
				"Heads are put back only while every keyslot area is as it was when they were last seen.",
			},
			{"Without a copy", "What is overwritten is kept first; guard undo takes it back."},
			{"Again and again", "After four repairs of a volume within ten minutes the guard only reports."},
		},
	},
}

const guardConfExample = `repair = off
metrics = /var/lib/node_exporter/orthrus.prom

[path /dev/disk/by-id/ata-*]
repair = proven
grow = yes

[transport usb]
ignore = yes`

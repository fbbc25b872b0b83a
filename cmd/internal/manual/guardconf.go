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
	"The file has lines of the form \"setting = value\", empty lines, and comments that begin with #. Without it, and where it says nothing else, the guard observes and reports.",
	"Settings before the first section concern every device. A section begins with [uuid UUID], [path PATTERN] or [transport NAME] and holds for the devices that it names; where several do, the later one wins. A pattern is matched against the node and udev's links to it; * and ? do not match a slash. Transports are usb, sata, scsi, nvme, mmc, virtio, xen, loop, dm, md, image and other.",
	"orthrus guard --check-config says what is wrong with a file. A running guard reads it again at SIGHUP, and keeps the former settings if it is wrong.",
}

var guardConfSections = []overviewSection{
	{
		name: "SETTINGS FOR DEVICES",
		items: []item{
			{"repair = off | proven", "With proven, a damaged or older header copy is written from the sound one, both are put back where they were destroyed under an active mapping, an unfinished transaction is concluded, and a far header is brought into step. Default: off."},
			{"grow = yes | no", "Follow a device that became larger, and make its mapping longer if a key is at hand. Default: no."},
			{"store = heads | full | off", "What is kept of a volume that was seen in order, below /var/lib/orthrus/guard, for root alone: both header copies and sums of the keyslot areas, or these areas too. They are key material: who has them and an old passphrase opens the volume. When a keyslot is removed or changed, what was kept before is overwritten. What would lie on the volume itself is kept in /run/orthrus until the next boot, without keyslot areas. Default: heads."},
			{"key = yes | no", "Have open keep a kernel key for the guard, as with --link-for-guard. Default: no."},
			{"removable = yes | no", "Repair and grow removable media, USB disks and memory cards too. Default: no."},
			{"ignore = yes | no", "Do not look at the device. Default: no."},
		},
	},
	{
		name: "SETTINGS OF THE GUARD",
		text: []string{"These stand before the first section."},
		items: []item{
			{"images = PATTERN", "Image files to be guarded beside the block devices. May be given more than once."},
			{"log = auto | text | json | journal", "Where messages go: the journal, or standard error as text or JSON. auto takes the journal where standard error leads to it."},
			{"level = debug | info | warn | error", "How much is said. Default: info."},
			{"metrics = FILE", "File for node-exporter's textfile collector, kept up to date."},
			{"settle = TIME", "How long a device must be quiet before it is looked at; after a second of events it is looked at anyway. Default: 200ms."},
			{"workers = NUMBER", "Devices looked at at once. Default: 2."},
		},
	},
	{
		name: "WHAT IS NEVER DONE",
		items: []item{
			{"Without proof", "A volume that was never seen in order is mended only where the remains of the damaged copy name the same UUID. A copy that cannot be read may be newer than the other, and is left alone."},
			{"Over something else", "A device with the signature of a file system, a partition table or an array beside LUKS is left to a person."},
			{"To one of two", "While another device bears the same UUID, neither is written to."},
			{"After an erase", "Heads are put back only while every keyslot area is as it was when they were last seen."},
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

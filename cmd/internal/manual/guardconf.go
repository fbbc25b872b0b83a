// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
)

// guardConf is the page of section 5 about the guard's configuration.
func guardConf(edition Edition) string {
	const name = program + "-guard.conf"
	r := roff{edition: edition}
	r.titleIn(name, 5, "File Formats")
	r.section("NAME")
	r.line(escape(name) + ` \- what the guard of LUKS headers may do`)
	r.section("SYNOPSIS")
	r.paragraph("/etc/orthrus/guard.conf")
	r.section("DESCRIPTION")
	for _, text := range guardConfAbout {
		r.paragraph(text)
	}
	for _, s := range append(guardConfSettings(), guardConfSections...) {
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

// guardConfSettings are the sections of the settings.
func guardConfSettings() []overviewSection {
	devices := overviewSection{name: "SETTINGS FOR DEVICES"}
	guard := overviewSection{
		name: "SETTINGS OF THE GUARD", text: []string{"These stand before the first section."},
	}
	for _, s := range policy.Settings() {
		about := s.About
		if s.Default != "" {
			about += " Default: " + s.Default + "."
		}
		to := &devices
		if s.OfGuard() {
			to = &guard
		}
		to.items = append(to.items, item{s.Name + " = " + s.Values.Form(), about})
	}
	return []overviewSection{devices, guard}
}

// GuardSample returns a configuration to begin with, by its file name: each setting, as it is without a line.
func GuardSample([]cli.Verb) map[string]string {
	var b strings.Builder
	b.WriteString("# What the guard may do: see " + program + "-guard.conf(5). As it stands it observes and reports.\n")
	for _, s := range policy.Settings() {
		b.WriteString("\n")
		comment(&b, s.Name+" = "+s.Values.Form())
		comment(&b, s.About)
		if s.Default != "" {
			b.WriteString("#" + s.Name + " = " + s.Default + "\n")
		}
	}
	b.WriteString("\n")
	comment(&b, "Sections hold for some devices only; later ones win. Settings of the guard itself stand before them.")
	for line := range strings.Lines(guardConfExample + "\n") {
		b.WriteString("#" + line)
	}
	return map[string]string{"guard.conf": b.String()}
}

// comment writes words into lines of up to 100 columns.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
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

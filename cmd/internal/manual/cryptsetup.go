// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

var cryptsetupAbout = []string{
	"This cryptsetup is orthrus(8), called by that name: one static program without libraries. It takes " +
		"cryptsetup's command lines and answers as cryptsetup 2.8 does, by text and by exit code, and what it writes " +
		"other releases of cryptsetup read and change.",
	"What orthrus adds shows under its own name only: by this one there is no far header unless --far-header asks " +
		"for it, nothing is said of what was done without -v, and no advice is given. Where a volume does not open, " +
		"ask orthrus-fix(8).",
}

var cryptsetupExits = []item{
	{"0", "Done."},
	{"1", "Failed, or the command line is wrong."},
	{"2", "No keyslot opens with this passphrase, or the kernel denied what was asked."},
	{"3", "Not enough memory."},
	{"4", "No such device, or it may not be read."},
	{"5", "The device or the name is in use."},
}

var cryptsetupExamples = []cli.Example{
	{
		What: "Make a volume, map it, and close it:",
		Line: "cryptsetup luksFormat /dev/sdX\ncryptsetup open /dev/sdX vault\ncryptsetup close vault",
	},
	{What: "Keep header and keyslots on another medium:", Line: "cryptsetup luksHeaderBackup /dev/sdX " +
		"--header-backup-file header.backup"},
}

// cryptsetup is the page of the program under the name of the one whose place it takes.
func (m manual) cryptsetup() string {
	r := roff{edition: m.edition}
	r.title("cryptsetup")
	r.section("NAME")
	r.line(`cryptsetup \- manage LUKS, plain, BitLocker and VeraCrypt volumes`)
	r.section("SYNOPSIS")
	r.line(`\fBcryptsetup\fR [\fIoptions\fR] \fIaction\fR \fIarguments\fR`)
	r.section("DESCRIPTION")
	for _, text := range cryptsetupAbout {
		r.paragraph(text)
	}
	r.section("ACTIONS")
	r.paragraph("The page of each under our own name has its options in full: orthrus-open(8) and so on.")
	for i := range m.carriedOut {
		if v := &m.carriedOut[i]; !v.Own {
			r.item(strings.TrimSpace(strings.Join(v.Spellings(), ", ")+" "+v.Args), v.Summary+".")
		}
	}
	r.section("OPTIONS")
	for _, o := range m.options {
		if offered(o) && (len(o.Only) == 0 || m.ofCryptsetup(o)) {
			r.item(term(o), o.Help+".")
		}
	}
	r.section("FILES")
	r.item("/run/cryptsetup", "Locks around metadata.")
	r.item("/dev/mapper", "Mappings.")
	r.section("EXIT STATUS")
	for _, i := range cryptsetupExits {
		r.item(i.term, i.text)
	}
	examples(&r, cryptsetupExamples)
	r.section("SEE ALSO")
	r.paragraph("orthrus(8), orthrus-fix(8), veritysetup(8), integritysetup(8), crypttab(5)")
	return r.String()
}

// ofCryptsetup tells whether an action that cryptsetup has takes the option.
func (m manual) ofCryptsetup(o cli.OptionDoc) bool {
	for i := range m.carriedOut {
		if v := &m.carriedOut[i]; !v.Own && v.Names(o.Option) {
			return true
		}
	}
	return false
}

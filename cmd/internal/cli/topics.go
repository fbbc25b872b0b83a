// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
)

// Topic is help on what concerns several verbs.
type Topic struct {
	Name    string
	Summary string // one line, no full stop
	Text    []string
	Terms   []Term
	After   []string
}

// Term is a word, or a command, and what is said of it.
type Term struct{ Word, Text string }

// Topics are those of "help TOPIC".
func Topics() []Topic {
	return []Topic{
		{Name: "topics", Summary: "this list"},
		{Name: "verbs", Summary: "every verb with a line on it"},
		{Name: "exit-codes", Summary: "what the program's exit codes mean"},
		recoveryTopic(), checkTopic(), sizesTopic(), crypttabTopic(),
	}
}

// topic lays one out. Those that are lists of what is declared elsewhere are made here.
func (p *page) topic(t Topic, verbs []Verb) {
	switch t.Name {
	case "topics":
		for _, other := range Topics() {
			t.Terms = append(t.Terms, Term{other.Name, other.Summary})
		}
		t.After = []string{"Show one: {program} help TOPIC."}
	case "verbs":
		p.verbs(verbs)
		return
	case "exit-codes":
		for _, e := range ExitCodes() {
			t.Terms = append(t.Terms, Term{fmt.Sprint(e.Code), e.Means})
		}
		t.After = []string{ownExits(verbs)}
	}
	p.layOut(t)
}

func (p *page) layOut(t Topic) {
	names := strings.NewReplacer("{program}", p.program)
	for _, text := range t.Text {
		p.paragraph(names.Replace(text))
	}
	column := 0
	for _, term := range t.Terms {
		column = max(column, len(names.Replace(term.Word))+5)
	}
	for _, term := range t.Terms {
		p.entry(names.Replace(term.Word), min(column, 34), names.Replace(term.Text))
	}
	for i, text := range t.After {
		if i == 0 && len(t.Terms) > 0 {
			p.WriteByte('\n')
		}
		p.flow("", 0, strings.Fields(names.Replace(text))...)
	}
}

// ownExits says which verbs have meanings of their own.
func ownExits(verbs []Verb) string {
	var list []string
	for i := range verbs {
		for _, e := range verbs[i].Exits {
			if e.Code != 0 {
				list = append(list, fmt.Sprintf("%s %d: %s", verbs[i].Name, e.Code,
					strings.TrimSuffix(e.Means, ".")))
			}
		}
	}
	return "Some verbs say more. " + strings.Join(list, "; ") + "."
}

// verbs has each verb with its line, by groups.
func (p *page) verbs(verbs []Verb) {
	for i, g := range groups {
		if i > 0 {
			p.WriteByte('\n')
		}
		p.WriteString(upperFirst(string(g)) + ":\n")
		for j := range verbs {
			if verbs[j].Group == g {
				p.entry(string(verbs[j].Name), 21, verbs[j].Summary)
			}
		}
	}
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func recoveryTopic() Topic {
	return Topic{
		Name: "recovery", Summary: "a volume does not open any more: what to do, in which order",
		Text: []string{
			"Write nothing to the device. Where it is about to die, copy it first and work on the copy. None of " +
				"the first three writes.",
		},
		Terms: []Term{
			{"{program} fix DEVICE", "names the state in a sentence and the one safe command"},
			{"{program} check DEVICE", "shows every copy of the header and every keyslot"},
			{"{program} rescue DEVICE", "searches the device for what is left of a header"},
			{"{program} repair DEVICE", "one of the two copies is damaged: writes it anew from the other"},
			{"{program} repair --from-far DEVICE", "both are gone: brings them back from the far header"},
			{"{program} open --header-from-far DEVICE NAME", "opens by the far header and writes nothing"},
			{"{program} luksHeaderRestore DEVICE --header-backup-file FILE", "puts a header backup back"},
			{"{program} guard history UUID", "what the guard has seen and keeps"},
			{"{program} guard export UUID --header-backup-file FILE", "makes a header backup of what it keeps"},
		},
		After: []string{
			"repair and the restores show what they would write with --dry-run, and repair keeps what it overwrites " +
				"(--undo FILE goes back). A wrong passphrase is not damage: {program} open --test-passphrase DEVICE " +
				"tells the two apart. What was erased, or overwritten in all copies, nobody can bring back.",
		},
	}
}

func checkTopic() Topic {
	return Topic{
		Name: "check", Summary: "the words that check and fix use",
		Terms: []Term{
			{"state", "One of the next words."},
			{"healthy", "Nothing is wrong."},
			{"healable", "Something is damaged or at risk; the volume still opens. Exit code 6."},
			{"lost", "What is left does not open the volume. Exit code 7."},
			{"cannot be opened here", "A volume of another system that is half encrypted, say. Exit code 1."},
			{"status", "What weighs most, in a sentence. The findings are all that was noticed."},
			{"action", "The one command to go on with, which risks least. Where it writes, it says so."},
			{"copies", "Of the header: primary and secondary at the device's start, each of which says all; the far " +
				"header near its end, with the keyslots, too; and what the guard keeps."},
			{"in use", "The copy that is believed, and why."},
			{"seqid", "How often the header was written; the higher number is the newer state."},
			{"valid", "The checksum of the copy is right."},
			{"stale", "The copy is valid and older than the other."},
			{"conflicting", "Both copies are valid, with one number, and say different things."},
			{"damaged", "The copy is there and its checksum is wrong."},
			{"unreadable", "The device could not read it."},
			{"absent", "Nothing of LUKS stands there."},
			{"in step", "The far header says what the copies at the start say."},
			{"displaced", "Something else lies where the far header ought to be, and is left alone."},
			{"keyslots", "Each is the volume key, encrypted by one passphrase."},
			{"plausible", "The key material looks random, as it must; what does not was overwritten, and is damaged."},
			{"segment", "Where on the device the encrypted data lies."},
		},
	}
}

func sizesTopic() Topic {
	return Topic{
		Name: "sizes", Summary: "how sizes are written, and which verbs change them",
		Text: []string{
			"Options that take bytes also take a suffix: s is a sector of 512 bytes; k, m, g, t (or KiB to TiB) are " +
				"powers of 1024, KB to TB powers of 1000. Options that say SECTORS take a number of 512-byte sectors.",
		},
		Terms: []Term{
			{"{program} grow DEVICE", "after the device became larger; with a mapping, that follows"},
			{"{program} shrink DEVICE --device-size SIZE", "before the device is made smaller"},
			{"{program} resize NAME", "the mapping alone, until it is closed"},
			{"{program} header resize DEVICE --luks2-metadata-size SIZE", "more room for keyslots and tokens"},
			{"{program} far enable DEVICE", "a third copy of the header near the device's end"},
		},
		After: []string{
			"The header and its keyslots take 16 MiB at the start, a far header as much as header and keyslots, and " +
				"up to 3 MiB around it. grow and shrink can be cut off anywhere: the next open goes on or goes back.",
		},
	}
}

func crypttabTopic() Topic {
	return Topic{
		Name: "crypttab", Summary: "the table of volumes that are unlocked at boot",
		Text: []string{
			"Each line of /etc/crypttab has a name, a device, a key file (none asks), and options with commas " +
				"between: data UUID=8f3c2b1e-6d5a-4c7b-9e80-112233445566 none luks,discard. The dialects of Debian " +
				"and of systemd are both read.",
		},
		Terms: []Term{
			{"luks, plain, swap, tmp", "what the device is; LUKS where nothing is said"},
			{"discard", "pass on which sectors are free"},
			{"readonly", "map it read-only"},
			{"header=PATH", "the header lies elsewhere"},
			{"keyfile-offset=, keyfile-size=", "which part of the key file is the key"},
			{"key-slot=N, tries=N, timeout=S", "how passphrases are tried and asked for"},
			{"noauto, nofail, _netdev", "not at boot; the boot goes on without; wait for the network"},
			{"initramfs, x-initrd.attach", "unlock it before the root is mounted"},
			{"x-orthrus.remote", "let people answer over ssh, in an image by mkinitramfs"},
			{"x-orthrus.pin=HEX", "open it only with the volume key of this digest"},
		},
		After: []string{
			"Look at what would be done: {program} boot --dry-run. See {program} help boot, and crypttab(5).",
		},
	}
}

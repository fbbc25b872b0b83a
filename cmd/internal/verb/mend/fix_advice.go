// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// situation is how a volume stands. It is all that advice goes by.
type situation struct {
	report  *inspect.Report // nil where nothing looks like LUKS
	remains guarded.Remains // of a volume without a valid header
	cutOff  bool            // a change that goes in steps was
	closed  bool            // the header is valid, and no keyslot opens the data
	// farOpens: closed, and a far header of the volume has keyslots.
	farOpens bool
	foreign  *foreign.Judgement // nil where it is no volume of BitLocker or FileVault
}

// advice is a sentence on the state and the command to go on with: words after the program's name, with {device};
// "" for none.
type advice struct {
	state   string
	command string
	writes  bool
	note    string
	code    ui.ExitCode
}

func (a advice) line(program, device string) string {
	if a.command == "" {
		return ""
	}
	return program + " " + strings.ReplaceAll(a.command, "{device}", device)
}

// advise decides by what is worst, and by what risks least.
func (s situation) advise() advice {
	switch {
	case s.report == nil:
		return s.nothing()
	case s.closed && s.farOpens:
		return advice{
			state: "No keyslot opens the data any more, but the far header still does: an erasing was cut off, or " +
				"another program's knows nothing of it.",
			command: "erase {device}", writes: true, code: verb.Lost,
			note: "it destroys the keyslots of the far header too; to have them back instead, cut its body out " +
				"with dd and give it to luksHeaderRestore",
		}
	case s.closed:
		return advice{
			state:   "The header is in order, and no keyslot opens the data any more.",
			command: "luksHeaderRestore --header-backup-file FILE {device}", writes: true, code: verb.Lost,
			note: "only a header backup from before the keyslots were destroyed opens it",
		}
	case s.mendable():
		return s.fromFar()
	case s.unclear():
		return s.severed()
	case s.report.Grade() == inspect.Lost && s.report.Chosen != "" && s.remains.Far == nil:
		return advice{
			state:   "The header is in order, and no keyslot that opens the data is whole.",
			command: "luksHeaderRestore --header-backup-file FILE {device}", writes: true, code: verb.Lost,
			note: "a header backup from before the damage brings the keyslots back; check tells what is damaged",
		}
	case s.report.Grade() == inspect.Lost:
		return s.lost()
	case s.report.Grade() == inspect.Healable:
		return s.healable()
	case s.cutOff:
		return s.interrupted()
	}
	return s.healthy()
}

// nothing: no header, and not even one that is damaged.
func (s situation) nothing() advice {
	a := advice{code: ui.Failed}
	named := s.remains.Named()
	switch {
	case s.foreign != nil && s.foreign.Code != verb.Lost:
		return s.otherSystem()
	case s.remains.Far != nil, s.remains.Ruined != nil, s.remains.Kept != nil, s.remains.Former != nil:
		return s.lost()
	case s.foreign != nil:
		return s.otherSystem()
	case named.Usage == signature.PartitionTable:
		a.state, a.command = fmt.Sprintf("It is a disk with a partition table (%s), not a volume.", named.Kind), "list"
	case named.Kind != "":
		a.state = fmt.Sprintf("It is no LUKS volume: it bears the signature of %s.", named.Kind)
		a.command, a.note = "rescue {device}", "only if a LUKS volume was there before"
	default:
		a.state, a.command = "Nothing of LUKS is at its start or near its end.", "rescue {device}"
	}
	return a
}

// otherSystem: it is a volume of BitLocker or FileVault, which only the system that made it mends.
func (s situation) otherSystem() advice {
	j := s.foreign
	a := advice{
		state: fmt.Sprintf("It is a %s volume, and in order.", j.Format), code: j.Code,
		command: "open --type " + j.Type + " {device} NAME",
	}
	switch j.Code {
	case verb.Healable:
		a.state = fmt.Sprintf("It is a %s volume: copies of its metadata are damaged or differ.", j.Format)
		a.note = "it opens; the system that made it mends the copies"
	case ui.Failed:
		a.state, a.command = fmt.Sprintf("It is a %s volume that cannot be opened here.", j.Format), ""
		a.note = j.Findings[0] + "; the system that made it opens it"
	case verb.Lost:
		a.state, a.command = fmt.Sprintf("It is a %s volume without a whole copy of its metadata.", j.Format), ""
		a.note = "check tells what is damaged; a copy of the device is all that should be written now"
	}
	return a
}

// lost: no valid header is left at the start. Where something else has put its signature there since, the command
// only reads: whoever made that may want to keep it.
func (s situation) lost() advice {
	a := s.wayBack()
	other := s.remains.Named()
	if other.Kind == "" {
		return a
	}
	a.state += fmt.Sprintf(" Something else is on the device now: %s.", other.Kind)
	if a.writes {
		a.command, a.writes = strings.Replace(a.command, " {device}", " --dry-run {device}", 1), false
	}
	return a
}

// tryFirst is what to do with a header that was exported.
const tryFirst = "try the file first with open --test-passphrase --header FILE, then write it with luksHeaderRestore"

// exporting is the command that gives what the guard keeps.
func exporting(kept *store.Head) string {
	return "guard export " + kept.UUID + " --header-backup-file FILE"
}

// wayBack is the surest way to a header.
func (s situation) wayBack() advice {
	a := advice{code: verb.Lost}
	f, kept := s.remains.Far, s.remains.Kept
	switch {
	case s.remains.Evidence.Choice.Copy.Metadata != nil && s.remains.Evidence.ChoiceErr != nil:
		a.state = "The device is smaller than its header says: it was cut short, or this is only a part of it."
		a.note = "give the device its size back; the data behind the end is not here"
	case kept != nil && kept.Full && s.remains.Last:
		a.state = "The header is gone, and the guard keeps it with its keyslots; the far header has another state than " +
			"the one seen last."
		a.command, a.note = exporting(kept), tryFirst
		return a
	case f != nil && f.State == far.Whole && s.remains.Since != "":
		a.state = "Both copies of the header are gone, and the far header may be from before what the guard saw last: " +
			s.remains.Since + "."
		a.command = "repair --from-far --dry-run {device}"
		a.note = "what was changed since cannot be read with it, as the part that a reencryption has moved"
	case f != nil && f.State == far.Whole && s.remains.Erased:
		a.state = "Both copies of the header are gone, and the keyslots are not as the guard saw them last, as " +
			"after an erase; the far header is whole."
		a.command = "repair --from-far --dry-run {device}"
		a.note = "without --dry-run it brings back header and keyslots, and whoever had a passphrase then"
	case f != nil && f.State == far.Whole:
		a.state, a.writes = "Both copies of the header are gone, and the far header is whole.", true
		a.command, a.note = "repair --from-far {device}", "what it overwrites is kept"
	case kept == nil && s.remains.Former != nil:
		a.state = "The header is gone of the volume that the guard saw here last; a far header is left of UUID " +
			s.remains.Former.Locator.UUID + "."
		a.command, a.note = "rescue {device}", "the far header is from before that volume, or from before its "+
			"UUID changed"
	case kept != nil && kept.Full:
		a.state = "The header is gone, and the guard keeps it with its keyslots."
		a.command, a.note = exporting(kept), tryFirst
	case kept != nil && s.remains.Erased:
		a.state = "The header is gone; the guard keeps it without keyslots, and those on the device are not as " +
			"they were."
		a.command, a.note = "rescue {device}", "a keyslot that is hurt opens no more, unless a header backup has it"
	case kept != nil:
		a.state = "The header is gone, and the guard keeps it; the keyslots are those on the device."
		a.command = exporting(kept)
		a.note = "it takes the keyslots from the device, where every byte of them is as it was; " + tryFirst
	case f != nil:
		a.state = "Both copies of the header are gone, and the far header is damaged in parts."
		a.command, a.note = "repair --from-far --dry-run {device}", "the keyslots that are whole come back"
	case s.remains.Ruined != nil:
		a.state = "No valid header is left: neither at its start nor in the far header, which is damaged or was " +
			"never finished."
		a.command, a.note = "rescue {device}", "it lists what is left; of a luksFormat that was cut off that is nothing"
	default:
		a.state, a.command = "No valid header is left.", "rescue {device}"
		a.note = "it lists what is left; with --output FILE it puts a header together that open --header takes"
	}
	if kept != nil && s.remains.Since != "" {
		a.note = "it is from before what the guard saw last, " + s.remains.Since + "; " + a.note
	}
	return a
}

// healable: it opens, and something is damaged or at risk.
func (s situation) healable() advice {
	a := advice{code: verb.Healable}
	r := s.report
	switch {
	case r.Reencryption != nil && (r.LeftAlone || r.Reencryption.Verdict.Step != reencrypt.Resume):
		return s.reencrypting(verb.Healable)
	case r.Reencryption != nil && s.hasFar():
		a.state = volume.Interruption(r.Reencryption.Verdict).State
		a.command, a.writes = "far disable {device}", true
		a.note = "its data reach over the far header, which it does not know; reencrypt --resume-only goes on then"
	case s.copyIs("conflicting"):
		a.state = "The two copies of the header contradict each other."
		a.command = "repair --choose primary --dry-run {device}"
		a.note = "check shows both; the one that is not chosen is overwritten, and kept"
	case s.copyIs("unreadable"):
		a.state = "One copy of the header cannot be read: the disk may be dying."
		a.command = "luksHeaderBackup --header-backup-file FILE {device}"
		a.note = "put the backup on another disk, and copy the data off before anything is written here"
	case s.copyIs("damaged"), s.copyIs("absent"), s.copyIs("stale"):
		a.state = "One of the two copies of the header is damaged or old; the volume opens by the other."
		a.command, a.writes = "repair {device}", true
		a.note = "it writes the one anew from the other, and keeps what was there"
	case r.Far != nil && len(r.Far.Damaged) > 0:
		return s.fromFar()
	case s.cutOff:
		return s.interrupted()
	case s.dead() >= 0:
		a.state = fmt.Sprintf("Dead, with no whole copy: %s. Others open the volume.",
			luks2.NameKeyslots(s.damagedKeyslots()))
		a.command, a.writes = fmt.Sprintf("luksKillSlot {device} %d", s.dead()), true
		a.note = "it takes the dead keyslot out of the header, and concludes a removal that was cut off; if its " +
			"passphrase is still wanted, give it a keyslot with luksAddKey"
	case len(s.damagedKeyslots()) > 0:
		a.state = fmt.Sprintf("Damaged, with no whole copy: %s. The others open the volume.",
			luks2.NameKeyslots(s.damagedKeyslots()))
		a.command, a.writes = "luksAddKey {device}", true
		a.note = "shown another passphrase, it gives the lost one a keyslot again"
	case r.Version == 1:
		a.state = "Fields of the LUKS1 header are damaged in ways that can be mended."
		a.command, a.writes = "repair {device}", true
	case s.hasFar() && r.Far.Standing != far.InStep.String():
		return s.farHeader()
	default:
		a.state, a.command = s.firstFinding(), "check {device}"
	}
	return a
}

// mendable: no keyslot that opens the data is whole on the device, and the far header has one.
func (s situation) mendable() bool {
	return s.report.Grade() == inspect.Lost && s.report.Far != nil && len(s.report.Far.Damaged) > 0
}

func (s situation) fromFar() advice {
	code := verb.Lost
	for _, k := range s.report.Keyslots {
		if k.Bound && k.State == inspect.Plausible && !slices.Contains(s.report.Far.Damaged, k.ID) {
			code = verb.Healable
		}
	}
	return advice{
		state: fmt.Sprintf("Damaged on the device, and whole in the far header: %s.",
			luks2.NameKeyslots(s.report.Far.Damaged)),
		command: "repair {device}", writes: true, code: code, note: "it brings the keyslot back from the far header",
	}
}

// unclear: what the device left of a far header may have what the device lost.
func (s situation) unclear() bool { return s.report.Far != nil && len(s.report.Far.Unclear) > 0 }

func (s situation) severed() advice {
	code, body := verb.Healable, s.report.Far.Place
	if s.report.Grade() == inspect.Lost {
		code = verb.Lost
	}
	a := advice{
		state: fmt.Sprintf("The device lost its end, and what is left of the far header differs from it: %s.",
			luks2.NameKeyslots(s.report.Far.Unclear)),
		command: "open --test-passphrase {device}", code: code,
	}
	a.note = fmt.Sprintf("where a passphrase does not open it, cut the far header out with dd "+
		"iflag=skip_bytes,count_bytes skip=%d count=%d, and try it with open --test-passphrase --header; "+
		"far disable leaves it where it is", body.Body, body.Length)
	return a
}

// hasFar: the heads name a far header.
func (s situation) hasFar() bool {
	return s.report.Far != nil && s.report.Far.Standing != far.None.String()
}

// farHeader: the heads are in order, the third copy is not.
func (s situation) farHeader() advice {
	a := advice{code: verb.Healable, state: "The volume is in order; its far header is " + s.report.Far.Standing + "."}
	switch s.report.Far.Standing {
	case far.Stale.String(), far.Interrupted.String():
		a.command, a.writes, a.note = "far sync {device}", true, "it brings the far header into step"
	case far.CutOff.String():
		a.state = "The device is smaller than the volume was: what lay behind its end, far header included, is gone."
		a.command = "check {device}"
		a.note = "give the device its size back before anything else; far disable forgets the far header, and " +
			"with it how long the data were"
	case far.Transit.String():
		a.command, a.writes, a.note = "repair {device}", true, "it concludes what was begun, or takes it back"
	default:
		a.command = "far status {device}"
	}
	return a
}

func (s situation) interrupted() advice {
	a := advice{
		state:   "A change that goes in steps was cut off; the volume opens.",
		command: "repair {device}", writes: true, code: verb.Healable,
		note: "it concludes what was begun, or takes it back, without a passphrase",
	}
	if s.report.Far != nil && s.report.Far.Standing == far.Transit.String() {
		a.note += "; where it cannot make the far header anew, far disable gives that up"
	}
	return a
}

func (s situation) healthy() advice {
	if s.report.Reencryption != nil {
		return s.reencrypting(ui.OK)
	}
	a := advice{state: "Everything is in order."}
	if s.report.Far == nil || s.report.Far.Standing == far.None.String() {
		a.note = "there is no far header: a header backup on another medium is the only further copy"
	}
	return a
}

// reencrypting: between two steps of a reencryption, in one, or behind the last.
func (s situation) reencrypting(code ui.ExitCode) advice {
	i := volume.Interruption(s.report.Reencryption.Verdict)
	return advice{state: i.State, command: i.Command, writes: i.Command != "", note: i.Note, code: code}
}

func (s situation) copyIs(state string) bool {
	for _, one := range s.report.Copies {
		if one.State == state {
			return true
		}
	}
	return false
}

func (s situation) damagedKeyslots() (ids []int) {
	for _, k := range s.report.Keyslots {
		if k.State == inspect.Ruined || k.State == inspect.Unreadable || k.State == inspect.Cut {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// dead is the first keyslot whose material is ruined where two whole ones open the data, as they do once another was
// added in its place; -1 for none.
func (s situation) dead() int {
	ruined, whole := -1, 0
	for _, k := range s.report.Keyslots {
		if k.State == inspect.Ruined && ruined < 0 {
			ruined = k.ID
		}
		if k.Bound && k.State == inspect.Plausible {
			whole++
		}
	}
	if whole < 2 {
		return -1
	}
	return ruined
}

// firstFinding is the first of the worst, as a sentence.
func (s situation) firstFinding() string {
	for _, f := range s.report.Findings {
		if f.Grade == s.report.Grade() {
			return strings.ToUpper(f.Text[:1]) + f.Text[1:] + "."
		}
	}
	return "Something is at risk."
}

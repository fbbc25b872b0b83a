// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// Volume is what the guard knows of the volume on one device. Sizes are in bytes.
type Volume struct {
	Device   string         `json:"device"`
	UUID     string         `json:"uuid,omitempty"`
	Version  int            `json:"version"`
	Label    string         `json:"label,omitempty"`
	Size     uint64         `json:"size"`
	Verdict  string         `json:"verdict"` // "healthy", "healable", "lost"
	Copies   []inspect.Copy `json:"copies,omitempty"`
	Findings []string       `json:"findings"`
	Mapping  string         `json:"mapping,omitempty"` // its name
	Mapped   uint64         `json:"mapped_size,omitempty"`
	Key      bool           `json:"key_held"`          // the mapping can be enlarged without a passphrase
	Known    string         `json:"last_good"`         // when it was last seen in order, "" for never
	Checked  string         `json:"checked"`           // RFC 3339
	Did      string         `json:"did,omitempty"`     // what was done last
	Undo     string         `json:"undo,omitempty"`    // the copy of what that overwrote
	Would    string         `json:"would,omitempty"`   // what would help
	Because  []string       `json:"because,omitempty"` // what is against it
	Repair   string         `json:"repair"`            // the policy
	// Proof has each condition of what would help.
	Proof []verdict.Condition `json:"proof,omitempty"`
	// Rehearsed is what would have been done under repair = proven.
	Rehearsed string `json:"rehearsed,omitempty"`

	id    string
	bears bool // something of LUKS is on the device, not only a mapping that tells of it
}

// report takes over what a look found, and tells of it where it is news.
func (g *Guard) report(l look, o outcome) *Volume {
	v := l.volume(o)
	g.mu.Lock()
	before := g.volumes[v.id]
	if before != nil && v.Did == "" && before.UUID == v.UUID {
		v.Did, v.Undo = before.Did, before.Undo
	}
	g.volumes[v.id] = v
	g.mu.Unlock()
	again := before != nil && v.saysAs(before)
	g.count(o, again)
	if before != nil && before.bears && before.UUID != v.UUID {
		g.askBearers(before.UUID, v.id)
	}
	switch {
	case o.rehearsed && !again:
		g.note(v.UUID, o.entry)
		g.log.Warn("REHEARSED: "+o.entry.Text, "device", v.Device, "uuid", v.UUID, "step", string(o.decision.Step))
	case o.done:
		o.entry.Text += " (" + v.Verdict + " now)"
		g.note(v.UUID, o.entry)
		word := "WRITTEN TO: "
		if o.decision.Step == verdict.Enlarge {
			word = "FOLLOWED: "
		}
		g.log.Error(word+o.entry.Text, "device", v.Device, "uuid", v.UUID, "undo", v.Undo, "step",
			string(o.decision.Step))
	case o.err != nil:
		g.note(v.UUID, store.Entry{Device: v.Device, What: store.Failed, Text: o.err.Error()})
		g.log.Error("failed", "device", v.Device, "uuid", v.UUID, "step", string(o.decision.Step), "error", o.err)
	case !again:
		g.tell(v)
	}
	g.changed()
	return v
}

// words are what is noted of a volume that is not in order.
func words(v *Volume) string {
	text := strings.Join(v.Findings, "; ")
	if v.Would != "" {
		text += "; would " + v.Would
	}
	if len(v.Because) > 0 {
		text += ", but " + strings.Join(v.Because, "; ")
	}
	return text
}

// saysAs tells whether a look found what the one before it found.
func (v *Volume) saysAs(other *Volume) bool {
	return v.UUID == other.UUID && v.Verdict == other.Verdict && v.Would == other.Would &&
		v.Rehearsed == other.Rehearsed &&
		slices.Equal(v.Findings, other.Findings) && slices.Equal(v.Because, other.Because)
}

// tell logs a volume that is not in order, or as new as any.
func (g *Guard) tell(v *Volume) {
	if v.Verdict == "healthy" && v.Would == "" {
		g.log.Info("healthy", "device", v.Device, "uuid", v.UUID, "findings", v.Findings)
		return
	}
	what := store.Damaged
	switch {
	case v.Verdict == "lost":
		what = store.Lost
	case v.Verdict == "healthy":
		what = "" // the mapping lags: no damage
	}
	take := g.log.Warn
	if what == store.Lost {
		take = g.log.Error
	}
	take(v.Verdict, "device", v.Device, "uuid", v.UUID, "findings", v.Findings,
		"would", v.Would, "because", v.Because)
	if what != "" {
		g.note(v.UUID, store.Entry{
			Device: v.Device, What: what,
			Text: words(v),
		})
	}
}

func (l *look) volume(o outcome) *Volume {
	r := l.sight.Report
	v := &Volume{
		id: l.device.ID, Device: l.device.Path, UUID: l.uuid, Version: r.Version, Label: r.Label, Size: l.device.Size,
		Verdict: r.Verdict, Copies: r.Copies, Findings: []string{}, Checked: store.Now(),
		Known: l.known.Time, Repair: string(l.policy.Repair), bears: l.bears,
	}
	if v.Version == 0 && l.hasHead {
		v.Version = l.known.Version
	}
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, f.Text)
	}
	v.Findings = append(v.Findings, l.farFindings()...)
	if text := l.doubtFinding(); text != "" {
		v.Findings = append(v.Findings, text)
	}
	if len(l.sight.Clones) > 0 {
		v.Findings = append(v.Findings, "the same UUID is on "+strings.Join(l.sight.Clones, ", "))
	}
	if v.Verdict == "" {
		v.Verdict = inspect.Lost.String()
		text := "no valid header is left"
		if l.mapped {
			text += ", and the volume is mapped"
		}
		if l.mapped && !l.hasHead {
			text += " (its header may lie elsewhere)"
		}
		v.Findings = append(v.Findings, text)
	}
	if len(l.sight.Evidence.Wiped) == 0 && headless(l.sight.Evidence) {
		v.Findings = append(v.Findings, l.goneFindings()...)
	}
	v.addMapping(l.sight.Mapping)
	d := o.decision
	switch {
	case o.done:
		v.Did, v.Undo = o.entry.Text, o.entry.Undo
	case d.Step != verdict.Nothing:
		v.Would, v.Proof = string(d.Step), d.Proof
		if o.rehearsed {
			v.Rehearsed = o.entry.Text
		}
		for _, why := range d.Against() {
			v.Because = append(v.Because, why.Text)
		}
		if o.err != nil {
			v.Because = append(v.Because, o.err.Error())
		}
	}
	return v
}

// goneFindings say of a volume of which nothing is left what there is elsewhere.
func (l *look) goneFindings() []string {
	tip, seen := l.chain.Tip()
	switch {
	case l.lost != nil || l.mapped:
		return nil
	case !seen && l.gone:
		return l.forgottenFindings()
	case !seen:
		return nil
	}
	list := []string{fmt.Sprintf("the volume was seen here last at %s, with seqid %d", tip.Time, tip.SeqID)}
	list = append(list, l.formerFindings()...)
	if since := l.chain.Since(); since != "" {
		list = append(list, "since then there was "+since+": what is kept is from before it")
	}
	switch {
	case !l.hasHead:
		return append(list, "no header of that state is kept")
	case l.known.Full, len(l.sight.Known.Changed) == 0:
		return append(list, fmt.Sprintf("its header is kept: guard export %s --header-backup-file FILE", l.uuid))
	}
	return append(list, "its header is kept without keyslots, and on the device these are not as they were: "+
		strings.Join(l.sight.Known.Changed, ", "))
}

// formerFindings name the far header of another UUID than the one seen last.
func (l *look) formerFindings() []string {
	if l.former == nil {
		return nil
	}
	return []string{fmt.Sprintf("the far header at byte %d has another UUID: %s", l.former.Place.Start(),
		l.former.Locator.UUID)}
}

// forgottenFindings say of a volume under whose UUID nothing is kept what there is under another.
func (l *look) forgottenFindings() []string {
	list := append([]string{"a volume was seen here, and under its UUID nothing is kept, as where a key was revoked"},
		l.formerFindings()...)
	if l.keptAs != "" {
		list = append(list, "an earlier state of it is kept under another UUID: guard history "+l.keptAs)
	}
	return list
}

func (v *Volume) addMapping(m *verdict.Mapping) {
	if m == nil {
		return
	}
	v.Mapping, v.Mapped, v.Key = m.Name, m.Size, m.Key
	switch {
	case m.Wanted > 0 && m.Size > m.Wanted:
		v.Findings = append(v.Findings, fmt.Sprintf("the device has become smaller than its mapping: %d bytes for %d",
			m.Wanted, m.Size))
	case m.Whole && m.Wanted > m.Size:
		v.Findings = append(v.Findings, fmt.Sprintf("the device has become larger: %d bytes for a mapping of %d",
			m.Wanted, m.Size))
	}
}

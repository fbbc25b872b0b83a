// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/luks"
)

// keep remembers a state that is in order, if it continues what was seen. While several devices bear the
// UUID nothing is: which of them is the volume is not known. Nor is one that is whole and cannot be right.
func (g *Guard) keep(l *look, file *luks.File) {
	g.superseded(l, file)
	m := l.sight.Mark
	if m != nil && m.Reencrypt && (len(l.sight.Clones) > 0 || !right(l.sight.Report)) {
		g.ended(l, file) // the state is not kept, and that a run was under way is not forgotten
	}
	if m == nil || l.policy.Store == policy.StoreOff || len(l.sight.Clones) > 0 {
		return
	}
	relation := l.chain.Relate(*m)
	next := l.chain.See(*m, store.Now(), l.home())
	if !relation.Continues() {
		g.doubt(l, next, relation, file)
		return
	}
	if !right(l.sight.Report) {
		return
	}
	if err := g.store.Release(l.uuid); err != nil {
		g.log.Warn("a hold cannot be taken back", "uuid", l.uuid, "error", err)
	}
	var h *store.Head
	if !m.Reencrypt { // a head in the middle of it is not to come back
		if h = g.captured(l, file); h == nil {
			return
		}
	}
	g.save(l, next, relation, h, file)
}

// sight remembers what lies on the device now, before anything else: nothing older comes back there. Of a volume of
// which nothing is remembered that is left to others.
func (g *Guard) sight(l *look) {
	m, last := l.sight.Mark, l.sight.Last
	if m == nil || last != nil && identity.SameState(*last, *m) {
		return
	}
	if last != nil && !inOrder(l.sight.Evidence) && !m.Follows(*last) {
		return // one head that is left tells nothing of what was there last
	}
	if _, known := l.chain.Tip(); last == nil && !known && l.policy.Store == policy.StoreOff {
		return
	}
	if err := g.store.Sight(l.device.Key, *m); err != nil {
		g.log.Warn("what lies on a device cannot be remembered", "device", l.device.Path, "error", err)
	}
}

// home is where a volume lies that is seen on this device: below it, where it was seen there.
func (l *look) home() string {
	if tip, _ := l.chain.Tip(); l.sight.Upper {
		return tip.Device
	}
	return l.device.Key
}

// captured is the head that is to be kept; nil where it cannot be read.
func (g *Guard) captured(l *look, file *luks.File) *store.Head {
	h, err := g.capture(*l, file, time.Now())
	if err != nil {
		if errors.Is(err, store.ErrUnsettled) {
			g.requeue(l.device.ID, time.Second)
		}
		g.log.Warn("the head cannot be remembered", "device", l.device.Path, "uuid", l.uuid, "error", err)
		return nil
	}
	return &h
}

// doubt remembers that what is there does not continue what was seen. It destroys nothing.
func (g *Guard) doubt(l *look, next identity.Chain, r identity.Relation, file *luks.File) {
	if !next.Equal(l.chain) {
		entry := store.Entry{Device: l.device.Path, What: store.Doubted, SeqID: l.sight.Mark.SeqID, Text: doubtText(r)}
		g.remember(l, next, nil, file)
		g.note(l.uuid, entry)
	}
	l.chain = next
	l.sight.Known.Chain = next
}

// ended remembers that somebody made an end of the volume. While others bear its uuid, that counts on the device on
// which it was seen last: an end of a clone is none of the volume.
func (g *Guard) ended(l *look, file *luks.File) {
	text := l.sight.Ends()
	tip, seen := l.chain.Tip()
	if !seen || text == "" || l.chain.Ended != "" || len(l.sight.Clones) > 0 && tip.Device != l.device.Key {
		return
	}
	l.chain.Ended, l.chain.Where = text, l.device.Key
	g.remember(l, l.chain, nil, file)
	if l.gone {
		g.note(l.uuid, store.Entry{Device: l.device.Path, What: store.Lost, Text: "gone, and in its place " + text})
		g.log.Warn("the volume that was here is gone", "device", l.device.Path, "uuid", l.uuid, "now", text)
	}
}

// pass remembers a state that was seen on the device of its chain and is not kept, for whatever reason: what is kept is
// not the state seen last any more.
func (g *Guard) pass(l *look, file *luks.File) {
	m := l.sight.Mark
	if m == nil || l.chain.Relate(*m) == identity.Same {
		return
	}
	now, err := g.store.Load(l.uuid)
	tip, _ := now.Chain.Tip()
	if err != nil || now.Chain.Since() != "" || now.Chain.Relate(*m) == identity.Same || tip.Device != l.device.Key {
		return
	}
	now.Chain.Passed, now.Chain.Where = fmt.Sprintf("a state with seqid %d, which was not kept", m.SeqID), l.device.Key
	g.remember(l, now.Chain, nil, file)
}

// superseded remembers of the volume that was seen on the device last that another one is there, whether that one is
// going to be kept or not: what is left of the former is from before it.
func (g *Guard) superseded(l *look, file *luks.File) {
	last := g.store.LastOn(l.device.Key)
	if last == "" || last == l.uuid {
		return
	}
	if m, err := g.store.Load(last); err == nil && m.Chain.Ended == "" {
		m.Chain.Ended, m.Chain.Where = "a volume of UUID "+l.uuid, l.device.Key
		g.remember(l, m.Chain, nil, file)
	}
	if err := g.store.Lies(l.device.Key, l.uuid); err != nil {
		g.log.Warn("what lies on a device cannot be remembered", "device", l.device.Path, "error", err)
	}
}

func doubtText(r identity.Relation) string {
	switch r {
	case identity.Stranger:
		return "another volume key than the one known under this UUID: formatted anew, or somebody else's"
	case identity.Older:
		return "an earlier state than the one seen last: a backup was restored, or it is a clone"
	}
	return "another state than the one seen, changed apart: a backup was restored, or it is a clone"
}

// save remembers the head of a chain that was continued.
func (g *Guard) save(l *look, next identity.Chain, r identity.Relation, h *store.Head, file *luks.File) {
	entry := store.Entry{Device: l.device.Path, What: store.Seen, SeqID: l.sight.Mark.SeqID, Text: "in order"}
	if r == identity.Same {
		if h != nil && l.hasHead && (l.known.Same(*h) || h.Revokes(l.known) || h.Damaged(l.known)) {
			h = nil // as it was; or a keyslot is damaged, and what is kept is better
		}
		if h == nil && next.Equal(l.chain) {
			return
		}
	}
	if r == identity.Newer && h != nil && l.hasHead {
		if h.Revokes(l.known) {
			g.revoked(l, &entry)
		} else if carried := h.Carry(l.known); h.Full == l.known.Full {
			h = &carried // a damaged keyslot is not revoked, and what is kept of it is better
		}
	}
	if !g.remember(l, next, h, file) {
		return
	}
	if r != identity.Same || entry.What == store.Revoked {
		g.note(l.uuid, entry)
	}
}

// revoked destroys what could bring a keyslot back that a newer state of this volume lacks. On another
// device than before it may be a clone that went its own way: there what is kept stays.
func (g *Guard) revoked(l *look, entry *store.Entry) {
	tip, _ := l.chain.Tip()
	if tip.Device != l.device.Key {
		entry.What = store.Dropped
		entry.Text = "a keyslot is gone or changed, on another device than before: what is kept stays until " +
			"guard accept"
		return
	}
	entry.What, entry.Text = store.Revoked, "a keyslot is gone or changed: the former head and all undo copies "+
		"were destroyed"
	if err := errors.Join(g.store.Purge(l.uuid), g.store.PurgeFormer(*l.sight.Mark, l.device.Key)); err != nil {
		g.log.Error("what could bring a revoked key back cannot be destroyed", "uuid", l.uuid, "error", err)
	}
}

func (g *Guard) remember(l *look, next identity.Chain, h *store.Head, file *luks.File) bool {
	tip, _ := next.Tip()
	_, err := g.store.Save(next, h, file)
	g.mu.Lock()
	delete(g.forgot, tip.UUID)
	if err != nil {
		g.forgot[tip.UUID] = fmt.Sprintf("a state that was seen at %s could not be remembered (%v), so what is kept "+
			"may be from before it", store.Now(), err)
	}
	g.mu.Unlock()
	if err != nil {
		g.log.Warn("the head cannot be remembered", "device", l.device.Path, "uuid", l.uuid, "error", err)
		return false
	}
	g.unsaved.Store(true)
	return true
}

// forgotten tells why what is kept of a volume may not be what was seen last, "" where it is.
func (g *Guard) forgotten(uuid string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.forgot[uuid]
}

// doubtFinding says what a person should know of a state that does not continue what was seen.
func (l *look) doubtFinding() string {
	if l.sight.Mark == nil || l.sight.Known == nil {
		return ""
	}
	if r := l.sight.Known.Chain.Relate(*l.sight.Mark); !r.Continues() {
		return fmt.Sprintf("%s; nothing is written until guard accept %s says that this one counts",
			doubtText(r), l.device.Path)
	}
	return ""
}

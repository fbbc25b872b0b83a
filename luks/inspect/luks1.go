// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"strconv"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func (r *Report) judge1(e Evidence) {
	r.Version = 1
	if e.LUKS1 == nil {
		r.add(Lost, e.LUKS1Err.Error())
		return
	}
	h := *e.LUKS1
	r.UUID, r.Chosen, r.Because = h.UUID, "primary", "LUKS1 has one header"
	for _, id := range h.EnabledKeyslots() {
		k := Keyslot{
			ID: id, Type: "luks1", Bound: true, KDF: "pbkdf2", Cipher: h.Encryption(),
			hash: h.HashSpec, af: h.HashSpec, prio: luks2.PriorityNormal,
		}
		r.Keyslots = append(r.Keyslots, k.with(e.Areas))
	}
	r.judgeGlitches(h, int64(e.Size))
	r.judgeKeyslots()
	offset := uint64(h.PayloadOffset) * luks1.SectorSize
	s := Segment{Type: "crypt", Offset: offset, Dynamic: true, Cipher: h.Encryption(), SectorSize: luks1.SectorSize}
	s.Size = max(r.room, offset) - offset
	r.Segments = append(r.Segments, s)
	r.judgeSegments(offset)
}

// judgeGlitches: what repair mends is healable; a rule that is broken even then is not.
func (r *Report) judgeGlitches(h luks1.Header, size int64) {
	mended := h
	for _, g := range h.Glitches() {
		r.add(Healable, Glitch(g))
		mended = g.Mend(mended)
	}
	for _, p := range mended.Problems(size) {
		r.add(Lost, p.Error())
	}
}

// Glitch tells a person what is wrong and what it would become.
func Glitch(g luks1.Glitch) string {
	where := g.Field
	if g.Keyslot != luks1.NoKeyslot {
		where = "keyslot " + strconv.Itoa(g.Keyslot) + ": " + g.Field
	}
	return fmt.Sprintf("%s: %s: %q, would become %q", where, g.Cause, g.Was, g.Becomes)
}

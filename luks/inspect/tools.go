// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// The programs of which something is known.
const (
	cryptsetup    = "cryptsetup"
	cryptsetupOld = "cryptsetup up to 2.6"
	cryptsetupNew = "cryptsetup from 2.7 on"
	blkid         = "blkid"
)

func (r *Report) say(tool, format string, args ...any) {
	r.Tools = append(r.Tools, Opinion{tool, fmt.Sprintf(format, args...)})
}

// judgeTools says what other programs would make of the device, as measured with cryptsetup 2.6.1
// and 2.8.6.
func (r *Report) judgeTools(e Evidence) {
	if e.LUKS1 == nil && e.LUKS1Err == nil {
		r.cryptsetupHeads(e)
		r.cryptsetupVolume()
	}
	r.blkid(e)
}

// cryptsetupHeads: it mends at any load, reading verbs included, unless something foreign is there.
func (r *Report) cryptsetupHeads(e Evidence) {
	if e.ChoiceErr != nil {
		r.say(cryptsetup, "refuses: no valid header")
		return
	}
	p, s := e.Heads.Primary, e.Heads.Secondary
	good, bad := e.Choice.Place, header.Secondary-e.Choice.Place
	damaged := p.State != header.Valid || s.State != header.Valid
	switch {
	case e.Choice.Reason == header.BothAgree:
	case e.Choice.Reason == header.Conflicting:
		r.say(cryptsetup, "does not compare the copies and uses the primary")
	case e.Heads.At(bad).State == header.Unreadable:
		r.say(cryptsetup, "refuses at most positions of an unreadable sector, although the %v is good", good)
	case damaged && foreign(e):
		r.say(cryptsetup, "refuses: ambiguous signatures, repair is asked for")
	case wrapped(e.Heads):
		r.say(cryptsetup, "takes the copy with the greater seqid for the newer one and would overwrite the %v", good)
	default:
		r.say(cryptsetup, "would recover the %v from the %v at its next look, isLuks and luksDump included", bad, good)
	}
}

func foreign(e Evidence) bool {
	return slices.ContainsFunc(e.Signatures, signature.Signature.Foreign)
}

// wrapped: both copies are valid, and the newer one has the smaller number.
func wrapped(h header.Heads) bool {
	a, b := h.Primary.Copy.Header.SeqID, h.Secondary.Copy.Header.SeqID
	return h.Primary.State == header.Valid && h.Secondary.State == header.Valid && header.Newer(a, b) != (a > b)
}

// known are the requirements that some release of cryptsetup meets.
var known = []string{
	"offline-reencrypt", "online-reencrypt", "online-reencrypt-v2", "online-reencrypt-v3",
	"inline-hw-tags", "opal",
}

func (r *Report) cryptsetupVolume() {
	r.cryptsetupTokens()
	if r.Reencryption != nil {
		_, why := r.Reencryption.Verdict.Peer()
		r.say(cryptsetup, "%s", why)
		return
	}
	fixed, end := 0, uint64(0)
	for _, s := range r.Segments {
		if !s.Backup && !s.Dynamic {
			fixed++
			end = max(end, s.recordedExtent().End())
		}
	}
	if fixed > 0 {
		r.say(cryptsetupOld, "ignores the fixed size of the data segment and maps up to the device's end")
		if end > r.DeviceSize {
			r.say(cryptsetupNew, "refuses: the device is too small for its data segment")
		} else {
			r.say(cryptsetupNew, "maps no more than the fixed size of the data segment, and refuses to resize")
		}
	}
	if fixed > 1 {
		r.say(cryptsetupNew, "maps the sum of the segments' sizes as one piece from the first one on")
	}
	for _, name := range r.Requirements {
		if !slices.Contains(known, name) {
			r.say(cryptsetup, "refuses to activate or change: unmet requirement %q", name)
		}
	}
}

func (r *Report) cryptsetupTokens() {
	for _, t := range r.Tokens {
		if t.ID >= luks2.MaxTokens {
			r.say(cryptsetup, "stops with a failed assertion when it opens a header with token %d", t.ID)
		}
	}
}

// blkid looks for magics and own offsets, not at checksums.
func (r *Report) blkid(e Evidence) {
	luks, others := 0, []string{}
	for _, s := range e.Signatures {
		switch {
		case s.Kind == "crypto_LUKS":
			luks++
		case !s.Backup && !s.Damaged:
			others = append(others, s.Kind)
		}
	}
	switch {
	case luks == 0:
		r.say(blkid, "does not see LUKS here")
	case len(others) > 0:
		r.say(blkid, "finds crypto_LUKS and %s, and may name neither", strings.Join(others, ", "))
	default:
		r.say(blkid, "sees crypto_LUKS, version %d", r.Version)
	}
}

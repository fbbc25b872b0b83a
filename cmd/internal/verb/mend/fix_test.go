// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// reported is a report with that verdict.
func reported(g inspect.Grade, change func(*inspect.Report)) *inspect.Report {
	r := &inspect.Report{Version: 2, UUID: "u", Copies: []inspect.Copy{{State: "valid"}, {State: "valid"}}}
	if g != inspect.Note {
		r.Findings = []inspect.Finding{{Grade: g, Text: "something"}}
	}
	if change != nil {
		change(r)
	}
	return r
}

// interrupted is a report on a volume in the middle of a reencryption whose data do not move.
func interrupted(g inspect.Grade, state reencrypt.State, step reencrypt.Step, leftAlone bool) *inspect.Report {
	zone := reencrypt.Part{Segment: luks2.Segment{Size: 512}, Start: 512, Side: reencrypt.Between}
	run := &reencrypt.Run{
		Reencryption: luks2.Reencryption{Mode: "reencrypt", Direction: "forward", Area: luks2.Area{Type: "journal"}},
		Parts:        []reencrypt.Part{zone},
	}
	return reported(g, func(r *inspect.Report) {
		r.LeftAlone = leftAlone
		r.Reencryption = &inspect.Reencryption{Verdict: reencrypt.Verdict{State: state, Step: step, Run: run}}
	})
}

func TestAdviceRisksLeast(t *testing.T) {
	copied := func(state string) *inspect.Report {
		return reported(inspect.Healable, func(r *inspect.Report) { r.Copies[1].State = state })
	}
	standing := func(s far.Standing) *inspect.Report {
		return reported(inspect.Healable, func(r *inspect.Report) { r.Far = &inspect.FarReport{Standing: s.String()} })
	}
	gone := reported(inspect.Lost, nil)
	whole, hurt := &far.Found{State: far.Whole}, &far.Found{State: far.Foreign}
	full, bare := &store.Head{UUID: "u", Full: true}, &store.Head{UUID: "u"}
	bears := func(kind string, usage signature.Usage) guarded.Remains {
		return guarded.Remains{Evidence: inspect.Evidence{Signatures: []signature.Signature{{Kind: kind, Usage: usage}}}}
	}
	for name, test := range map[string]struct {
		s      situation
		want   string
		writes bool
		code   ui.ExitCode
	}{
		"in order":               {situation{report: reported(inspect.Note, nil)}, "", false, ui.OK},
		"a change was cut off":   {situation{report: reported(inspect.Note, nil), cutOff: true}, "repair d", true, verb.Healable},
		"a damaged copy":         {situation{report: copied("damaged")}, "repair d", true, verb.Healable},
		"an old copy":            {situation{report: copied("stale")}, "repair d", true, verb.Healable},
		"a dying disk":           {situation{report: copied("unreadable")}, "luksHeaderBackup --header-backup-file FILE d", false, verb.Healable},
		"copies that contradict": {situation{report: copied("conflicting")}, "repair --choose primary --dry-run d", false, verb.Healable},
		"a stale far header":     {situation{report: standing(far.Stale)}, "far sync d", true, verb.Healable},
		"a displaced far header": {situation{report: standing(far.Displaced)}, "far status d", false, verb.Healable},
		"a keyslot that the far header has": {situation{report: reported(inspect.Healable, func(r *inspect.Report) {
			r.Far = &inspect.FarReport{Standing: far.InStep.String(), Damaged: []int{1}}
			r.Keyslots = []inspect.Keyslot{{ID: 0, Bound: true, State: inspect.Plausible}, {ID: 1, Bound: true}}
		})}, "repair d", true, verb.Healable},
		"the last keyslot, in the far header": {situation{report: reported(inspect.Lost, func(r *inspect.Report) {
			r.Far = &inspect.FarReport{Standing: far.InStep.String(), Damaged: []int{0}}
			r.Keyslots, r.Chosen = []inspect.Keyslot{{ID: 0, Bound: true, State: inspect.Ruined}}, "primary"
		})}, "repair d", true, verb.Lost},
		"what a far header without a locator may have": {situation{report: reported(inspect.Healable, func(r *inspect.Report) {
			r.Far = &inspect.FarReport{
				Standing: far.CutOff.String(), Unclear: []int{0}, Place: &inspect.FarPlace{Body: 4096, Length: 8192},
			}
		})}, "open --test-passphrase d", false, verb.Healable},
		"a keyslot that nobody has": {situation{report: reported(inspect.Healable, func(r *inspect.Report) {
			r.Keyslots = []inspect.Keyslot{{ID: 3, State: inspect.Ruined}}
		})}, "luksAddKey d", true, verb.Healable},
		"one that another was added for": {situation{report: reported(inspect.Healable, func(r *inspect.Report) {
			r.Keyslots = []inspect.Keyslot{
				{ID: 0, State: inspect.Plausible, Bound: true},
				{ID: 3, State: inspect.Ruined, Bound: true},
				{ID: 4, State: inspect.Plausible, Bound: true},
			}
		})}, "luksKillSlot d 3", true, verb.Healable},
		"a reencryption":                 {situation{report: interrupted(inspect.Note, reencrypt.Clean, reencrypt.Resume, false)}, "reencrypt --resume-only d", true, ui.OK},
		"one with unequal heads":         {situation{report: interrupted(inspect.Healable, reencrypt.Clean, reencrypt.Resume, true)}, "reencrypt --resume-only d", true, verb.Healable},
		"one without resilience":         {situation{report: interrupted(inspect.Healable, reencrypt.Clean, reencrypt.Confirm, false)}, "", false, verb.Healable},
		"one within a step":              {situation{report: interrupted(inspect.Healable, reencrypt.Hot, reencrypt.Recover, false)}, "repair d", true, verb.Healable},
		"one that is concluded":          {situation{report: interrupted(inspect.Healable, reencrypt.Concluded, reencrypt.Conclude, false)}, "repair d", true, verb.Healable},
		"one that nobody understands":    {situation{report: interrupted(inspect.Healable, reencrypt.Foreign, reencrypt.Refuse, false)}, "", false, verb.Healable},
		"anything else":                  {situation{report: reported(inspect.Healable, nil)}, "check d", false, verb.Healable},
		"erased":                         {situation{report: reported(inspect.Note, nil), closed: true}, "luksHeaderRestore --header-backup-file FILE d", true, verb.Lost},
		"erased, far header left":        {situation{report: reported(inspect.Note, nil), closed: true, farOpens: true}, "erase d", true, verb.Lost},
		"heads gone, far header ruined":  {situation{report: gone, remains: guarded.Remains{Ruined: hurt}}, "rescue d", false, verb.Lost},
		"nothing but a ruined one":       {situation{remains: guarded.Remains{Ruined: hurt}}, "rescue d", false, verb.Lost},
		"heads gone, far header whole":   {situation{report: gone, remains: guarded.Remains{Far: whole, Kept: full}}, "repair --from-far d", true, verb.Lost},
		"heads gone, kept with keyslots": {situation{report: gone, remains: guarded.Remains{Far: hurt, Kept: full}}, "guard export u --header-backup-file FILE", false, verb.Lost},
		"heads gone, kept without them":  {situation{report: gone, remains: guarded.Remains{Kept: bare}}, "guard export u --header-backup-file FILE", false, verb.Lost},
		"heads gone, far header hurt":    {situation{report: gone, remains: guarded.Remains{Far: hurt}}, "repair --from-far --dry-run d", false, verb.Lost},
		"heads gone, overwritten since":  {situation{report: gone, remains: guarded.Remains{Far: whole, Evidence: bears("ext4", signature.Filesystem).Evidence}}, "repair --from-far --dry-run d", false, verb.Lost},
		"heads gone":                     {situation{report: gone}, "rescue d", false, verb.Lost},
		"nothing, but kept":              {situation{remains: guarded.Remains{Kept: full}}, "guard export u --header-backup-file FILE", false, verb.Lost},
		"nothing":                        {situation{}, "rescue d", false, ui.Failed},
		"a file system":                  {situation{remains: bears("ext4", signature.Filesystem)}, "rescue d", false, ui.Failed},
		"a whole disk":                   {situation{remains: bears("gpt", signature.PartitionTable)}, "list", false, ui.Failed},
	} {
		a := test.s.advise()
		got := strings.TrimPrefix(a.line("orthrus", "d"), "orthrus ")
		if got != test.want || a.writes != test.writes || a.code != test.code || !strings.HasSuffix(a.state, ".") {
			t.Errorf("%s: %q (writes %v), code %d: %q; want %q", name, got, a.writes, a.code, a.state, test.want)
		}
	}
}

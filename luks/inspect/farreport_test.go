// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestFarHeaderInTheReport(t *testing.T) {
	place := far.Place{Locator: 30 << 20, Body: luks2.Extent{Offset: 20 << 20, Size: 1 << 20}}
	whole := far.Found{Place: place, State: far.Whole, Locator: far.Locator{Contents: far.Contents{SeqID: 3}}}
	named := FarEvidence{Token: far.Token{Far: place}, HasToken: true, Recorded: whole}
	cases := []struct {
		name  string
		with  func(e *FarEvidence)
		grade Grade
		text  string
	}{
		{"in step", func(e *FarEvidence) { e.Standing = far.InStep }, Note, ""},
		{"stale", func(e *FarEvidence) { e.Standing = far.Stale }, Healable, "is stale"},
		{"interrupted", func(e *FarEvidence) { e.Standing = far.Interrupted }, Healable, "was cut off"},
		{"displaced", func(e *FarEvidence) { e.Standing, e.Why = far.Displaced, far.ErrDisplaced }, Healable, "is displaced"},
		{"covered", func(e *FarEvidence) { e.Standing, e.Covered = far.InStep, true }, Healable, "opened by an older tool"},
		{"exposed", func(e *FarEvidence) { e.Standing, e.Exposed = far.InStep, true }, Healable, "reaches over"},
		{"revoked", func(e *FarEvidence) { e.Standing, e.Revoked = far.Stale, []luks2.Extent{{}} }, Healable, "1 keyslots that the header"},
		{"damaged keyslot", func(e *FarEvidence) { e.Standing, e.Damaged = far.InStep, []int{0} }, Healable, "repair can bring back"},
		{"forgotten", func(e *FarEvidence) { e.Standing, e.Forgotten = far.InStep, []far.Found{whole} }, Healable, "forgotten far header"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := named
			c.with(&e)
			evidence := Read(vector("luks2-argon2id-4096"))
			before, err := Judge(evidence)
			if err != nil {
				t.Fatal(err)
			}
			evidence.Far = &e
			r, err := Judge(evidence)
			if err != nil || r.Far == nil || r.Far.Place.Body != place.Start() {
				t.Fatalf("%+v, %v", r.Far, err)
			}
			if r.Grade() != max(c.grade, before.Grade()) {
				t.Errorf("grade %v", r.Grade())
			}
			found := c.text == ""
			for _, f := range r.Findings {
				found = found || strings.Contains(f.Text, c.text)
			}
			if !found {
				t.Errorf("%q is not among %v", c.text, r.Findings)
			}
		})
	}
}

func TestFarHeaderIsReportedWhereNoHeadIsLeft(t *testing.T) {
	d := &disk{image: make([]byte, 8<<20)}
	evidence := Read(d)
	if _, err := Judge(evidence); err == nil {
		t.Fatal("an empty device was taken for a volume")
	}
	f := far.Found{State: far.Whole, Place: far.Place{Locator: 5 << 20, Body: luks2.Extent{Offset: 4 << 20, Size: 512 << 10}}, Locator: far.Locator{UUID: "u"}}
	evidence.Far = &FarEvidence{Lost: &f}
	r, err := Judge(evidence)
	if err != nil || r.Verdict != "lost" || r.UUID != "u" || r.Far == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	drawn := 0
	for _, region := range Layout(r, KeyslotRoom(evidence)) {
		if region.Kind == FarHeader {
			drawn++
		}
	}
	if drawn == 0 {
		t.Error("it is not in the picture")
	}
}

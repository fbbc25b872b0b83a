// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// reencrypting is the report on a recorded state, with its zone held against its record.
func reencrypting(t *testing.T, s interrupted.State) (Report, []Region) {
	t.Helper()
	d := &disk{image: s.Header, bad: map[int64]bool{}}
	e := Read(d)
	e.Weigh(d)
	r, err := Judge(e)
	if err != nil {
		t.Fatal(err)
	}
	return r, Layout(r, KeyslotRoom(e))
}

// kinds is a picture of the data: a letter for each region that holds some.
func kinds(regions []Region) string {
	letters := map[RegionKind]string{Data: "o", NewData: "n", HotZone: "h"}
	var b strings.Builder
	for _, r := range regions {
		b.WriteString(letters[r.Kind])
	}
	return b.String()
}

func TestAReportTellsWhereAReencryptionStands(t *testing.T) {
	tests := map[string]struct {
		grade Grade
		peer  string // in what is said of cryptsetup
		kinds string
	}{
		"reencrypt-checksum/init":                {Note, "would go on", "o"},
		"reencrypt-checksum/clean-1":             {Note, "would go on", "no"},
		"reencrypt-checksum/hot-2-data-half":     {Healable, "asks for repair", "nho"},
		"reencrypt-checksum/hot-2-primary-only":  {Healable, "asks for repair", "nho"},
		"reencrypt-checksum/hot-2-stale-area":    {Healable, "the zone is lost", "nho"},
		"reencrypt-checksum/concluded":           {Healable, "all data would be lost", "n"},
		"reencrypt-checksum/concluded-slot-gone": {Healable, "refuses to open", "n"},
		"reencrypt-checksum/done":                {Note, "", "o"},
		"reencrypt-datashift/clean-1":            {Note, "would go on", "on"},
		"reencrypt-datashift/hot-2-data-half":    {Healable, "asks for repair", "oohn"},
		"reencrypt-datashift/hot-3-data-half":    {Healable, "takes the header for", "ohn"},
		"encrypt-datashift/init":                 {Note, "would go on", "oo"},
		"encrypt-datashift/hot-last-data-half":   {Healable, "asks for repair", "hno"},
		"encrypt-datashift/concluded":            {Healable, "resume fails", "n"},
		"odd-metadata/version-1":                 {Healable, "told to trust", "o"},
		"odd-metadata/version-999":               {Note, "refuses", "o"},
		"odd-metadata/forged-decrypt":            {Healable, "refuses", "oo"},
	}
	seen := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			want, listed := tests[f.Name+"/"+s.Name]
			if !listed {
				continue
			}
			seen++
			r, regions := reencrypting(t, s)
			worst := Note
			for _, one := range r.Findings {
				if strings.HasPrefix(one.Text, "a reencryption") {
					worst = one.Grade
				}
			}
			said := ""
			for _, o := range r.Tools {
				said += o.Says + "\n"
			}
			if worst != want.grade || !strings.Contains(said, want.peer) || kinds(regions) != want.kinds {
				t.Errorf("%s/%s: %v, %q, data %s", f.Name, s.Name, worst, said, kinds(regions))
			}
			if (r.Reencryption == nil) != (s.Name == "done") {
				t.Errorf("%s/%s: %+v", f.Name, s.Name, r.Reencryption)
			}
		}
	}
	if seen != len(tests) {
		t.Errorf("%d of %d states", seen, len(tests))
	}
}

// A run without resilience looks the same whether it was stopped or crashed, and going on would destroy what it did.
func TestARunWithoutResilienceIsNotHealthy(t *testing.T) {
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if f.Name != "reencrypt-checksum" || s.Name != "clean-1" {
				continue
			}
			d := &disk{image: slices.Clone(s.Header), bad: map[int64]bool{}}
			heads := header.Read(readOnly{d})
			for _, head := range []header.Found{heads.Primary, heads.Secondary} {
				p := d.image[head.Offset : head.Offset+head.Copy.Header.Size]
				edited := bytes.Replace(p, []byte(`"type":"checksum","hash":"sha256","sector_size":4096`),
					[]byte(`"type":"none"`), 1)
				edited = append(edited, make([]byte, len(p)-len(edited))...)
				if err := luks2.Seal(edited); err != nil || bytes.Equal(edited, p) {
					t.Fatalf("the vector is another: %v", err)
				}
				copy(p, edited)
			}
			r, err := Judge(Read(d))
			if err != nil || r.Reencryption == nil || r.Reencryption.Verdict.Step != reencrypt.Confirm {
				t.Fatalf("%v, %+v", err, r.Reencryption)
			}
			if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
				return f.Grade == Healable && strings.Contains(f.Text, "without resilience")
			}) {
				t.Errorf("%v", r.Findings)
			}
			return
		}
	}
	t.Error("there is no such state")
}

func TestAZoneThatCannotBeReadIsSaidSo(t *testing.T) {
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if f.Name != "reencrypt-journal" || s.Name != "hot-2-data-half" {
				continue
			}
			d := &disk{image: s.Header, bad: map[int64]bool{196608/512 + 3: true}}
			e := Read(d)
			e.Weigh(d)
			r, err := Judge(e)
			if err != nil || e.Record != nil || e.RecordErr == nil {
				t.Fatalf("%v, %v, %v", err, e.Record, e.RecordErr)
			}
			said := slices.ContainsFunc(r.Findings, func(f Finding) bool {
				return f.Grade == Healable && strings.Contains(f.Text, "was not compared")
			})
			if v := r.Reencryption.Verdict; v.State != reencrypt.Hot || !said {
				t.Errorf("%+v", r.Findings)
			}
		}
	}
}

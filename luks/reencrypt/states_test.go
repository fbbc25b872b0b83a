// SPDX-License-Identifier: Apache-2.0

package reencrypt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// device is an image that can only be read.
type device struct{ *bytes.Reader }

func (device) WriteAt([]byte, int64) (int, error) { return 0, errors.New("written") }
func (device) Sync() error                        { return errors.New("synced") }

func open(image []byte) device { return device{bytes.NewReader(image)} }

// judge gives the verdict on a state, by its heads and then by the record of its zone, where there is one.
func judge(t *testing.T, s interrupted.State) reencrypt.Verdict {
	t.Helper()
	v := byHeads(t, s.Header)
	if v.State != reencrypt.Hot {
		return v
	}
	count, err := v.Run.Weigh(open(s.Header), open(s.Data))
	if errors.Is(err, reencrypt.ErrNoEvidence) {
		return v
	}
	if err != nil {
		t.Fatal(err)
	}
	return v.Weighed(count)
}

func byHeads(t *testing.T, image []byte) reencrypt.Verdict {
	t.Helper()
	heads := header.Read(open(image))
	choice, err := header.Choose(heads)
	if err != nil {
		t.Fatal(err)
	}
	return reencrypt.Judge(heads, choice)
}

// expected is the verdict on each recorded state.
type expected struct {
	state reencrypt.State
	step  reencrypt.Step
	peer  reencrypt.Fate
}

var (
	none      = expected{reencrypt.None, reencrypt.Nothing, reencrypt.Untouched}
	clean     = expected{reencrypt.Clean, reencrypt.Resume, reencrypt.Continues}
	unsure    = expected{reencrypt.Clean, reencrypt.Confirm, reencrypt.Continues}
	stuck     = expected{reencrypt.Clean, reencrypt.Resume, reencrypt.Stuck}
	hot       = expected{reencrypt.Hot, reencrypt.Recover, reencrypt.Recovers}
	hotLost   = expected{reencrypt.Hot, reencrypt.Recover, reencrypt.Destroys}
	hotStuck  = expected{reencrypt.Hot, reencrypt.Recover, reencrypt.Stuck}
	announced = expected{reencrypt.Hot, reencrypt.TakeBack, reencrypt.Recovers}
	stale     = expected{reencrypt.Hot, reencrypt.TakeBack, reencrypt.Destroys}
	concluded = expected{reencrypt.Concluded, reencrypt.Conclude, reencrypt.Destroys}
	keyGone   = expected{reencrypt.Concluded, reencrypt.Conclude, reencrypt.Refuses}
	forEver   = expected{reencrypt.Concluded, reencrypt.Conclude, reencrypt.Stuck}
	unvouched = expected{reencrypt.Foreign, reencrypt.Confirm, reencrypt.Refuses}
	refused   = expected{reencrypt.Foreign, reencrypt.Refuse, reencrypt.Refuses}
	tampered  = expected{reencrypt.Foreign, reencrypt.Refuse, reencrypt.Untold}
)

// inPlace are the states of a run with a new key that shifts nothing.
var inPlace = map[string]expected{
	"init": clean, "clean-1": clean, "hot-2-data-old": hot, "hot-2-data-half": hot, "hot-2-data-new": hot,
	"hot-2-primary-only": announced, "hot-2-stale-area": stale, "hot-4-data-new": hot,
	"concluded": concluded, "concluded-slot-wiped": concluded, "concluded-slot-gone": keyGone,
	"concluded-area-wiped": keyGone, "done": none,
}

var expectations = map[string]map[string]expected{
	"reencrypt-checksum": inPlace,
	"reencrypt-journal":  inPlace,
	"reencrypt-keep-key": inPlace,
	"reencrypt-none": {
		"init": unsure, "interrupted-2": unsure, "concluded": concluded, "concluded-slot-wiped": concluded,
		"concluded-slot-gone": keyGone, "concluded-area-wiped": keyGone, "done": none,
	},
	"reencrypt-datashift": {
		"init": clean, "clean-1": clean, "hot-2-data-half": hot, "hot-3-data-half": hotLost, "concluded": concluded,
		"done": none,
	},
	"encrypt-datashift": {
		"moved-not-restored": clean, "init": clean, "clean-1": clean, "hot-last-data-half": hot, "concluded": forEver,
		"concluded-moved-wiped": forEver, "done": none,
	},
	"encrypt-detached": {
		"init": clean, "clean-1": clean, "hot-2-data-half": hot, "concluded": concluded, "done": none,
	},
	"decrypt-datashift": {
		"moving": none, "init": clean, "clean-1": clean, "hot-2-data-half": hotStuck, "clean-before-moved": stuck,
		"hot-moved-data-half": hot, "concluded": concluded, "done": none,
	},
	"decrypt-detached": {
		"init": clean, "clean-1": clean, "hot-2-data-half": hot, "hot-4-data-half": hotLost, "concluded": concluded,
		"done": none,
	},
	"odd-metadata": {
		"version-1": unvouched, "version-999": refused, "tampered-final-offset": tampered, "forged-decrypt": refused,
	},
}

func TestEveryRecordedStateIsRecognised(t *testing.T) {
	seen := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			want, known := expectations[f.Name][s.Name]
			if !known {
				t.Fatalf("%s/%s is expected to be nothing", f.Name, s.Name)
			}
			v := judge(t, s)
			fate, why := v.Peer()
			if got := (expected{v.State, v.Step, fate}); got != want {
				t.Errorf("%s/%s: %v (%s), %v, cryptsetup: %v (%s); want %v", f.Name, s.Name, v.State, v.Reason, v.Step,
					fate, why, want)
			}
			if (v.Reason == "") != (v.State == reencrypt.None) || why == "" {
				t.Errorf("%s/%s: no reason: %q, %q", f.Name, s.Name, v.Reason, why)
			}
			seen++
		}
	}
	if seen != 79 {
		t.Errorf("%d states", seen)
	}
}

// What is foretold of cryptsetup is held against what it did.
func TestCryptsetupDidWhatIsForetold(t *testing.T) {
	elsewhere := map[string]string{
		"encrypt-datashift/moved-not-restored": "the header is in a file, and it was asked about the device",
		"decrypt-datashift/moving":             "the data are plain by then in parts: no run is recorded yet",
	}
	held := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if elsewhere[f.Name+"/"+s.Name] != "" {
				continue
			}
			fate, _ := judge(t, s).Peer()
			if wiped := s.Name == "concluded-slot-wiped"; wiped && fate == reencrypt.Destroys {
				fate = reencrypt.Refuses // the keyslot's material is gone, and so the old key is not at hand
			}
			resumed, repaired := *s.Resume == 0, s.Repair != nil && *s.Repair == 0
			whole := s.Whole != nil && *s.Whole
			fits := map[reencrypt.Fate]bool{
				reencrypt.Untouched: !resumed && whole,
				reencrypt.Continues: resumed && whole,
				reencrypt.Recovers:  repaired && whole,
				reencrypt.Stuck:     !resumed,
				reencrypt.Refuses:   !resumed && !repaired,
				reencrypt.Destroys:  (resumed || repaired) && !whole,
				reencrypt.Untold:    true,
			}
			if !fits[fate] {
				t.Errorf("%s/%s: %v; resume %d, whole %v", f.Name, s.Name, fate, *s.Resume, whole)
			}
			held++
		}
	}
	if held != 77 {
		t.Errorf("%d states", held)
	}
}

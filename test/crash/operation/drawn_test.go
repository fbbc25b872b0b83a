// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/crash/shape"
)

// surveyed tries a few images of each kind of operation on one drawn volume.
func surveyed(t *testing.T, kinds []crash.Kind) *crash.Chart {
	t.Helper()
	chart, err := crash.Survey(context.Background(), kinds, crash.Config{Seed: 1, Shape: 0, PerShape: 40})
	if err != nil {
		t.Fatal(err)
	}
	return chart
}

func TestOperationsKeepTheirInvariantsOnDrawnVolumes(t *testing.T) {
	chart := surveyed(t, Kinds())
	var b strings.Builder
	if err := chart.Write(&b); err != nil {
		t.Fatal(err)
	}
	if chart.Broken() > 0 {
		t.Fatal("invariants broken:\n" + b.String())
	}
	t.Log("\n" + b.String())
}

func TestUnsafeOperationsAreCaughtOnDrawnVolumes(t *testing.T) {
	for _, d := range []drawn{
		{name: "unflushed", fit: plain2, deed: func(*scene) (deed, error) { return deed{run: unflushed}, nil }},
		{name: "unwiped", fit: plain2, deed: func(s *scene) (deed, error) {
			id := s.Held()[0]
			return deed{run: unwipedAt(id), loses: []string{shape.Passphrase(id)}}, nil
		}},
	} {
		if surveyed(t, []crash.Kind{d.kind()}).Broken() == 0 {
			t.Errorf("%s: nothing broken", d.name)
		}
	}
}

// plain2 is a volume with two keys and small heads.
func plain2(s *shape.Shape, rng *rand.Rand) {
	whole(s, rng)
	s.AtLeast(rng, 2)
	s.Header, s.Filled = 16<<10, false
}

func TestEveryOrderOfLocksIsTried(t *testing.T) {
	var log []string
	says := func(name string) program {
		return program{name, func(dev luks.Device) error {
			release, err := dev.(luks.Locker).LockMetadata(context.Background(), true)
			if err != nil {
				return err
			}
			log = append(log, name)
			return release()
		}}
	}
	seen := map[string]bool{}
	for order := range turns(1 << mostTurns) {
		log = nil
		d := disk.NewRecorder(disk.NewImage(make([]byte, 512)), disk.Fault{})
		if errs, _ := interleave(d, [2]program{says("a"), says("b")}, order); errs != [2]error{} {
			t.Fatal(errs)
		}
		seen[strings.Join(log, "")] = true
	}
	if len(seen) != 2 || !seen["ab"] || !seen["ba"] {
		t.Errorf("orders %v", seen)
	}
}

// careless asks whether it is the last keyslot, and then reads again before it removes it.
func careless(v *luks.Volume, key *luks.Key) error {
	if v.BoundKeyslots() < 2 {
		return errLast
	}
	return carelessly(v, key.Keyslot)
}

func TestPairsThatRemoveEachOthersLastKeyAreCaught(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := drawn{fit: func(s *shape.Shape, rng *rand.Rand) {
		plain2(s, rng)
		s.Keyslots, s.Removed, s.Unbound = s.Keyslots[:2], 0, false
	}}
	s, err := d.scene(rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what step
		safe bool
	}{{removeOwn, true}, {careless, false}} {
		p, err := newPair(s)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range s.Held() {
			p.programs[i] = program{shape.Passphrase(id), s.unlocked(id, c.what)}
		}
		if err := p.serially(); err != nil {
			t.Fatal(err)
		}
		orders, err := p.everyOrder()
		if (err == nil) != c.safe {
			t.Errorf("safe %v: %d orders, %v", c.safe, len(orders), err)
		}
	}
}

// unwipedAt removes a keyslot from the header and leaves its material.
func unwipedAt(id int) step {
	return func(v *luks.Volume, _ *luks.Key) error { return forget(v, id) }
}

func carelessly(v *luks.Volume, id int) error {
	if err := v.Reload(context.Background()); err != nil {
		return err
	}
	if !slices.ContainsFunc(v.Keyslots, func(k luks.Keyslot) bool { return k.ID == id }) {
		return errLast
	}
	return v.KillKeyslot(context.Background(), id, nil)
}

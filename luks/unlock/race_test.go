// SPDX-License-Identifier: Apache-2.0

package unlock

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/view"
)

func slotsOf(n int) []view.Keyslot {
	slots := make([]view.Keyslot, n)
	for i := range slots {
		slots[i].ID = i
	}
	return slots
}

// opening returns a try that opens the keyslots listed, each after its delay, and counts.
func opening(t *testing.T, delays map[int]time.Duration, begun *atomic.Int32) func(context.Context, view.Keyslot) (*Key, error) {
	t.Helper()
	return func(ctx context.Context, slot view.Keyslot) (*Key, error) {
		begun.Add(1)
		delay, opens := delays[slot.ID]
		if !opens {
			delay = 2 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
		if !opens {
			return nil, ErrPassphrase
		}
		b, err := secret.New(8)
		return &Key{Buffer: b, Keyslot: slot.ID}, err
	}
}

func winner(attempts []attempt) (id, keys int) {
	id = -1
	for i, a := range attempts {
		if a.key != nil {
			id = i
			keys++
			a.key.Close()
		}
	}
	return id, keys
}

func TestTheEarliestKeyslotThatOpensCounts(t *testing.T) {
	const ms = time.Millisecond
	cases := []struct {
		name   string
		delays map[int]time.Duration
		width  int
		want   int
	}{
		{"one after the other", map[int]time.Duration{3: ms, 5: ms}, 1, 3},
		{"side by side", map[int]time.Duration{3: ms, 5: ms}, 4, 3},
		{"the later one is faster", map[int]time.Duration{0: 40 * ms, 1: ms}, 4, 0},
		{"none", nil, 3, -1},
		{"all", map[int]time.Duration{0: 9 * ms, 1: 8 * ms, 2: 7 * ms, 3: ms, 4: ms, 5: ms, 6: ms, 7: ms}, 8, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var begun atomic.Int32
			id, keys := winner(race(context.Background(), slotsOf(8), c.width, opening(t, c.delays, &begun)))
			if id != c.want || c.want >= 0 && keys != 1 {
				t.Errorf("keyslot %d, %d keys, want keyslot %d", id, keys, c.want)
			}
		})
	}
}

func TestAHitEndsWhatWasBegunAfterIt(t *testing.T) {
	var begun atomic.Int32
	delays := map[int]time.Duration{0: time.Millisecond, 1: time.Hour, 2: time.Hour}
	if id, _ := winner(race(context.Background(), slotsOf(8), 2, opening(t, delays, &begun))); id != 0 {
		t.Fatalf("keyslot %d", id)
	}
	if n := begun.Load(); n > 3 {
		t.Errorf("%d attempts begun", n)
	}
}

func TestNothingIsBegunOnceCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var begun atomic.Int32
	for _, a := range race(ctx, slotsOf(3), 2, opening(t, nil, &begun)) {
		if a.key != nil || a.err != nil && !errors.Is(a.err, context.Canceled) {
			t.Errorf("attempt %+v", a)
		}
	}
	if begun.Load() != 0 {
		t.Errorf("%d attempts begun", begun.Load())
	}
}

func TestSideBySideFitsProcessorsAndMemory(t *testing.T) {
	huge := view.Keyslot{Spec: keyslot.Spec{KDF: kdf.Params{Type: kdf.Argon2id, Memory: 1<<32 - 1, CPUs: 1}}}
	wide := view.Keyslot{Spec: keyslot.Spec{KDF: kdf.Params{Type: kdf.Argon2id, Memory: 64, CPUs: 1 << 20}}}
	for name, slot := range map[string]view.Keyslot{"4 TiB each": huge, "a million lanes each": wide} {
		if n := sideBySide([]view.Keyslot{slot, slot}); n != 1 {
			t.Errorf("%s: %d at once", name, n)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/test/pace"
)

func TestKeyslotsAreSortedByWhatTheMachineCanDo(t *testing.T) {
	first := volume(t).Keyslots[0]
	slot := func(id int, change func(*luks.Keyslot)) luks.Keyslot {
		k := first
		k.ID = id
		change(&k)
		return k
	}
	argon := func(mib uint32) func(*luks.Keyslot) {
		return func(k *luks.Keyslot) {
			k.Spec.KDF = kdf.Params{Type: kdf.Argon2id, Time: 4, Memory: mib << 10, CPUs: 1}
		}
	}
	all := []luks.Keyslot{
		slot(0, argon(1024)), slot(1, argon(64)), slot(2, func(*luks.Keyslot) {}),
		slot(3, func(k *luks.Keyslot) { k.Spec.Cipher = "cipher_null-ecb" }),
		slot(4, func(k *luks.Keyslot) { k.Unbound = true }),
		slot(5, func(k *luks.Keyslot) { k.Spec.KDF.Iterations = 1<<32 - 1 }),
	}
	admit := kdf.OpeningLimits().Admit
	for _, c := range []struct {
		only      int
		available uint64
		want      string
	}{
		{luks.AnyKeyslot, 128 << 20, "usable [1 2] short [0] null [3] costly 1"},
		{luks.AnyKeyslot, 59 << 20, "usable [2] short [0 1] null [3] costly 1"},
		{luks.AnyKeyslot, 2 << 30, "usable [0 1 2] short [] null [3] costly 1"},
		{luks.AnyKeyslot, 0, "usable [0 1 2] short [] null [3] costly 1"},
		{1, 59 << 20, "usable [] short [1] null [] costly 0"},
		{2, 59 << 20, "usable [2] short [] null [] costly 0"},
	} {
		k := SortKeyslots(all, c.only, c.available, admit)
		got := fmt.Sprintf("usable %v short %v null %v costly %d", ids(k.Usable), ids(k.Short), ids(k.Null), len(k.Costly))
		if got != c.want {
			t.Errorf("keyslot %d, %d MiB: %s, want %s", c.only, c.available>>20, got, c.want)
		}
	}
	var lacks *kdf.MemoryError
	var which *luks.KeyslotError
	err := SortKeyslots(all, luks.AnyKeyslot, 59<<20, admit).MemoryError()
	if !errors.As(err, &lacks) || !errors.As(err, &which) || which.Keyslot != 1 || lacks.Needed != 64<<20 || lacks.Available != 59<<20 {
		t.Errorf("%v", err)
	}
}

func TestAReserveIsLeft(t *testing.T) {
	for n, want := range map[uint64]uint64{0: 1, Reserve: 1, Reserve + 5: 5, 72984 << 10: 72984<<10 - Reserve} {
		if got := beyondReserve(n, true); got != want {
			t.Errorf("%d: %d, want %d", n, got, want)
		}
	}
	if got := beyondReserve(1<<30, false); got != 0 {
		t.Errorf("unknown: %d", got)
	}
}

func TestDerivationsTakeTurnsByMemory(t *testing.T) {
	g := NewGate(func() uint64 { return 100 })
	enter := func(need uint64) func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(5*time.Second))
		defer cancel()
		leave, err := g.Enter(ctx, need)
		if err != nil {
			t.Fatalf("%d: %v", need, err)
		}
		return leave
	}
	big := enter(90) // alone: whatever it takes
	enter(0)()       // what needs none never waits
	var in atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		leave := enter(20)
		in.Store(true)
		leave()
	}()
	time.Sleep(20 * time.Millisecond)
	if in.Load() {
		t.Error("90 and 20 of 100 at once")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Enter(cancelled, 20); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	big()
	<-done
	first, second := enter(20), enter(30)
	first()
	second()
}

func ids(slots []luks.Keyslot) []int {
	var all []int
	for _, s := range slots {
		all = append(all, s.ID)
	}
	return all
}

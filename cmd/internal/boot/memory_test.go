// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/test/pace"
)

func TestKeyslotsAreSortedByWhatTheMachineCanDo(t *testing.T) {
	_, v := image(t, "one", nil)
	slot := func(id int, change func(*luks.Keyslot)) luks.Keyslot {
		k := v.Keyslots[0]
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

func TestDerivationsTakeTurnsByMemory(t *testing.T) {
	g := newGate(func() uint64 { return 100 })
	enter := func(need uint64) func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(5*time.Second))
		defer cancel()
		leave, err := g.enter(ctx, need)
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
	if _, err := g.enter(cancelled, 20); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	big()
	<-done
	first, second := enter(20), enter(30)
	first()
	second()
}

func TestTheMostTellingLossIsTold(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		all  []error
		want error
	}{
		{[]error{keyring.ErrNoKey, other, ErrNoSource}, other},
		{[]error{keyring.ErrNoKey, nil, ErrNoSource}, ErrNoSource},
		{[]error{other, errors.Join(ErrTries, luks.ErrPassphrase), kdf.ErrMemory}, ErrTries},
		{[]error{luks.ErrPassphrase, kdf.ErrMemory}, kdf.ErrMemory},
	} {
		var l losses
		for _, err := range c.all {
			l.add(err)
		}
		if got := l.worst(); !errors.Is(got, c.want) {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
}

func TestKeptPassphrasesAreNotRepeated(t *testing.T) {
	fresh, err := secret.From([]byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := merged(fresh, []byte("old\x00new\x00\x00older"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if string(all.Bytes()) != "new\x00old\x00older" {
		t.Errorf("%q", all.Bytes())
	}
}

// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
)

func TestDrawnVolumesOpenWithEveryPassphrase(t *testing.T) {
	seen := map[string]int{}
	const drawn, made = 400, 30
	for seed := range uint64(drawn) {
		s := Draw(rand.New(rand.NewPCG(seed, 1))).Settled()
		for _, trait := range s.Traits() {
			seen[trait]++
		}
		if seed >= made {
			continue
		}
		m, err := s.Make()
		if err != nil {
			t.Fatalf("shape %d (%v): %v", seed, s, err)
		}
		v, err := luks.Load(context.Background(), Still{m})
		if err != nil {
			t.Fatalf("shape %d (%v): %v", seed, s, err)
		}
		for _, passphrase := range s.Secrets() {
			key, err := v.Unlock(context.Background(), []byte(passphrase), luks.UnlockOptions{Unbound: true})
			if err := errors.Join(err, key.Close()); err != nil {
				t.Fatalf("shape %d (%v): %q: %v", seed, s, passphrase, err)
			}
		}
	}
	for _, trait := range []string{
		"LUKS1", "heads of 16 KiB", "heads of 1024 KiB", "far header", "keyslots area full", "JSON nearly full", "sequence number near its end",
		"stale primary", "lost secondary", "detached, offset beyond the device", "slack of less than an area", "holes between keyslots",
	} {
		if seen[trait] == 0 {
			t.Errorf("no shape of %d: %s", drawn, trait)
		}
	}
}

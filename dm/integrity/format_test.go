// SPDX-License-Identifier: Apache-2.0

package integrity_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// synced remembers what was durable at each Sync.
type synced struct {
	memory
	states [][]byte
}

func (s *synced) Sync() error {
	s.states = append(s.states, bytes.Clone(s.memory[:512]))
	return nil
}

func smallFormat(t *testing.T, device integrity.Storage, sectors uint64) *integrity.Format {
	t.Helper()
	p := integrity.Params{TagSize: 4, InternalHash: true, FixPadding: true}
	l, err := p.Plan(0, sectors)
	if err != nil {
		t.Fatal(err)
	}
	return &integrity.Format{Layout: l, Data: device, Meta: device, Hash: &integrity.Algorithm{Name: "crc32c"}}
}

// An old superblock goes first, the new one comes when all else is durable.
func TestTheSuperblockIsWrittenLast(t *testing.T) {
	device := &synced{memory: make(memory, 4096*512)}
	if err := smallFormat(t, device, 4096).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, state := range device.states {
		_, err := integrity.ParseSuperblock(state)
		if last := i == len(device.states)-1; last != (err == nil) || len(device.states) < 3 {
			t.Errorf("sync %d of %d: %v", i+1, len(device.states), err)
		}
	}
}

func TestAnInterruptedFormatLeavesNoDevice(t *testing.T) {
	device := &synced{memory: make(memory, 65536*512)}
	if err := smallFormat(t, device, 65536).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := smallFormat(t, device, 65536)
	var calls atomic.Int64
	f.Zero = func(int64, int64) error {
		if calls.Add(1) == 2 {
			cancel()
		}
		return nil
	}
	if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if sb, err := integrity.ParseSuperblock(device.memory); !errors.Is(err, integrity.ErrNoSuperblock) {
		t.Errorf("%+v, %v", sb, err)
	}
}

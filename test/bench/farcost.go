// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// counter is a disk in memory that counts syncs and bytes written.
type counter struct {
	image        []byte
	syncs, bytes int
}

func (c *counter) Size() int64 { return int64(len(c.image)) }
func (c *counter) Sync() error { c.syncs++; return nil }

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.Size() {
		return 0, io.EOF
	}
	n := copy(p, c.image[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (c *counter) WriteAt(p []byte, off int64) (int, error) {
	c.bytes += len(p)
	return copy(c.image[off:], p), nil
}

// keyChange is an operation whose cost is counted with a far header and without.
type keyChange struct {
	name string
	do   func(v *luks.Volume, key *luks.Key) error
}

var keyChanges = []keyChange{
	{"add a key", func(v *luks.Volume, key *luks.Key) error {
		_, err := v.AddKey(context.Background(), key, []byte("two"), cheap)
		return err
	}},
	{"change a key", func(v *luks.Volume, key *luks.Key) error {
		_, err := v.ChangeKey(context.Background(), key, []byte("three"), cheap)
		return err
	}},
	{"kill a keyslot", func(v *luks.Volume, _ *luks.Key) error { return v.KillKeyslot(context.Background(), 1, nil) }},
}

var cheap = luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}}

// farCost is what a far header adds to one operation.
type farCost struct {
	name                                 string
	syncs, farSyncs, written, farWritten int
}

// aims: at most three syncs more, and so many times the bytes more.
const (
	farSyncAim = 3
	farByteAim = 1.5
)

func (c farCost) more() (syncs int, times float64) {
	return c.farSyncs - c.syncs, float64(c.farWritten-c.written) / float64(c.written)
}

// farCosts counts on a volume of the usual sizes: keyslots up to 16 MiB.
func farCosts() ([]farCost, error) {
	var plain, doubled []counter
	for _, far := range []bool{false, true} {
		counts, err := countChanges(far)
		if err != nil {
			return nil, err
		}
		if far {
			doubled = counts
		} else {
			plain = counts
		}
	}
	var list []farCost
	for i, change := range keyChanges {
		list = append(list, farCost{change.name, plain[i].syncs, doubled[i].syncs, plain[i].bytes, doubled[i].bytes})
	}
	return list, nil
}

func countChanges(far bool) ([]counter, error) {
	dev := &counter{image: make([]byte, 300<<20)}
	v, err := luks.Format(context.Background(), dev, []byte("one"), luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
		UUID: "11111111-2222-4333-8444-555555555555", Keyslot: cheap, FarHeader: far,
	})
	if err != nil {
		return nil, err
	}
	var counts []counter
	for _, change := range keyChanges {
		key, err := v.Unlock(context.Background(), []byte("one"), luks.UnlockOptions{})
		if err != nil {
			if key, err = v.Unlock(context.Background(), []byte("three"),
				luks.UnlockOptions{}); err != nil {
				return nil, err
			}
		}
		dev.syncs, dev.bytes = 0, 0
		err = change.do(v, key)
		key.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", change.name, err)
		}
		counts = append(counts, counter{syncs: dev.syncs, bytes: dev.bytes})
	}
	return counts, nil
}

// farTable tells what keeping the far header in step costs.
func (b *bench) farTable() error {
	costs, err := farCosts()
	if err != nil {
		return err
	}
	b.printf("| with a far header | syncs | more (aim: at most %d) | KiB written | times as many more (aim: at most %.1f) |\n|---|---|---|---|---|\n", farSyncAim, farByteAim)
	for _, c := range costs {
		syncs, times := c.more()
		b.printf("| %s | %d | %d | %d | %.2f |\n", c.name, c.farSyncs, syncs, c.farWritten>>10, times)
	}
	return nil
}

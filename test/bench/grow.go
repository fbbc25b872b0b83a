// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
)

// timed is an image that tells how long it was worked on: that is the device's time.
type timed struct {
	*luks.File
	spent time.Duration
}

func (d *timed) count(since time.Time) { d.spent += time.Since(since) }

func (d *timed) ReadAt(p []byte, off int64) (int, error) {
	defer d.count(time.Now())
	return d.File.ReadAt(p, off)
}

func (d *timed) WriteAt(p []byte, off int64) (int, error) {
	defer d.count(time.Now())
	return d.File.WriteAt(p, off)
}

func (d *timed) Sync() error {
	defer d.count(time.Now())
	return d.File.Sync()
}

const growth = 64 << 20 // bytes

// growTable lets idle volumes follow the growth of their images.
func (b *bench) growTable() error {
	b.printf("An idle volume follows its device, which has grown: the far header written at the new place, read back, the old one wiped,\n"+
		"four commits. What is not the device's own time is to stay under 200 ms. Medians of %d.\n\n", b.pairs)
	b.table("far header", "all", "of that the device", "the rest", "longest")
	for _, keyslots := range []string{"1m", "16352k"} {
		var all, rest []time.Duration
		for range b.pairs {
			took, spent, err := b.growOnce(keyslots)
			if err != nil {
				return err
			}
			all, rest = append(all, took), append(rest, took-spent)
		}
		b.row(keyslots+" of keyslots", millis(median(all)), millis(median(all)-median(rest)),
			"**"+millis(median(rest))+"**", millis(slices.Max(rest)))
	}
	return nil
}

func (b *bench) growOnce(keyslots string) (took, spent time.Duration, err error) {
	image := filepath.Join(b.dir, "grown.img")
	defer os.Remove(image)
	const size = 320 << 20
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return 0, 0, err
	}
	if err := os.Truncate(image, size); err != nil {
		return 0, 0, err
	}
	args := append([]string{"luksFormat", "-q", "--far-header", "--luks2-keyslots-size", keyslots},
		pbkdf2Costs("sha256", 1000)...)
	if _, err := b.process(orthrus(args...).given(passphrase), image); err != nil {
		return 0, 0, err
	}
	if err := os.Truncate(image, size+growth); err != nil {
		return 0, 0, err
	}
	file, err := luks.OpenDevice(image, luks.DeviceOptions{Write: true})
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	dev := &timed{File: file}
	began := time.Now()
	v, err := luks.Load(context.Background(), dev)
	if err == nil {
		err = v.Grow(context.Background(), luks.GrowOptions{})
	}
	return time.Since(began), dev.spent, err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	stdpbkdf2 "crypto/pbkdf2"
	"fmt"
	"hash"
	"time"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf/pbkdf2"
)

// pbkdf2Table sets our loop against the standard library's, in this process, for every hash.
func (b *bench) pbkdf2Table() error {
	b.printf("Iterations per second on one core, in this process, beside crypto/pbkdf2 with the same hash; medians of %d. The aim is 1.00.\n\n", rounds)
	b.table("hash", "orthrus", "standard library", "ratio")
	for _, name := range hashalg.Names() {
		factory, err := hashalg.Factory(name)
		if err != nil {
			return err
		}
		if err := b.pbkdf2Row(name, factory); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) pbkdf2Row(name string, factory func() hash.Hash) error {
	salt, out := make([]byte, 32), make([]byte, factory().Size())
	ours := func(n int) error {
		return pbkdf2.Key(context.Background(), out, []byte(passphrase), salt, uint32(n), name)
	}
	them := func(n int) error {
		_, err := stdpbkdf2.Key(factory, passphrase, salt, n, len(out))
		return err
	}
	n, err := enough(them)
	if err != nil {
		return err
	}
	var a, p, ratios []float64
	for range rounds {
		x, err := rate(ours, n)
		if err != nil {
			return err
		}
		y, err := rate(them, n)
		if err != nil {
			return err
		}
		a, p, ratios = append(a, x), append(p, y), append(ratios, x/y)
	}
	b.row(name, fmt.Sprintf("%.2f M", median(a)/1e6), fmt.Sprintf("%.2f M", median(p)/1e6),
		fmt.Sprintf("**%.2f**", median(ratios)))
	return nil
}

// enough is how many iterations take a tenth of a second.
func enough(run func(n int) error) (int, error) {
	const long = 100 * time.Millisecond
	for n := 1000; ; n *= 2 {
		start := time.Now()
		if err := run(n); err != nil {
			return 0, err
		}
		if time.Since(start) >= long {
			return n, nil
		}
	}
}

// rate is how many iterations are done in a second of processor time.
func rate(run func(n int) error, n int) (float64, error) {
	start := processorTime()
	if err := run(n); err != nil {
		return 0, err
	}
	return float64(n) / (processorTime() - start).Seconds(), nil
}

// SPDX-License-Identifier: Apache-2.0

// Package pbkdf2 derives keys by PBKDF2-HMAC (RFC 8018, section 5.2). Unlike the standard library's
// it takes the password as bytes, wipes every trace of it, can be cancelled, and computes the
// blocks of keys longer than one digest side by side.
package pbkdf2

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// ErrIterations is returned for an iteration count of zero.
var ErrIterations = errors.New("pbkdf2 needs at least one iteration")

const (
	// pollEvery is the number of iterations between two looks at the context: a few
	// milliseconds on the slowest machines.
	pollEvery = 1024
	// parallelFrom is the iteration count from which a goroutine per block pays.
	parallelFrom = 500
)

// Key fills out with key material derived from password and salt. On error, cancellation of ctx included, out is
// zeroed.
func Key(ctx context.Context, out, password, salt []byte, iterations uint32, hash string) error {
	if err := given.Context(ctx); err != nil {
		clear(out)
		return err
	}
	if iterations == 0 {
		return ErrIterations
	}
	factory, err := hashalg.Factory(hash)
	if err != nil {
		return err
	}
	blocks := split(out, factory().Size())
	workers := 1
	if iterations >= parallelFrom {
		workers = min(len(blocks), runtime.GOMAXPROCS(0))
	}
	err = each(len(blocks), workers, func(i int) error {
		p := newPRF(factory, password)
		defer p.wipe()
		return p.block(ctx, blocks[i], salt, uint32(i)+1, iterations)
	})
	if err != nil {
		clear(out)
		return fmt.Errorf("pbkdf2: %w", err)
	}
	return nil
}

// Block fills out with one block of the key, from 1, or the beginning of it: out is not longer than a digest. It is for
// those who may be content with part of a key. On error, cancellation of ctx included, out is zeroed.
func Block(ctx context.Context, out, password, salt []byte, number, iterations uint32, hash string) error {
	if err := given.Context(ctx); err != nil {
		clear(out)
		return err
	}
	if iterations == 0 {
		return ErrIterations
	}
	factory, err := hashalg.Factory(hash)
	if err != nil {
		return err
	}
	p := newPRF(factory, password)
	defer p.wipe()
	if err := p.block(ctx, out, salt, number, iterations); err != nil {
		clear(out)
		return fmt.Errorf("pbkdf2: %w", err)
	}
	return nil
}

// split cuts out into pieces of size bytes, the last of which may be shorter.
func split(out []byte, size int) [][]byte {
	var blocks [][]byte
	for len(out) > 0 {
		n := min(size, len(out))
		blocks = append(blocks, out[:n:n])
		out = out[n:]
	}
	return blocks
}

// each calls do for 0 … n-1 on as many goroutines as workers says and returns the first error.
func each(n, workers int, do func(int) error) error {
	if workers <= 1 {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = do(i)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

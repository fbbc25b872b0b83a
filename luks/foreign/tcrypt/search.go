// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/kdf/pbkdf2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Volume is an unlocked volume. The caller closes it.
type Volume struct {
	Header
	Place      Place
	Derivation Derivation
	Chain      Chain
	keys       *secret.Buffer // the key area
}

// Close wipes the keys.
func (v *Volume) Close() error { return v.keys.Close() }

// derivedSize is how much is derived from a password at most, and with Argon2 always, bytes: another length gives
// another key there.
const derivedSize = 192

// candidate is a header under one derivation.
type candidate struct {
	Derivation
	from    *Sealed
	params  kdf.Params
	size    int            // of a block of the derivation, bytes
	derived *secret.Buffer // derivedSize bytes
	done    []bool         // blocks that are there
	tried   int            // bytes up to which the chains were tried
}

// step is a piece of work for one processor: a block of a candidate's key.
type step struct {
	of    *candidate
	block int
}

// search is one Search.
type search struct {
	password []byte
	chains   []Chain
	steps    []step

	mu      sync.Mutex
	next    int
	found   *Volume
	err     error // that ends the search
	skipped []error
	lacking map[Chain]error // chains that the kernel does not compute
}

// Search tries a password on headers, on all processors side by side. The likeliest and cheapest derivations come
// first, and of each only as much is derived as the chains of ciphers need one after the other: a single cipher takes
// 64 of 192 bytes. Errors: a NoHeaderError; a FieldError of a header that opens and cannot be; the context's.
func Search(ctx context.Context, headers []Sealed, password []byte, t Trial) (*Volume, error) {
	s := &search{password: password, chains: t.chains(), lacking: map[Chain]error{}}
	candidates, err := s.plan(headers, t)
	defer func() {
		for _, c := range candidates {
			c.derived.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	planned := len(s.skipped)
	s.run(ctx, t.Workers)
	switch {
	case s.found != nil:
		return s.found, nil
	case s.err != nil:
		return nil, s.err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	none := &NoHeaderError{
		Tried: len(candidates) - len(s.skipped[planned:]), Skipped: s.skipped,
		Chains: len(s.chains) - len(s.lacking),
	}
	for _, c := range s.chains {
		if err := s.lacking[c]; err != nil {
			none.Lacking = append(none.Lacking, err)
		}
	}
	return nil, none
}

// chains are those to be tried.
func (t Trial) chains() (list []Chain) {
	for _, c := range chains {
		if strings.Contains(c.Ciphers, t.Cipher) {
			list = append(list, c)
		}
	}
	return list
}

// plan lists the steps.
func (s *search) plan(headers []Sealed, t Trial) (all []*candidate, err error) {
	longest, xts := 0, false
	for _, c := range s.chains {
		longest = max(longest, c.keyed())
		xts = xts || c.Mode == modeXTS
	}
	if longest == 0 {
		return nil, nil
	}
	for i := range headers {
		for _, d := range t.derivations(headers[i].Place) {
			if d.VeraCrypt && !xts { // it never had another mode
				continue
			}
			c := &candidate{Derivation: d, from: &headers[i], params: d.params(t.PIM), size: derivedSize}
			c.params.Salt = headers[i].Bytes[:saltSize]
			if err := kdf.OpeningLimits().Admit(c.params); err != nil && !t.AnyCost {
				s.skipped = append(s.skipped, err)
				continue
			}
			if !d.Argon2() {
				if c.size, err = hashalg.Size(d.Hash); err != nil {
					return all, err
				}
			}
			if c.derived, err = secret.New(derivedSize); err != nil {
				return all, err
			}
			c.done = make([]bool, (longest+c.size-1)/c.size)
			all = append(all, c)
		}
	}
	s.order(all)
	return all, nil
}

// firstKeys is what a single cipher takes, bytes.
const firstKeys = 64

// order puts the steps in their order: what takes no time and the likeliest derivation as a whole, then of all others
// what a single cipher takes, then the rest.
func (s *search) order(all []*candidate) {
	add := func(c *candidate, from, to int) {
		for block := from; block < min(to, len(c.done)); block++ {
			s.steps = append(s.steps, step{c, block})
		}
	}
	var later []*candidate
	for _, c := range all {
		single := (firstKeys + c.size - 1) / c.size
		add(c, 0, single)
		if !c.VeraCrypt || c.Hash == "sha512" {
			add(c, single, len(c.done))
		} else {
			later = append(later, c)
		}
	}
	for _, c := range later {
		add(c, (firstKeys+c.size-1)/c.size, len(c.done))
	}
}

// run works off the steps.
func (s *search) run(ctx context.Context, workers int) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var group sync.WaitGroup
	for range min(workers, len(s.steps)) {
		group.Go(func() {
			for {
				one, any := s.take()
				if !any {
					return
				}
				if s.work(ctx, one) {
					stop()
					return
				}
			}
		})
	}
	group.Wait()
}

func (s *search) take() (one step, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == len(s.steps) {
		return step{}, false
	}
	s.next++
	return s.steps[s.next-1], true
}

// work derives a block and tries the chains that have their keys then. It is true where the search is over.
func (s *search) work(ctx context.Context, one step) (over bool) {
	err := one.derive(ctx, s.password)
	if ctx.Err() != nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.skipped = append(s.skipped, err)
		return false
	}
	one.of.done[one.block] = true
	var v *Volume
	if v, err = one.of.try(s.chains, s.lacking); v == nil && err == nil {
		return false
	}
	if s.found == nil && s.err == nil {
		s.found, s.err = v, err
	} else if v != nil {
		v.Close()
	}
	return true
}

func (one step) derive(ctx context.Context, password []byte) error {
	c := one.of
	if c.Argon2() {
		return c.params.Derive(ctx, c.derived.Bytes(), password)
	}
	out := c.derived.Bytes()[one.block*c.size:]
	out = out[:min(len(out), c.size)]
	return pbkdf2.Block(ctx, out, password, c.params.Salt, uint32(one.block)+1, c.params.Iterations, c.params.Hash)
}

// try decrypts the header by each chain whose keys are there since the last time. It is nil and no error where that
// gives no header. What the kernel does not compute becomes lacking, and is not tried again.
func (c *candidate) try(chains []Chain, lacking map[Chain]error) (*Volume, error) {
	ready := 0
	for ready < len(c.done) && c.done[ready] {
		ready++
	}
	from, to := c.tried, min(ready*c.size, derivedSize)
	c.tried = max(c.tried, to)
	plain, err := secret.New(HeaderSize)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	for _, chain := range chains {
		n := chain.keyed()
		if n <= from || n > to || c.VeraCrypt && chain.Mode != modeXTS || lacking[chain] != nil {
			continue
		}
		v, err := c.decrypt(chain, plain.Bytes())
		if errors.Is(err, sector.ErrUnsupported) {
			lacking[chain], err = err, nil
		}
		if v != nil || err != nil {
			return v, err
		}
	}
	return nil, nil
}

// decrypt puts the header into plain, and makes a volume of it if it is one.
func (c *candidate) decrypt(chain Chain, plain []byte) (*Volume, error) {
	var block [unit]byte
	defer secret.Wipe(block[:])
	copy(block[:], c.from.Bytes[saltSize:])
	if err := chain.decryptHeader(&block, c.derived.Bytes()[:chain.keyed()]); err != nil {
		return nil, err
	}
	copy(plain[saltSize:], block[:])
	if !magic(plain) || !sound(plain) || (string(plain[64:68]) == "VERA") != c.VeraCrypt {
		return nil, nil
	}
	h, err := parse(plain)
	if err != nil {
		return nil, err
	}
	keys, err := secret.Copy(plain[256:])
	if err != nil {
		return nil, err
	}
	return &Volume{Header: h, Place: c.from.Place, Derivation: c.Derivation, Chain: chain, keys: keys}, nil
}

// OutOfMemory is what an Argon2id that could not be tried lacked; nil if there was none.
func (e *NoHeaderError) OutOfMemory() *kdf.MemoryError {
	var memory *kdf.MemoryError
	errors.As(errors.Join(e.Skipped...), &memory)
	return memory
}

// Keys is the key area, which stays the volume's.
func (v *Volume) Keys() *secret.Buffer { return v.keys }

// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/token/modular"
)

// Shamir's secret sharing as clevis has it: a polynomial of t coefficients modulo a prime, whose constant is the key.
// A share is x ‖ f(x), each as long as the prime.

// ErrTooFew: not as many shares as the key takes could be got. It comes with the reasons.
var ErrTooFew = errors.New("too few of its shares could be got")

// sssKey gets shares, all at once, until there are enough.
func (h *protectedHeader) sssKey(ctx context.Context, help Help) (*secret.Buffer, error) {
	m, err := modular.New(unbase64(h.Clevis.SSS.Prime))
	if err != nil {
		return nil, fmt.Errorf("%w: p: %w", ErrBroken, err)
	}
	racing, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		share *secret.Buffer
		err   error
	}
	results := make(chan result, len(h.Clevis.SSS.Shares))
	for _, text := range h.Clevis.SSS.Shares {
		go func() {
			share, err := openCompact(racing, text, help)
			results <- result{share, err}
		}()
	}
	var shares []*secret.Buffer
	reasons := []error{ErrTooFew}
	for range h.Clevis.SSS.Shares {
		r := <-results
		switch {
		case r.err != nil:
			reasons = append(reasons, r.err)
		case len(shares) < h.Clevis.SSS.Threshold:
			shares = append(shares, r.share)
		default:
			_ = r.share.Close()
		}
		if len(shares) == h.Clevis.SSS.Threshold {
			cancel()
		}
	}
	defer func() {
		for _, s := range shares {
			_ = s.Close()
		}
	}()
	if len(shares) < h.Clevis.SSS.Threshold {
		return nil, errors.Join(reasons...)
	}
	return combine(m, shares)
}

func openCompact(ctx context.Context, text string, help Help) (*secret.Buffer, error) {
	j, ok := compactParts(text)
	if !ok {
		return nil, ErrBroken
	}
	return j.open(ctx, help)
}

func compactParts(text string) (j parts, ok bool) {
	list := strings.Split(text, ".")
	if len(list) != 5 {
		return j, false
	}
	return parts{Protected: list[0], IV: list[2], Ciphertext: list[3], Tag: list[4]}, true
}

// combine finds the constant: the sum of each y times the product of x' / (x' - x) over the other shares' x'.
func combine(m *modular.Modulus, shares []*secret.Buffer) (*secret.Buffer, error) {
	size := m.Size()
	var xs, ys []modular.Number
	for _, s := range shares {
		if s.Len() != 2*size {
			return nil, fmt.Errorf("%w: a share of %d bytes, not %d", ErrBroken, s.Len(), 2*size)
		}
		x, ok := m.Number(s.Bytes()[:size])
		y, also := m.Number(s.Bytes()[size:])
		if !ok || !also {
			return nil, fmt.Errorf("%w: a share that is beyond its prime", ErrBroken)
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	sum, difference := m.Zero(), m.Zero()
	for i := range shares {
		above, below := m.One(), m.One()
		for j := range shares {
			if i == j {
				continue
			}
			m.Multiply(above, above, xs[j])
			m.Subtract(difference, xs[j], xs[i])
			m.Multiply(below, below, difference)
		}
		m.Invert(below, below)
		m.Multiply(above, above, below)
		m.Multiply(above, above, ys[i])
		m.Add(sum, sum, above)
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	m.Bytes(key.Bytes(), sum)
	clear(sum)
	return key, nil
}

// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// Source is one way to the key of a volume.
type Source interface {
	// Name is what messages call it: "key file /k on LABEL=keys".
	Name() string
	// Secrets finds secrets and gives each to try, which returns nil for the one that opens the volume
	// and luks.ErrPassphrase for a wrong one, and closes it. It returns nil once one has opened the
	// volume, or why it has no more to try. The context ends when another source was quicker.
	Secrets(ctx context.Context, try Try) error
}

// Try tries a secret on the volume.
type Try func(ctx context.Context, s Secret) error

// Secret is something that may open a volume.
type Secret struct {
	*secret.Buffer
	Keyslot   int  // luks.AnyKeyslot, or the one it is for
	VolumeKey bool // it is the volume key itself
	Typed     bool // by a person: the key of a plain volume is made of it by hashing
	// From is where it came from, where that says more than the source's name.
	From string
}

// Passphrase is a secret for any keyslot.
func Passphrase(b *secret.Buffer) Secret { return Secret{Buffer: b, Keyslot: luks.AnyKeyslot} }

// One is a source of one secret.
type One struct {
	Label string // Name
	Get   func(ctx context.Context) (Secret, error)
}

// Name is the label.
func (o One) Name() string { return o.Label }

// Secrets gets the one secret.
func (o One) Secrets(ctx context.Context, try Try) error {
	s, err := o.Get(ctx)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return try(ctx, s)
}

// Prompt asks people until an answer opens the volume or no tries are left.
type Prompt struct {
	Label string // Name
	Tries int
	Ask   func(ctx context.Context) (*secret.Buffer, error)
	Wrong func() // called after each wrong answer; nil for none
	// Recovery are the keyslots of recovery keys, for Typed; nil gives each answer as it is.
	Recovery []int
}

// Name is the label.
func (p Prompt) Name() string { return p.Label }

// Secrets asks; anything but a wrong answer ends it.
func (p Prompt) Secrets(ctx context.Context, try Try) error {
	last := error(luks.ErrPassphrase)
	for range p.Tries {
		answer, err := p.Ask(ctx)
		if err != nil {
			return errors.Join(err, answer.Close())
		}
		s := Passphrase(answer)
		s.Typed = true
		if p.Recovery != nil {
			last = Typed(ctx, try, s, p.Recovery)
		} else {
			last = try(ctx, s)
		}
		if !errors.Is(last, luks.ErrPassphrase) {
			return last
		}
		if p.Wrong != nil {
			p.Wrong()
		}
	}
	return last
}

// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Source is one way to the key of a volume. All sources of a volume run at once; the context ends
// when another one was quicker.
type Source interface {
	// Name is what messages call it: "key file /k on LABEL=keys".
	Name() string
	// Secrets finds secrets and gives each to try, which returns nil for the one that opens the
	// volume and luks.ErrPassphrase for a wrong one, and closes it. It returns nil once one has
	// opened the volume, or why it has no more to try.
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
}

// once gives one secret to try.
func once(ctx context.Context, try Try, get func() (Secret, error)) error {
	s, err := get()
	if err != nil {
		return err
	}
	return try(ctx, s)
}

// SPDX-License-Identifier: Apache-2.0

package unlock

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// AnyKeyslot is the number of no keyslot.
const AnyKeyslot = -1

// Key is a key recovered from a keyslot, or given and verified.
type Key struct {
	*secret.Buffer
	Keyslot int // AnyKeyslot where the key was given
	Digest  int // LUKS2: id of the digest that verified it; 0 for LUKS1
	// From is what the keyslot was that the key came from; nil where the key was given.
	From *commit.Identity
}

// Close wipes the key; nil has nothing to wipe.
func (k *Key) Close() error {
	if k == nil {
		return nil
	}
	return k.Buffer.Close()
}

// Bytes are those of the key; nil where there is none.
func (k *Key) Bytes() []byte {
	if k == nil {
		return nil
	}
	return k.Buffer.Bytes()
}

// Len is the length of the key in bytes; 0 where there is none.
func (k *Key) Len() int {
	if k == nil {
		return 0
	}
	return k.Buffer.Len()
}

// Verify takes over a key that was given and checks that it is the volume key: ErrVolumeKey where it is not,
// fault.ErrUnsupported where the header has no digest of a known type, and the key is then closed.
func Verify(ctx context.Context, v view.View, key *secret.Buffer) (*Key, error) {
	if v.Digest == nil {
		return nil, errors.Join(fault.ErrUnsupported, key.Close())
	}
	fits, err := v.Digest.Verify(ctx, key.Bytes())
	if err == nil && fits {
		return &Key{Buffer: key, Keyslot: AnyKeyslot, Digest: max(v.Data.DigestID, 0)}, nil
	}
	if err == nil {
		err = ErrVolumeKey
	}
	return nil, errors.Join(err, key.Close())
}

// Authority is what an operation believes that a key allows: the keyslot which gave it still stands, or the
// data still have the digest that it satisfied. nil allows nothing, and nothing is believed.
func Authority(v view.View, key *Key) commit.Expect {
	switch {
	case key == nil:
		return commit.Expect{}
	case key.From != nil:
		return commit.Expect{Authority: key.From}
	}
	return commit.Expect{VolumeKey: v.KeyDigest()}
}

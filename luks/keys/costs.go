// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"time"

	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// What the costs of a keyslot are measured for where nobody says them: cryptsetup's defaults.
const (
	unlockTime = 2 * time.Second
	mostMemory = 1 << 20 // KiB
	mostCPUs   = 4
)

// measured are the costs of a new keyslot: what n says, or what is measured where it says nothing.
func (n New) measured(ctx context.Context, v view.View, keySize int) (kdf.Params, error) {
	if n.KDF.Type != "" {
		return n.KDF, nil
	}
	r := kdf.Request{
		Type: kdf.Argon2id, Hash: n.Hash, Target: unlockTime, MaxMemory: mostMemory, MaxCPUs: mostCPUs,
		KeySize: keySize,
	}
	if v.Version == 1 {
		r.Type, r.Hash = kdf.PBKDF2, v.LUKS1.HashSpec
	}
	if r.Hash == "" {
		r.Hash = defaultHash
	}
	return kdf.Calibrate(ctx, r)
}

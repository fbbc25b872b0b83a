// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// keyring finds out which passphrases open a volume, and remembers: a keyslot opens by its entry in
// the header and the contents of its area.
type keyring struct {
	passphrases []string
	suspects    int // materials that are really tried on one door
	mu          sync.Mutex
	known       map[lock]bool
	shut        map[door]int // materials that did not open
	fit         map[fitting]bool
}

// fitting is a door with material that opens it, wherever that lies.
type fitting struct {
	door
	material [sha256.Size]byte
}

// door is a keyslot, as the header describes it, and a passphrase.
type door struct {
	entry      [sha256.Size]byte
	passphrase string
}

// lock is a door with the material in the keyslot's area.
type lock struct {
	door
	area disk.Sum
}

// suspects is how many materials are really tried on one door. Beyond them, what is not known to
// open is torn or half wiped, and every stripe of it is needed: it is taken to stay shut, unless the same
// material opened it from another place.
const suspects = 50

func newKeyring() *keyring { return newKeyringOf(suspects, passphrases()...) }

// newKeyringOf knows those passphrases.
func newKeyringOf(suspects int, passphrases ...string) *keyring {
	return &keyring{passphrases: passphrases, suspects: suspects, known: map[lock]bool{}, shut: map[door]int{}, fit: map[fitting]bool{}}
}

// opening returns the passphrases that open a keyslot of the volume, and the keyslots they open.
func (r *keyring) opening(m *disk.Image, v *luks.Volume) (map[string]int, error) {
	open := map[string]int{}
	for _, k := range v.Keyslots {
		if !k.Openable() {
			continue
		}
		for _, passphrase := range r.passphrases {
			fits, err := r.fits(m, v, k, passphrase)
			if err != nil {
				return nil, err
			}
			if fits {
				open[passphrase] = k.ID
			}
		}
	}
	return open, nil
}

func (r *keyring) fits(m *disk.Image, v *luks.Volume, k luks.Keyslot, passphrase string) (bool, error) {
	l := lock{door{entry(v, k), passphrase}, m.SumOf(areaOf(k))}
	r.mu.Lock()
	fits, known := r.known[l]
	tired := r.shut[l.door] >= r.suspects
	r.mu.Unlock()
	if known {
		return fits, nil
	}
	material := fitting{l.door, materialOf(m, k)}
	if tired {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.fit[material], nil
	}
	fits, err := unlocks(m, k, passphrase)
	if err != nil {
		return false, err
	}
	r.note(l, material, fits)
	return fits, nil
}

func (r *keyring) note(l lock, material fitting, fits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[l] = fits
	if fits {
		r.fit[material] = true
	} else {
		r.shut[l.door]++
	}
}

// materialOf identifies what lies in a keyslot's area; what cannot be read is like nothing else.
func materialOf(m *disk.Image, k luks.Keyslot) (sum [sha256.Size]byte) {
	r := areaOf(k)
	p := make([]byte, r.Length)
	if _, err := m.ReadAt(p, r.Offset); err != nil {
		return sum
	}
	return sha256.Sum256(p)
}

// entry identifies what the header says of the keyslot and of the key's digest.
func entry(v *luks.Volume, k luks.Keyslot) [sha256.Size]byte {
	text := fmt.Sprintf("%x %d %s", k.Spec.KDF.Salt, k.Spec.KeySize, v.UUID)
	if v.Version == 1 { // without a checksum any field may be wrong
		h := v.LUKS1.WithUUID("")
		slot := h.Keyslots[k.ID]
		h.Keyslots = [luks1.KeyslotCount]luks1.Keyslot{}
		text = fmt.Sprintf("%+v %+v", h, slot)
	}
	return sha256.Sum256([]byte(text))
}

// mostIterations is more than any volume here has. A header without a checksum that rotted may ask for
// thousands of millions, and would not open after them.
const mostIterations = 1 << 16

func sane(p kdf.Params) error {
	if p.Iterations > mostIterations {
		return kdf.ErrCost
	}
	return nil
}

// unlocks tries a passphrase on one keyslot of the volume in the image.
func unlocks(m *disk.Image, k luks.Keyslot, passphrase string) (bool, error) {
	v, err := load(m)
	if err != nil {
		return false, err
	}
	o := luks.UnlockOptions{Keyslot: luks.At(k.ID), Unbound: true, Admit: sane}
	key, err := v.Unlock(context.Background(), []byte(passphrase), o)
	var unreadable *luks.KeyslotError
	switch {
	case err == nil:
		return true, key.Close()
	case errors.Is(err, luks.ErrPassphrase), errors.As(err, &unreadable):
		return false, nil
	}
	return false, err
}

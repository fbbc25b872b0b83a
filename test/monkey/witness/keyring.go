// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
)

// Keyring are the passphrases that the driver ever used. The zero value has none.
type Keyring struct {
	names []string // the newest last; a passphrase is its own name
	seed  maphash.Seed
	known map[uint64]opened
}

type opened struct {
	name, key string
	tried     int // of the passphrases, where none of them opens
}

// Add makes a passphrase known, or brings it to the front of those that are tried.
func (k *Keyring) Add(name string) {
	for i, n := range k.names {
		if n == name {
			k.names = append(k.names[:i], k.names[i+1:]...)
			for h, o := range k.known {
				if o.name == "" && i < o.tried {
					o.tried--
					k.known[h] = o
				}
			}
			break
		}
	}
	k.names = append(k.names, name)
}

// open finds the passphrase that opens a keyslot, and the key inside.
func (k *Keyring) open(l lock, area []byte) (name, key string) {
	if k.known == nil {
		k.seed, k.known = maphash.MakeSeed(), map[uint64]opened{}
	}
	id := k.identity(l, area)
	o := k.known[id]
	if o.name != "" {
		return o.name, o.key
	}
	for i := len(k.names) - 1; i >= o.tried; i-- {
		found, err := l.open(k.names[i], area)
		if err != nil {
			break
		}
		if found != nil {
			o = opened{name: k.names[i], key: string(found)}
			break
		}
	}
	o.tried = len(k.names)
	k.known[id] = o
	return o.name, o.key
}

func (k *Keyring) identity(l lock, area []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	fmt.Fprintf(&h, "%v", l)
	h.Write(area)
	return h.Sum64()
}

// Clone is a keyring that learns on its own.
func (k *Keyring) Clone() Keyring {
	return Keyring{names: slices.Clone(k.names), seed: k.seed, known: maps.Clone(k.known)}
}

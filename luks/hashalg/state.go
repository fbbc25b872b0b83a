// SPDX-License-Identifier: Apache-2.0

package hashalg

import (
	"hash"
	"reflect"
)

// Midstate is a saved intermediate state of a hash that can be put back any number of times at
// the price of a memory copy: what HMAC needs to process its padded key once only.
//
// All hashes here are plain structs without pointers, which a test pins down, so that copying
// the struct copies the state. (BinaryUnmarshaler costs several times as much, and ripemd160 and
// whirlpool have none.)
type Midstate struct {
	saved reflect.Value
	live  reflect.Value
}

// Save takes the present state of h, to which Restore returns it.
func Save(h hash.Hash) Midstate {
	live := reflect.ValueOf(h).Elem()
	saved := reflect.New(live.Type()).Elem()
	saved.Set(live)
	return Midstate{saved: saved, live: live}
}

// Restore returns the hash to its state at Save.
func (m Midstate) Restore() { m.live.Set(m.saved) }

// Wipe overwrites the saved state, which then must not be restored.
func (m Midstate) Wipe() { m.saved.SetZero() }

// Wipe overwrites the state of h, which holds traces of what was hashed; h must not be used afterwards.
func Wipe(h hash.Hash) { reflect.ValueOf(h).Elem().SetZero() }

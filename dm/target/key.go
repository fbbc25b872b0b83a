// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Key is the key field of a crypt line. The zero value is the empty key, "-".
type Key struct {
	Raw  *secret.Buffer // the key itself; rendered in hexadecimal
	Ring *RingKey       // or a key of the kernel's keyring
}

// RingKey names a key in the kernel's keyring, ":<size>:<type>:<description>". The kernel looks it
// up in the keyrings of the thread that loads the table.
type RingKey struct {
	Size        int    // bytes
	Type        string // "logon", "user", "encrypted" or "trusted"
	Description string // for logon keys with a prefix and a colon
}

// String renders the reference, which is no secret.
func (k RingKey) String() string {
	return ":" + strconv.Itoa(k.Size) + ":" + k.Type + ":" + k.Description
}

// Close wipes the key.
func (k Key) Close() error { return k.Raw.Close() }

// Size returns the length of the key in bytes, zero for the empty key.
func (k Key) Size() int {
	if k.Ring != nil {
		return k.Ring.Size
	}
	return k.Raw.Len()
}

// Clone returns a Key with its own copy of the key material.
func (k Key) Clone() (Key, error) {
	if k.Ring != nil {
		ring := *k.Ring
		return Key{Ring: &ring}, nil
	}
	raw, err := secret.Copy(k.Raw.Bytes())
	return Key{Raw: raw}, err
}

func (k Key) write(w *writer) {
	switch {
	case k.Ring != nil && k.Raw.Len() > 0:
		w.fail("key", "", "both a key and a keyring reference")
	case k.Ring != nil:
		k.Ring.write(w)
	case k.Raw.Len() > 0:
		w.separate()
		w.hex(k.Raw.Bytes())
	default:
		w.word("key", "-")
	}
}

func (k RingKey) write(w *writer) {
	if k.Size <= 0 || k.Type == "" || strings.Contains(k.Type, ":") || k.Description == "" {
		w.fail("key", k.String(), "not a keyring reference :<size>:<type>:<description>")
		return
	}
	w.word("key", k.String())
}

func (r *reader) key(field string) Key {
	word := r.raw(field)
	switch {
	case r.err != nil || string(word) == "-":
		return Key{}
	case word[0] == ':':
		return Key{Ring: r.ringKey(field, string(word))}
	default:
		return Key{Raw: r.decodeHex(field, word)}
	}
}

func (r *reader) ringKey(field, word string) *RingKey {
	parts := strings.SplitN(word[1:], ":", 3)
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" || !printable(word) {
		r.fail(field, word, "not a keyring reference :<size>:<type>:<description>")
		return nil
	}
	size, err := strconv.ParseUint(parts[0], 10, 31)
	if err != nil || size == 0 {
		r.fail(field, word, "key size is not a positive number")
		return nil
	}
	return &RingKey{Size: int(size), Type: parts[1], Description: parts[2]}
}

// KeyWipe is the message that makes a suspended crypt target forget its key.
const KeyWipe = "key wipe"

// KeySet renders the message "key set <key>", which gives a suspended crypt target its key back.
// The caller closes the buffer.
func KeySet(k Key) (*secret.Buffer, error) {
	w := newWriter("crypt")
	w.word("message", "key")
	w.word("message", "set")
	k.write(w)
	return w.finish()
}

// keyed is an option "name:algorithm[:hexkey]" of the integrity target.
func (r *reader) keyed(field string, word []byte) KeyedAlgorithm {
	name, key, found := bytes.Cut(word, []byte{':'})
	k := KeyedAlgorithm{Algorithm: string(name)}
	if !printable(k.Algorithm) {
		r.fail(field, "", "no algorithm")
	}
	if found {
		k.Key = r.decodeHex(field, key)
	}
	return k
}

// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Keys are the volume keys of both ends; nil where an end is plain. They stay the caller's.
type Keys struct{ Old, New []byte }

// Verify tells whether the keys are those of the run, and whether its metadata are those that a holder of the keys
// wrote. Errors: ErrKey, ErrDigest, a kdf.CostError for digests that no sane header has, the context's.
func (r *Run) Verify(ctx context.Context, keys Keys) error {
	if err := r.VerifyKeys(ctx, keys); err != nil {
		return err
	}
	if r.Digest == nil {
		return fmt.Errorf("%w: there is none", ErrDigest)
	}
	message, err := r.message(keys)
	defer secret.Wipe(message)
	if err != nil {
		return err
	}
	if fits, err := verify(ctx, *r.Digest, message); err != nil || !fits {
		return failed(ErrDigest, err)
	}
	return nil
}

// VerifyKeys is Verify but for the metadata.
func (r *Run) VerifyKeys(ctx context.Context, keys Keys) error {
	if err := r.Old.verify(ctx, "old", keys.Old); err != nil {
		return err
	}
	return r.New.verify(ctx, "new", keys.New)
}

// verify holds the key against the end's digest. Plain data need none.
func (e End) verify(ctx context.Context, name string, key []byte) error {
	if e.Key == nil {
		return nil
	}
	if fits, err := verify(ctx, *e.Key, key); err != nil || !fits {
		return failed(fmt.Errorf("%s key: %w", name, ErrKey), err)
	}
	return nil
}

// failed is the error where there is one, and the refusal otherwise.
func failed(refusal, err error) error {
	if err != nil {
		return err
	}
	return refusal
}

// KeyOf tells whether a key is the one that the digest was made of.
func KeyOf(ctx context.Context, d luks2.Digest, key []byte) (bool, error) { return verify(ctx, d, key) }

func verify(ctx context.Context, d luks2.Digest, password []byte) (bool, error) {
	if err := kdf.OpeningLimits().Admit(kdf.Params{Type: kdf.PBKDF2, Iterations: d.Iterations}); err != nil {
		return false, fmt.Errorf("digest %d: %w", d.ID, err)
	}
	one := digest.Digest{Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Sum: d.Value}
	return one.Verify(ctx, password)
}

// longestText is how long a text in the message may be; with a longer one there is no digest.
const longestText = 64

// message is the password of the digest over the metadata.
func (r *Run) message(keys Keys) ([]byte, error) {
	m := message{bytes.NewBuffer(make([]byte, 0, 4096)), nil} // long enough not to leave keys behind as it grows
	m.WriteString(fmt.Sprintf("v%d", r.Version))
	if r.Old.Key != nil {
		m.Write(keys.Old)
	}
	if r.New.Key != nil && (r.Old.Key == nil || r.Old.Key.ID != r.New.Key.ID) {
		m.Write(keys.New)
	}
	kind := r.Area.Type
	m.text(r.Mode, r.Direction, kind)
	m.u64(r.Area.Offset, r.Area.Size)
	if strings.HasSuffix(kind, "checksum") {
		m.text(r.Hash)
		m.u32(r.UnitSize)
	}
	if r.shifts() {
		m.u64(r.Shift)
	}
	m.segment(r.Old.Segment)
	m.segment(r.New.Segment)
	if r.Moved != nil {
		m.segment(*r.Moved)
	}
	return m.Bytes(), m.err
}

type message struct {
	*bytes.Buffer
	err error
}

func (m *message) text(words ...string) {
	for _, word := range words {
		if len(word) > longestText {
			m.err = fmt.Errorf("%w: a text of %d bytes", ErrDigest, len(word))
		}
		m.WriteString(word)
	}
}

func (m *message) u64(numbers ...uint64) {
	for _, n := range numbers {
		m.Write(binary.BigEndian.AppendUint64(nil, n))
	}
}

func (m *message) u32(n uint32) { m.Write(binary.BigEndian.AppendUint32(nil, n)) }

func (m *message) segment(s luks2.Segment) {
	m.text(s.Type)
	m.u64(s.Offset)
	if s.Dynamic {
		m.WriteString("dynamic")
	} else {
		m.u64(s.Size)
	}
	if s.Type == "crypt" {
		m.u64(s.IVTweak)
		m.text(s.Encryption)
		m.u32(s.SectorSize)
	}
}

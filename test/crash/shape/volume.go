// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// UUID is that of every volume made here.
const UUID = "55555555-6666-4777-8888-999999999999"

// UnboundPassphrase opens the unbound keyslot.
const UnboundPassphrase = "the passphrase of a key of its own"

// VolumeKey is the key of a volume of that shape.
func (s Shape) VolumeKey() []byte {
	return []byte("a volume key that is known to all, of any length up to 64 bytes.")[:s.KeySize]
}

// Protection is a keyslot of that id which costs next to nothing.
func Protection(id int) luks.NewKeyslot {
	return luks.NewKeyslot{
		ID: luks.At(id), Priority: luks2.PriorityNormal,
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1},
	}
}

// options are those that format the volume.
func (s Shape) options() (luks.FormatOptions, error) {
	key, err := secret.From(s.VolumeKey())
	o := luks.FormatOptions{
		Version: s.Version, Cipher: s.cipher(), KeySize: s.KeySize, Hash: "sha256", SectorSize: s.SectorSize,
		UUID: UUID, VolumeKey: key, Keyslot: Protection(s.Keyslots[0]),
		DataOffset: s.DataOffset, MetadataSize: s.Header, KeyslotsSize: s.KeyslotsSize,
	}
	if s.Detached != Attached {
		o.Detached, o.DataSize = true, s.DataOffset+mib
	}
	return o, err
}

func (s Shape) cipher() string {
	if s.KeySize == 16 {
		return "aes-cbc-essiv:sha256"
	}
	return "aes-xts-plain64"
}

// Make makes the volume. The error is what the library refuses.
func (s Shape) Make() (*disk.Image, error) {
	m, err := s.formatted()
	if err != nil {
		return nil, err
	}
	steps := []func(*luks.Volume, *luks.Key) error{s.fillKeyslots}
	if s.Filled {
		steps = append(steps, s.fillTokens)
	}
	for _, step := range steps {
		if m, err = s.On(m, step); err != nil {
			return nil, err
		}
	}
	if s.SeqID > 0 {
		if m, err = withSeqID(m, s.SeqID); err != nil {
			return nil, err
		}
	}
	if s.Far {
		if m, err = s.On(m, enableFar); err != nil {
			return nil, err
		}
	}
	return s.damaged(m)
}

func (s Shape) formatted() (*disk.Image, error) {
	d := disk.NewRecorder(disk.NewImage(make([]byte, s.Device)), disk.Fault{})
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	if _, err := luks.Format(context.Background(), d, []byte(Passphrase(s.Keyslots[0])), o); err != nil {
		return nil, fmt.Errorf("formatting: %w", err)
	}
	return d.Trace(nil).After(), nil
}

// On takes a step on the volume in the image and returns what it leaves. The key is the volume's,
// as if it came from a keyslot that is there.
func (s Shape) On(m *disk.Image, step func(*luks.Volume, *luks.Key) error) (*disk.Image, error) {
	d := disk.NewRecorder(m, disk.Fault{})
	if err := s.Through(d, step); err != nil {
		return nil, err
	}
	return d.Trace(nil).After(), nil
}

// Through takes a step on the volume of a device. The key is not verified: that takes long, and reads nothing.
func (s Shape) Through(dev luks.Device, step func(*luks.Volume, *luks.Key) error) error {
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		return err
	}
	given, err := secret.From(s.VolumeKey())
	if err != nil {
		return err
	}
	held := s.Held()
	key := &luks.Key{Buffer: given, Keyslot: held[0], Digest: max(v.Data.DigestID, 0)}
	defer key.Close()
	return step(v, key)
}

func (s Shape) fillKeyslots(v *luks.Volume, key *luks.Key) error {
	ctx := context.Background()
	for _, id := range s.Keyslots[1:] {
		if _, err := v.AddKey(ctx, key, []byte(Passphrase(id)), Protection(id)); err != nil {
			return fmt.Errorf("keyslot %d: %w", id, err)
		}
	}
	if s.Unbound {
		n := Protection(luks.AnyKeyslot)
		if _, err := v.AddUnboundKey(ctx, s.VolumeKey()[1:16], []byte(UnboundPassphrase), n); err != nil {
			return fmt.Errorf("unbound keyslot: %w", err)
		}
	}
	for _, id := range s.Keyslots[:s.Removed] {
		if err := v.KillKeyslot(ctx, id, nil); err != nil {
			return fmt.Errorf("keyslot %d: %w", id, err)
		}
	}
	return nil
}

// fillTokens makes the longest token that leaves Left bytes of the JSON area free.
func (s Shape) fillTokens(v *luks.Volume, _ *luks.Key) error {
	const frame = 200 // bytes, at most, of what a token takes beside its note
	room := int(s.Header) - luks2.BinarySize - len(v.Metadata().Text()) - frame - int(s.Left)
	if room < 1 {
		return nil
	}
	token := fmt.Sprintf(`{"type":"orthrus-test","keyslots":["%d"],"note":"%s"}`, s.Held()[0],
		strings.Repeat("x", room))
	_, err := v.SetToken(context.Background(), 31, []byte(token))
	return err
}

func enableFar(v *luks.Volume, _ *luks.Key) error {
	_, err := v.EnableFar(context.Background(), luks.Room{})
	return err
}

// withSeqID gives both heads a sequence number.
func withSeqID(m *disk.Image, seqID uint64) (*disk.Image, error) {
	h := header.Read(Still{m})
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		f.Copy.Header.SeqID = seqID
		p, err := luks2.Encode(f.Copy)
		if err != nil {
			return nil, err
		}
		m = m.WithBytes(p, int64(f.Offset))
	}
	return m, nil
}

// damaged lets the damage befall the volume.
func (s Shape) damaged(m *disk.Image) (*disk.Image, error) {
	size := int64(s.Header)
	switch s.Damage {
	case LostPrimary:
		return m.WithBytes(make([]byte, size), 0), nil
	case LostSecondary:
		return m.WithBytes(make([]byte, size), size), nil
	case Sound:
		return m, nil
	}
	at := size * int64(s.Damage-StalePrimary)
	stale := make([]byte, size)
	if _, err := m.ReadAt(stale, at); err != nil {
		return nil, err
	}
	newer, err := s.On(m, func(v *luks.Volume, _ *luks.Key) error {
		return v.SetLabels(context.Background(), "NEWER", "")
	})
	if err != nil {
		return nil, err
	}
	return newer.WithBytes(stale, at), nil
}

// Still makes a device of an image that nothing writes to.
type Still struct{ *disk.Image }

// WriteAt panics.
func (Still) WriteAt([]byte, int64) (int, error) { panic("an image is written to") }

// Sync does nothing.
func (Still) Sync() error { return nil }

// Secrets are the passphrases of the volume, and no others open it.
func (s Shape) Secrets() []string {
	var list []string
	for _, id := range s.Held() {
		list = append(list, Passphrase(id))
	}
	if s.Unbound {
		list = append(list, UnboundPassphrase)
	}
	return slices.Clip(list)
}

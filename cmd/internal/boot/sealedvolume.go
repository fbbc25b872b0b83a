// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
)

// sealedVolume is a BitLocker or FileVault 2 volume on the way to its mapping: one of both.
type sealedVolume struct {
	bitlk   *bitlk.Volume
	fvault2 *fvault2.Volume
}

// prepareSealed reads the metadata.
func (t *task) prepareSealed() error {
	t.opening = luks.NewOpening(nil, t.request())
	t.release = append(t.release, t.opening.Close)
	if err := t.claim(); err != nil {
		return err
	}
	dev, err := block.Open(t.target.Node, 0)
	if err != nil {
		return err
	}
	t.release = append(t.release, dev.Close)
	t.sealed = &sealedVolume{}
	cipher := fvault2.Cipher
	if t.target.Options.Type == crypttab.Bitlk {
		cipher, err = t.sealed.readBitlk(dev, t.target.Options.ReadOnly)
	} else if t.sealed.fvault2, err = fvault2.Load(dev, dev.Size()); err == nil {
		err = t.sealed.fvault2.Openable()
	}
	if err != nil {
		return err
	}
	return t.checkCipher(cipher)
}

func (s *sealedVolume) readBitlk(dev *block.Device, readOnly bool) (cipher string, err error) {
	if s.bitlk, err = bitlk.Load(dev, dev.Size()); err != nil {
		return "", err
	}
	s.bitlk.Unproved = readOnly
	return s.bitlk.Method.Cipher(), s.bitlk.Openable()
}

// unlock gives the key of the data; of a volume whose protection is suspended whatever is given.
func (s *sealedVolume) unlock(ctx context.Context, given []byte) (*secret.Buffer, error) {
	if s.bitlk == nil {
		return s.fvault2.Unlock(ctx, given)
	}
	key, err := s.bitlk.ClearKey()
	if key == nil && (err == nil || errors.Is(err, bitlk.ErrKey)) {
		key, err = s.bitlk.Unlock(ctx, given)
	}
	if err != nil {
		return nil, err
	}
	return key.Buffer, nil
}

// table is the mapping, and the word for it in its UUID.
func (s *sealedVolume) table(device string, key *secret.Buffer, flags target.CryptFlags) (dm.Table, string, error) {
	if s.bitlk == nil {
		line, err := s.fvault2.Table(device, key, flags)
		return dm.Table{line}, activate.FVault2, err
	}
	table, err := s.bitlk.Table(device, &bitlk.Key{Buffer: key}, flags)
	return table, activate.Bitlk, err
}

// sealedKey unlocks when it is its turn. A file is taken as a whole: it may be a startup key.
func (t *task) sealedKey(ctx context.Context, given []byte) (*luks.Key, error) {
	var key *secret.Buffer
	err := t.inTurn(ctx, 0, func(ctx context.Context) (err error) {
		key, err = t.sealed.unlock(ctx, given)
		return err
	})
	switch {
	case errors.Is(err, bitlk.ErrKey), errors.Is(err, fvault2.ErrKey):
		return nil, errors.Join(luks.ErrPassphrase, err)
	case err != nil:
		return nil, err
	}
	return &luks.Key{Buffer: key, Keyslot: luks.AnyKeyslot}, nil
}

// inTurn does work that takes so much memory when its turn comes, and in bounded time.
func (t *task) inTurn(ctx context.Context, memory uint64, work func(context.Context) error) error {
	leave, err := t.gate.Enter(ctx, memory)
	if err != nil {
		return err
	}
	defer leave()
	begun := time.Now()
	defer func() { t.spent(time.Since(begun)) }()
	limited, cancel := context.WithTimeoutCause(ctx, t.deriveTimeout(), ErrSlow)
	defer cancel()
	err = work(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return ErrSlow
	}
	return err
}

// activateSealed maps it with the key that was found.
func (t *task) activateSealed(ctx context.Context, name string) error {
	disk := &t.opening.Disk
	table, kind, err := t.sealed.table(disk.Device.String(), t.key.Buffer, t.target.Options.Flags)
	if err != nil {
		return err
	}
	_, err = t.control.Activate(ctx, dm.Plan{
		Name: name, UUID: activate.UUID(kind, "", name), Table: table,
		ReadOnly: disk.ReadOnly, ReadAhead: disk.ReadAhead,
	})
	return errors.Join(err, table.Close())
}

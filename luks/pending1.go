// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"context"
	"io"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// ComeHome brings the material of a LUKS1 keyslot back where it belongs whose change was cut off on its detour. It
// tells whether there was any.
func (v *Volume) ComeHome(ctx context.Context) (came bool, err error) {
	now := v.now()
	if _, _, found := now.LUKS1.Stray(); now.Version != 1 || !found {
		return false, nil
	}
	err = v.enter1(ctx, func(s *commit.Session1) (err error) {
		came, err = keys.ComeHome(s)
		return err
	})
	return came, err
}

// Lost is a LUKS1 keyslot that a header backup has and the device has no more.
type Lost struct {
	Keyslot int
	// Intact: the material still lies there, so that nobody killed the keyslot: a change in place was cut off
	// between the header that disabled it and the new material.
	Intact bool
}

// Lost lists what a backup, made before a keyslot was changed in place, has and the device has not. Without the
// material it cannot be told from a keyslot that was killed since.
func (v *Volume) Lost(backup *Volume) ([]Lost, error) {
	if !v.is(1) || !backup.is(1) || v.device() == nil || backup.device() == nil {
		return nil, nil
	}
	return lost1(v.dev, v.now().LUKS1, backup)
}

func lost1(dev io.ReaderAt, now luks1.Header, backup *Volume) ([]Lost, error) {
	var list []Lost
	then := backup.now().LUKS1
	if now.UUID != then.UUID || now.Digest != then.Digest {
		return nil, nil
	}
	for _, id := range then.EnabledKeyslots() {
		if now.Keyslots[id].Enabled() || now.Keyslots[id].Offset != then.Keyslots[id].Offset {
			continue
		}
		had, err := material1(backup.dev, then, id)
		if err != nil {
			return nil, err
		}
		has, err := material1(dev, now, id)
		if err != nil {
			return nil, err
		}
		list = append(list, Lost{id, bytes.Equal(has, had)})
	}
	return list, nil
}

func material1(dev io.ReaderAt, h luks1.Header, id int) ([]byte, error) {
	offset, length := h.Material(id)
	p := make([]byte, length)
	return p, header.ReadFull(dev, p, uint64(offset))
}

// TakeBack enables the keyslots of Lost again that are intact, and lists them.
func (v *Volume) TakeBack(ctx context.Context, backup *Volume) (ids []int, err error) {
	if backup.device() == nil {
		return nil, ErrNoDevice
	}
	return ids, v.enter1(ctx, func(s *commit.Session1) error {
		lost, err := lost1(v.dev, s.Now(), backup)
		c := commit.Change1{Next: s.Now()}
		for _, l := range lost {
			if old := backup.now().LUKS1.Keyslots[l.Keyslot]; l.Intact {
				c.Next, ids = c.Next.WithKeyslot(l.Keyslot, old.Iterations, old.Salt), append(ids, l.Keyslot)
			}
		}
		if err != nil || len(ids) == 0 {
			return err
		}
		return s.Do(c)
	})
}

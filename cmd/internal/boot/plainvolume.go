// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/plain"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// preparePlain readies a volume without header. Nothing tells a right key from a wrong one there, so
// nothing is mapped over what is known to be something else.
func (t *task) preparePlain() error {
	t.completePlain()
	if err := foreign(t.target.Node, t.target.Options.Type); err != nil {
		return err
	}
	if err := t.checkCipher(t.target.Options.Cipher); err != nil {
		return err
	}
	t.opening = luks.NewOpening(nil, t.request())
	t.release = append(t.release, t.opening.Close)
	return t.claim()
}

// completePlain fills in what the crypttab does not say, and says so: the defaults of tools have
// changed over time, and a wrong guess shows noise where the data was.
func (t *task) completePlain() {
	o := &t.target.Options
	random := t.target.Key.Kind == plan.RandomKey
	if !random && (o.Cipher == "" || o.KeySize == 0 || o.Hash == "" && t.target.Key.Kind == plan.NoKey) {
		text := fmt.Sprintf("cipher=, size= and hash= are not all given; %s, %d and %s stand in", plain.Cipher,
			plain.KeySize*8, plain.Hash)
		t.report(Event{Kind: Note, Volume: t.target.Name, Text: text})
	}
	if o.Cipher == "" {
		o.Cipher = plain.Cipher
	}
	o.Cipher = plain.FullCipher(o.Cipher)
	if o.KeySize == 0 {
		o.KeySize = plain.KeySize * 8
	}
	if o.Hash == "" {
		o.Hash = plain.Hash
	}
	if o.SectorSize == 0 {
		o.SectorSize = 512
	}
}

// foreign refuses a device that has a signature of its own. Old swap space may become new.
func foreign(node string, kind crypttab.Type) error {
	dev, err := block.Open(node, 0)
	if err != nil {
		return err
	}
	defer dev.Close()
	found, err := signature.Detect(dev, dev.Size())
	if err != nil {
		return err
	}
	for _, s := range found {
		if s.Damaged || s.Backup || kind == crypttab.Swap && s.Kind == "swap" {
			continue
		}
		return fmt.Errorf("%w: %s", ErrHeldByOther, s.Kind)
	}
	return nil
}

// plainKey makes the key: a file's bytes are the key itself, a passphrase is hashed into one.
func (t *task) plainKey(s open.Secret) (*luks.Key, error) {
	size := t.target.Options.KeySize / 8
	var key *secret.Buffer
	var err error
	switch {
	case s.Typed:
		key, err = plain.Stretch(t.target.Options.Hash, s.Bytes(), size)
	case s.Len() < size:
		err = fmt.Errorf("%w: %d of %d bytes", ErrKeyLength, s.Len(), size)
	default:
		key, err = secret.Copy(s.Bytes()[:size])
	}
	if err != nil {
		return nil, err
	}
	return &luks.Key{Buffer: key, Keyslot: luks.AnyKeyslot}, nil
}

func (t *task) plainMapping(name string) (activate.Mapping, error) {
	o := t.target.Options
	length, err := activate.Length(t.opening.Disk.Size, o.Offset*512, 0, o.SectorSize)
	return activate.Mapping{
		Name: name, Kind: activate.Plain, Device: t.opening.Disk.Device, Offset: o.Offset, Length: length,
		IVOffset: o.Skip, Cipher: o.Cipher, SectorSize: o.SectorSize, Key: t.key.Buffer, Flags: o.Flags,
		ReadOnly: t.opening.Disk.ReadOnly, ReadAhead: t.opening.Disk.ReadAhead,
	}, err
}

// randomSource makes a key up, with enough for any cipher; the kernel's generator never runs dry once
// it is seeded.
func randomSource(path string) open.Source {
	return open.One{Label: path, Get: func(context.Context) (open.Secret, error) {
		f, err := os.Open(path)
		if err != nil {
			return open.Secret{}, err
		}
		defer f.Close()
		key, err := secret.ReadFull(f, 256)
		return open.Passphrase(key), err
	}}
}

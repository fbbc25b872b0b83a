// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// tcryptVolume is a TrueCrypt or VeraCrypt volume on the way to its mapping.
type tcryptVolume struct {
	*open.Tcrypt
	mu    sync.Mutex
	found *tcrypt.Volume // once a passphrase has fitted
}

// prepareTcrypt reads the header, which nothing but the right passphrase tells from noise.
func (t *task) prepareTcrypt() error {
	o := t.target.Options.Tcrypt
	t.opening = luks.NewOpening(nil, t.request())
	t.release = append(t.release, t.opening.Close)
	if err := t.claim(); err != nil {
		return err
	}
	read, err := open.ReadTcrypt(t.target.Header, tcrypt.Wanted{Hidden: o.Hidden, System: o.System})
	if err != nil {
		return err
	}
	t.tcrypt = &tcryptVolume{Tcrypt: read}
	return nil
}

// tcryptKey searches when it is its turn. Of a file the first line is the passphrase, as systemd has it.
func (t *task) tcryptKey(ctx context.Context, s open.Secret) (*luks.Key, error) {
	o := t.target.Options
	trial := tcrypt.Trial{Hash: o.Hash, Cipher: o.Cipher, PIM: uint32(o.Tcrypt.PIM)}
	passphrase := s.Bytes()
	if !s.Typed {
		passphrase, _, _ = bytes.Cut(passphrase, []byte("\n"))
	}
	var v *tcrypt.Volume
	err := t.inTurn(ctx, trial.Memory(), func(ctx context.Context) (err error) {
		v, err = t.searchTcrypt(ctx, passphrase, trial)
		return err
	})
	switch {
	case errors.Is(err, tcrypt.ErrNoHeader), errors.Is(err, tcrypt.ErrTooLong):
		return nil, errors.Join(luks.ErrPassphrase, err)
	case err != nil:
		return nil, err
	}
	if err := t.allowsChain(v.Chain); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return t.tcrypt.keep(v)
}

// allowsChain asks for each cipher whether a boot accepts it.
func (t *task) allowsChain(c tcrypt.Chain) error {
	for _, one := range c.List() {
		if err := t.checkCipher(one + "-" + c.Mode); err != nil {
			return err
		}
	}
	return nil
}

// searchTcrypt mixes the key files in.
func (t *task) searchTcrypt(ctx context.Context, passphrase []byte, trial tcrypt.Trial) (*tcrypt.Volume, error) {
	var files []io.Reader
	for _, name := range t.target.Options.Tcrypt.KeyFiles {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = append(files, f)
	}
	password, err := tcrypt.Password(passphrase, files, true)
	if err != nil {
		return nil, err
	}
	defer password.Close()
	return tcrypt.Search(ctx, t.tcrypt.Headers, password.Bytes(), trial)
}

// keep holds the first volume that was found; the key is the race's to close, and wipes it with itself.
func (v *tcryptVolume) keep(found *tcrypt.Volume) (*luks.Key, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.found != nil {
		return nil, errors.Join(open.ErrNoSource, found.Close())
	}
	v.found = found
	return &luks.Key{Buffer: found.Keys(), Keyslot: luks.AnyKeyslot}, nil
}

// activateTcrypt maps what was found.
func (t *task) activateTcrypt(ctx context.Context, name string) error {
	v, disk := t.tcrypt.found, t.opening.Disk
	segment, err := v.Segment(disk.Size)
	if p := open.PartitionAt(t.opening.Path); t.target.Options.Tcrypt.System && p != nil {
		segment, err = tcrypt.SystemPartition(p.Start, disk.Size), nil
	}
	if err != nil {
		return err
	}
	m := open.TcryptMapping{Name: name, Volume: v, Segment: segment, Disk: disk, Flags: t.target.Options.Flags}
	return m.Activate(ctx, t.control)
}

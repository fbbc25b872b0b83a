// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// EndKeys are the volume keys of both ends of a reencryption; nil for plain data, and for one that is not to be had.
type EndKeys struct{ old, fresh *secret.Buffer }

// Keys are theirs to lend.
func (e *EndKeys) Keys() (k reencrypt.Keys) {
	if e.old != nil {
		k.Old = e.old.Bytes()
	}
	switch {
	case e.fresh != nil:
		k.New = e.fresh.Bytes()
	}
	return k
}

// Close wipes them.
func (e *EndKeys) Close() (err error) {
	for _, b := range []*secret.Buffer{e.old, e.fresh} {
		if b != nil {
			err = errors.Join(err, b.Close())
		}
	}
	return err
}

// needed is one end whose key is needed, and where it goes.
type needed struct {
	digest luks2.Digest
	size   int // of the key, bytes; 0 where no keyslot tells
	into   **secret.Buffer
	spare  bool // it does without
}

// Ends gets the volume keys of both ends of a reencryption: from files, or by one passphrase or two.
func Ends(ctx context.Context, c *verb.Command, v *volume.Volume, verdict reencrypt.Verdict, prompt string,
) (*EndKeys, error) {
	e := &EndKeys{}
	if verdict.Run == nil {
		return e, nil
	}
	list := e.needs(v, verdict)
	get := byPassphrases
	if len(c.Opt.VolumeKeyFiles) > 0 {
		get = byKeyFiles
	}
	if err := get(ctx, c, v, list, prompt); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if run := verdict.Run; e.fresh == nil && e.old != nil && run.New.Key != nil && run.New.Key.ID == run.Old.Key.ID {
		var err error
		if e.fresh, err = secret.Copy(e.old.Bytes()); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// needs lists the ends that have a key: the old one first, and one key once.
func (e *EndKeys) needs(v *volume.Volume, verdict reencrypt.Verdict) []needed {
	run := verdict.Run
	var list []needed
	same := run.Old.Key != nil && run.New.Key != nil && run.Old.Key.ID == run.New.Key.ID
	if d := run.Old.Key; d != nil {
		spare := !same && (verdict.State == reencrypt.Concluded || len(d.Keyslots) == 0)
		list = append(list, needed{*d, sizeOf(v, *d), &e.old, spare})
	}
	if d := run.New.Key; d != nil && !same {
		list = append(list, needed{*d, sizeOf(v, *d), &e.fresh, false})
	}
	for i := range list { // where the keyslots of one key have gone, the other one tells
		if list[i].size == 0 {
			list[i].size = list[len(list)-1].size
		}
	}
	return list
}

func sizeOf(v *volume.Volume, d luks2.Digest) int {
	for _, k := range v.Keyslots {
		if bytes.Equal(k.Digest.Sum, d.Value) {
			return k.Spec.KeySize
		}
	}
	return 0
}

// byPassphrases asks once, and once more where the first one opens one of two.
func byPassphrases(ctx context.Context, c *verb.Command, v *volume.Volume, list []needed, prompt string) error {
	if lacking(list, false) == 0 {
		return nil
	}
	for at := range 2 {
		passphrase, err := c.UI.Secret(ctx, ends(c, prompt, at))
		if err != nil {
			return err
		}
		opened, err := opens(ctx, c, v, list, passphrase.Bytes())
		if err := errors.Join(err, passphrase.Close()); err != nil {
			return err
		}
		switch {
		case opened == 0:
			return &verb.Notice{Code: ui.Denied, Err: luks.ErrPassphrase}
		case lacking(list, true) == 0:
			return nil
		}
		prompt = "Enter passphrase for the other key: "
	}
	return &verb.Notice{Code: ui.Denied, Err: luks.ErrPassphrase}
}

// ends is the request for one of two passphrases; each may have a key file.
func ends(c *verb.Command, prompt string, at int) ui.Request {
	r := Existing(c, prompt)
	if at < len(c.Opt.KeyFiles) {
		r.KeyFile = c.Opt.KeyFiles[at]
	}
	return r
}

// lacking counts the keys that are still to be had; those that can be spared only where nothing is there yet.
func lacking(list []needed, spared bool) int {
	n := 0
	for _, w := range list {
		if *w.into == nil && !(spared && w.spare) && (len(w.digest.Keyslots) > 0 || !w.spare) {
			n++
		}
	}
	return n
}

// opens tries a passphrase for each key that is still to be had.
func opens(ctx context.Context, c *verb.Command, v *volume.Volume, list []needed, passphrase []byte,
) (n int, err error) {
	for _, w := range list {
		if *w.into != nil {
			continue
		}
		key, err := Derive(ctx, c, v, passphrase, luks.UnlockOptions{
			Unbound: true,
			Only:    func(k luks.Keyslot) bool { return bytes.Equal(k.Digest.Sum, w.digest.Value) },
		})
		switch {
		case err == nil:
			*w.into = key.Buffer
			n++
		case errors.Is(err, luks.ErrPassphrase), errors.Is(err, luks.ErrNoUsableKeyslot), w.spare:
		default:
			return n, err
		}
	}
	return n, nil
}

// byKeyFiles reads volume keys, and finds out by the digests whose they are.
func byKeyFiles(ctx context.Context, c *verb.Command, v *volume.Volume, list []needed, _ string) error {
	for at, path := range c.Opt.VolumeKeyFiles {
		if err := oneKeyFile(ctx, c, list, at, path); err != nil {
			return err
		}
	}
	if lacking(list, true) > 0 {
		return &verb.Notice{Code: ui.Failed, Err: luks.ErrVolumeKey}
	}
	return nil
}

func oneKeyFile(ctx context.Context, c *verb.Command, list []needed, at int, path string) error {
	for _, w := range list {
		size := w.size
		if at < len(c.Opt.KeySizes) {
			size = int(c.Opt.KeySizes[at] / 8)
		}
		if *w.into != nil || size == 0 {
			continue
		}
		key, err := ReadKeyFile(ctx, c, path, size)
		if err != nil {
			return err
		}
		fits, err := reencrypt.KeyOf(ctx, w.digest, key.Bytes())
		if err == nil && fits {
			*w.into = key
			return nil
		}
		if err := errors.Join(err, key.Close()); err != nil {
			return err
		}
	}
	return &verb.Notice{Code: ui.Failed, Err: luks.ErrVolumeKey}
}

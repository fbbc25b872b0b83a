// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"encoding/hex"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// formerImage is an earlier version, whose digests are taken where blocks have not changed.
type formerImage struct {
	data, hash *device
	verity.Former
}

func (f *formerImage) close() {
	if f == nil {
		return
	}
	for _, d := range []*device{f.data, f.hash} {
		if d != nil {
			d.Close()
		}
	}
}

// openFormer opens the earlier version and gives the new one its parameters; nil where none is named.
func (r *run) openFormer(p *verity.Params) (_ *formerImage, err error) {
	if r.oldHash == "" {
		return nil, nil
	}
	f := &formerImage{}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.data, err = openDevice(r.oldData, os.O_RDONLY); err != nil {
		return nil, err
	}
	if f.hash, err = openDevice(r.oldHash, os.O_RDONLY); err != nil {
		return nil, err
	}
	sb, err := verity.ReadSuperblock(f.hash, int64(r.hashOffset))
	if err != nil {
		return nil, setup.Because(ui.Failed, "Device "+f.hash.path+" is not a valid VERITY device.", err)
	}
	if f.Root, err = hex.DecodeString(r.oldRootHash); err != nil || len(f.Root) != sb.DigestSize() {
		return nil, setup.Failure(ui.Failed, "Invalid root hash string specified.")
	}
	f.Image = &verity.Image{
		Params: sb.Params, Data: f.data, Hash: f.hash, FirstBlock: sb.FirstBlock(int64(r.hashOffset), true),
	}
	if _, err := verity.NewReader(f.Image, f.Root); err != nil {
		const said = " does not give the root hash of the former image."
		return nil, setup.Because(ui.Denied, "The tree of "+f.hash.path+said, err)
	}
	return f, r.inherit(p, &sb.Params)
}

// inherit takes the parameters that the command line leaves open; those that it names have to be the former ones.
func (r *run) inherit(p, old *verity.Params) error {
	for _, x := range []struct {
		option string
		same   bool
	}{
		{"format", p.Format == old.Format},
		{"hash", p.Algorithm == old.Algorithm},
		{"data-block-size", p.DataBlockSize == old.DataBlockSize},
		{"hash-block-size", p.HashBlockSize == old.HashBlockSize},
		{"salt", bytes.Equal(p.Salt, old.Salt)},
	} {
		if r.given[x.option] && !x.same {
			return setup.Failure(ui.Failed,
				"Option --%s is not as in the former image, whose hashes could not be used.",
				x.option)
		}
	}
	blocks := p.DataBlocks
	*p = *old
	p.DataBlocks = blocks
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// image is the devices of a command line, and how they belong together.
type image struct {
	data, hash, fec *device // data and fec may be nil
	verity.Superblock
	first  uint64 // hash block where the tree begins
	offset int64  // of the superblock, or of the tree where there is none; bytes
	roots  int
	fecAt  int64 // bytes

	superblock bool
	root       []byte // hash, once it is known

	former     *formerImage // or nil
	resumption *resumption  // or nil
}

func (im *image) close() {
	im.former.close()
	for _, d := range []*device{im.data, im.hash, im.fec} {
		if d != nil {
			d.Close()
		}
	}
}

// explainField gives veritysetup's words for a value that dm-verity does not have.
func explainField(err error) error {
	var field *verity.FieldError
	if !errors.As(err, &field) {
		return err
	}
	switch field.Field {
	case "version", "hash type":
		number, _ := field.Value.(uint32)
		return setup.Failure(ui.Failed, "Unsupported VERITY %s %d.", field.Field, int32(number)) // signed, as theirs
	case "data block size", "hash block size":
		if strings.Contains(field.Why, "parity") {
			return setup.Failure(ui.Failed, "Block sizes must match for FEC.")
		}
		return setup.Failure(ui.Failed, "Unsupported VERITY block size.")
	case "hash":
		return setup.Failure(ui.Failed, "Hash algorithm %v not supported.", field.Value)
	case "salt length":
		return setup.Failure(ui.Failed, "VERITY header corrupted.")
	case "hash offset":
		return setup.Failure(ui.Failed, "Unsupported VERITY hash offset.")
	case "parity bytes":
		return setup.Failure(ui.Failed, "Invalid number of parity bytes.")
	case "parity offset":
		return setup.Failure(ui.Failed, "Unsupported VERITY FEC offset.")
	case "data blocks":
		return setup.Failure(ui.Failed, "VERITY header corrupted.")
	}
	return err
}

// params are those that the command line names.
func (r *run) params() (verity.Params, error) {
	p := verity.Params{Algorithm: strings.ToLower(r.hash), DataBlocks: r.dataBlocks}
	if r.hashOffset%512 != 0 {
		return p, setup.Failure(ui.Failed, "Unsupported VERITY hash offset.")
	}
	if r.fecOffset%512 != 0 {
		return p, setup.Failure(ui.Failed, "Unsupported VERITY FEC offset.")
	}
	p.Format, p.DataBlockSize, p.HashBlockSize = uint32(min(r.format,
		99)), clamp(r.dataBlockSize), clamp(r.hashBlockSize)
	salt, err := parseSalt(r.salt)
	if err != nil {
		return p, err
	}
	p.Salt = salt
	check := p
	check.DataBlocks = max(check.DataBlocks, 1)
	if err := check.Check(); err != nil {
		return p, explainField(err)
	}
	if r.fecDevice != "" {
		fec := verity.Image{Params: check, FEC: &verity.FEC{Roots: int(min(r.fecRoots, 255))}}
		if _, err := fec.Layout(); err != nil {
			return p, explainField(err)
		}
	}
	return p, nil
}

// clamp makes a number that fits no field one that no check lets pass.
func clamp(n uint64) uint32 { return uint32(min(n, 1<<31+1)) }

func parseSalt(text string) ([]byte, error) {
	if text == "-" || text == "" {
		return nil, nil
	}
	salt, err := hex.DecodeString(text)
	if err != nil {
		return nil, setup.Failure(ui.Failed, "Invalid salt string specified.")
	}
	if len(salt) > verity.MaxSaltSize {
		return nil, setup.Failure(ui.Failed, "The salt is longer than %d bytes.", verity.MaxSaltSize)
	}
	return salt, nil
}

// load opens an image that is there: its superblock, or the parameters of the command line. data may be "".
func (r *run) load(data, hash string) (_ *image, err error) {
	im := &image{
		offset: int64(r.hashOffset), superblock: !r.noSuperblock, roots: int(r.fecRoots),
		fecAt: int64(r.fecOffset),
	}
	defer func() {
		if err != nil {
			im.close()
		}
	}()
	if data != "" {
		if im.data, err = openDevice(data, os.O_RDONLY); err != nil {
			return nil, err
		}
	}
	if im.hash, err = openDevice(hash, os.O_RDONLY); err != nil {
		return nil, err
	}
	if r.fecDevice != "" {
		if im.fec, err = openDevice(r.fecDevice, os.O_RDONLY); err != nil {
			return nil, err
		}
	}
	if err := r.describe(im); err != nil {
		return nil, err
	}
	im.first = im.FirstBlock(im.offset, im.superblock)
	if im.data != nil && im.data.size < im.DataSize() {
		r.ui.Errorf("WARNING: Device %s ends %d bytes before the data that were hashed.", data,
			im.DataSize()-im.data.size)
	}
	tree, err := im.Tree()
	if err != nil {
		return nil, explainField(err)
	}
	if end := im.end(tree); tree.Blocks > 0 && im.data != nil && im.hash.size < end {
		r.ui.Errorf("WARNING: Device %s ends %d bytes before its tree does.", hash, end-im.hash.size)
	}
	if im.fec != nil {
		if _, err := im.verity(r).Layout(); err != nil {
			return nil, explainField(err)
		}
	}
	return im, nil
}

// end is where the tree ends on the hash device, bytes.
func (im *image) end(tree *verity.Tree) int64 {
	return int64(im.first+tree.Blocks) * int64(im.HashBlockSize)
}

// describe fills in what superblock or command line say of an image.
func (r *run) describe(im *image) error {
	if !im.superblock {
		p, err := r.params()
		if err != nil {
			return err
		}
		if p.DataBlocks == 0 && im.data != nil {
			p.DataBlocks = uint64(im.data.size) / uint64(p.DataBlockSize)
		}
		im.Superblock = verity.Superblock{Params: p}
		return nil
	}
	sb, err := verity.ReadSuperblock(im.hash, im.offset)
	if err != nil {
		var said *setup.Failed
		if errors.As(explainField(err), &said) {
			r.ui.Errorf("%s", said.Text)
		}
		return setup.Because(ui.Failed, "Device "+im.hash.path+" is not a valid VERITY device.", err)
	}
	im.Superblock = *sb
	if r.given["data-blocks"] && r.dataBlocks != 0 && r.dataBlocks != sb.DataBlocks {
		im.DataBlocks = r.dataBlocks
	}
	return nil
}

// fecOnHash tells whether the parity lies behind the tree on its device.
func (im *image) fecOnHash() bool { return im.fec != nil && im.fec.same(im.hash) }

// verity is the image as the library takes it.
func (im *image) verity(r *run) *verity.Image {
	v := &verity.Image{Params: im.Params, Hash: im.hash, FirstBlock: im.first}
	if im.data != nil {
		v.Data = im.data
	}
	if im.fec != nil {
		limit := im.hash.size
		if tree, err := im.Tree(); err == nil && tree.Blocks > 0 {
			limit = max(limit, im.end(tree)) // where it was cut short, it once had the tree at least
		}
		v.FEC = &verity.FEC{Device: im.fec, Offset: im.fecAt, Roots: im.roots, Limit: limit}
		if im.fecOnHash() {
			v.FEC.Limit = im.fecAt
		}
	}
	return v
}

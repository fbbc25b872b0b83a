// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// Request says what is to be opened.
type Request struct {
	Header   string // path of the device or image that has the header
	Data     string // path of the device or image that has the data; empty where it is the header's
	ReadOnly bool   // the mapping, and the header is not mended either
	Shared   bool   // others may hold the data
	NoLocks  bool
}

// Opening is a volume on the way to its mapping, in steps that a caller may look at and stop between; package open has
// more of them. Open goes all the way at once.
type Opening struct {
	*Volume
	Disk activate.Data // to map; since Claim
	Path string        // of the device to map: the one asked for, or a loop device over that image; since Claim

	request Request
	close   []func() error
}

// ErrReplaced: the disk is another than the one that was claimed.
var ErrReplaced = errors.New("the disk was exchanged meanwhile")

// Inspect opens the device and reads the header. Errors are those of OpenDevice and Load.
func Inspect(ctx context.Context, r Request) (*Opening, error) {
	file, err := OpenDevice(r.Header, DeviceOptions{NoLocks: r.NoLocks})
	if err != nil {
		return nil, err
	}
	v, err := Load(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	o := NewOpening(v, r)
	o.close = append(o.close, file.Close)
	return o, nil
}

// NewOpening is an opening of a volume that the caller has loaded, and whose device stays the caller's; nil for
// a plain one.
func NewOpening(v *Volume, r Request) *Opening {
	if v == nil {
		v = &Volume{}
	}
	if r.Data == "" {
		r.Data = r.Header
	}
	return &Opening{Volume: v, request: r}
}

// Close lets go of the device and of the loop device; one that is mapped by then stays.
func (o *Opening) Close() error {
	var errs []error
	for i := len(o.close) - 1; i >= 0; i-- {
		errs = append(errs, o.close[i]())
	}
	o.close = nil
	return errors.Join(errs...)
}

// detached tells that the header lies elsewhere than the data.
func (o *Opening) detached() bool { return o.request.Data != o.request.Header }

// Heal mends a damaged copy of the header and reads it again. It leaves alone two copies that
// contradict each other and, with the error of HealDevice, what it may not touch; the volume opens
// by the good copy all the same.
func (o *Opening) Heal(ctx context.Context) (healed bool, err error) {
	if o.Volume == nil || o.Version != 2 || o.Choice.Healthy() || o.request.ReadOnly ||
		o.Choice.Reason == header.Conflicting {
		return false, nil
	}
	if healed, err = HealDevice(ctx, o.request.Header); err != nil || !healed {
		return false, err
	}
	return true, o.Reload(ctx)
}

// Claim makes sure that nothing else holds the data; an image gets a loop device. The kernel has the
// last word when the mapping is made. Errors are *block.PathError, of kind block.ErrBusy for what is
// in use.
func (o *Opening) Claim() (err error) {
	o.Path = o.request.Data
	dev, err := o.dataDevice()
	if err != nil {
		return err
	}
	if !dev.IsBlock() {
		if dev, err = o.attach(); err != nil {
			return err
		}
	}
	if !o.request.Shared {
		if err := free(dev); err != nil {
			return err
		}
	}
	if o.Disk, err = activate.Describe(dev); err == nil {
		err = o.readTags(dev)
	}
	o.Disk.ReadOnly = o.Disk.ReadOnly || o.request.ReadOnly
	return err
}

// readTags reads the superblock of the layer of tags of a volume whose sectors are authenticated.
func (o *Opening) readTags(dev *block.Device) (err error) {
	if o.Volume != nil && o.Data.Integrity != nil {
		o.Disk.Tags, err = integrity.ReadSuperblock(dev, o.Data.Offset/512)
	}
	return err
}

// dataDevice is the device that the header was read from, where the data is on it, too.
func (o *Opening) dataDevice() (*block.Device, error) {
	if file, here := o.header(); here && !o.detached() {
		return file.Device, nil
	}
	return o.open(o.request.Data)
}

// header is the device that the header was read from; of a plain volume there is none.
func (o *Opening) header() (*File, bool) {
	file, ok := o.Device().(*File)
	return file, ok
}

func (o *Opening) open(path string) (*block.Device, error) {
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, dev.Close)
	return dev, nil
}

// attach makes a loop device of the image, a read-only one where its file system is.
func (o *Opening) attach() (*block.Device, error) {
	options := block.LoopOptions{AutoClear: true, ReadOnly: o.request.ReadOnly}
	loop, err := block.AttachLoop(o.request.Data, options)
	if errors.Is(err, block.ErrReadOnly) && !options.ReadOnly {
		options.ReadOnly = true
		loop, err = block.AttachLoop(o.request.Data, options)
	}
	if err != nil {
		return nil, err
	}
	o.close = append(o.close, loop.Close)
	o.Path = loop.Path
	return o.open(loop.Path)
}

// free refuses a device that something is made of or mounted from.
func free(dev *block.Device) error {
	users, err := dev.Users()
	if err != nil || len(users) == 0 {
		return err
	}
	holder := fmt.Errorf("held by %s", users[0].Name)
	return &block.PathError{Op: "open", Path: dev.Path(), Kind: block.ErrBusy, Err: holder}
}

// Image tells that the data lies in an image file; since Claim.
func (o *Opening) Image() bool { return o.Path != o.request.Data }

// Mapping describes the device to be made, with its key; the caller may change its flags. InTable puts
// the key into the table instead of the kernel's keyring, as it is for LUKS1.
func (o *Opening) Mapping(name string, key *Key, inTable bool) (activate.Mapping, error) {
	m, err := o.Volume.Mapping(name, o.Disk)
	if err == nil && key.Len() == 0 {
		err = ErrVolumeKey
	}
	if err != nil {
		return m, err
	}
	m.Key = key.Buffer
	if o.Version == 2 && !inTable {
		m.KeyDescription = activate.LogonDescription(o.UUID, key.Digest)
	}
	return m, nil
}

// Unchanged fails with ErrReplaced where the claimed disk's number has come to mean another disk. It
// sees how long the disk is now.
func (o *Opening) Unchanged() error {
	now, err := activate.Again(o.Disk)
	if err != nil || now.DiskSeq != o.Disk.DiskSeq {
		return errors.Join(&block.PathError{Op: "map", Path: o.Path, Kind: ErrReplaced}, err)
	}
	o.Disk.Size = now.Size
	return nil
}

// Map hands the mapping to the kernel and returns when its node is there. On failure nothing is left.
func (o *Opening) Map(ctx context.Context, control *dm.Control, m activate.Mapping) (dm.Info, error) {
	return activate.Activate(ctx, control, m)
}

// Outgrown tells whether what lies inside a volume with a far header is longer than its data: an older tool, to which
// the data reach to the device's end, let it grow over the far header. It is asked before the volume is mapped as short
// as its data are. The error is why that is not known.
func (o *Opening) Outgrown(key *Key) (inside signature.Contents, outgrown bool, err error) {
	if o.Volume == nil || o.Version != 2 || o.Data.Dynamic {
		return inside, false, nil
	}
	if _, _, found, _ := far.Find(o.Metadata()); !found {
		return inside, false, nil
	}
	dev, err := block.Open(o.Path, 0)
	if err != nil {
		return inside, false, err
	}
	inside, err = o.Contents(dev, key)
	err = errors.Join(err, dev.Close())
	return inside, err == nil && uint64(inside.End) > o.Data.Size, err
}

// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// pair is the devices of a command line: data and tags on one (data and meta are the same), or each on its own.
type pair struct{ data, meta *block.Device }

func (p *pair) close() {
	if p.data != nil && p.data != p.meta {
		p.data.Close()
	}
	if p.meta != nil {
		p.meta.Close()
	}
}

// separate tells whether the data have a device of their own.
func (p *pair) separate() bool { return p.data != p.meta }

func (p *pair) dataSectors() uint64 { return uint64(p.data.Size()) / integrity.SectorSize }
func (p *pair) metaSectors() uint64 { return uint64(p.meta.Size()) / integrity.SectorSize }

// openPair opens what the command line names.
func (r *run) openPair(flags block.Flags) (_ *pair, err error) {
	p := &pair{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.meta, err = openDevice(r.args[0], flags); err != nil {
		return nil, err
	}
	p.data = p.meta
	if r.dataDevice == "" {
		return p, nil
	}
	if p.data, err = openDevice(r.dataDevice, flags); err != nil {
		p.data = nil
		return nil, err
	}
	if at, same := p.data.StartIn(p.meta); same && at == 0 {
		return nil, setup.Failure(ui.Failed, "Data and metadata lie on the same device %s.", r.dataDevice)
	}
	return p, nil
}

func openDevice(path string, flags block.Flags) (*block.Device, error) {
	d, err := block.Open(path, flags)
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, block.ErrNotBlock):
		return nil, setup.Because(ui.NoDevice, "Device "+path+" is not compatible.", err)
	case errors.Is(err, block.ErrBusy):
		return nil, setup.Because(ui.InUse,
			"Cannot use device "+path+" which is in use (already mapped or mounted).", err)
	case errors.Is(err, block.ErrReadOnly):
		return nil, setup.Because(ui.Failed, "Cannot write to device "+path+", it is read-only.", err)
	}
	return nil, setup.Because(ui.NoDevice, "Device "+path+" does not exist or access denied.", err)
}

// zero makes a range of the data read as zeros: a hole in a file, else as the device does it.
func zero(d *block.Device) func(off, n int64) error {
	return func(off, n int64) error {
		if !d.IsBlock() {
			const hole = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
			if unix.Fallocate(d.FD(), hole, off, n) == nil {
				return nil
			}
		}
		return d.ZeroRange(off, n)
	}
}

// layout reads the superblock and finds whether all that it speaks of is there.
func (r *run) layout(p *pair) (*integrity.Layout, error) {
	sb, err := r.superblock(p.meta)
	if err != nil {
		return nil, err
	}
	l, err := sb.Layout(0)
	if err != nil {
		return nil, explainField(err, r.args[0])
	}
	if sb.Separate() != p.separate() {
		if sb.Separate() {
			return nil, setup.Failure(ui.Failed,
				"The data of device %s lie on another one: give --data-device.", r.args[0])
		}
		return nil, setup.Failure(ui.Failed, "Device %s holds its data itself.", r.args[0])
	}
	return l, explainField(l.CheckSize(p.dataSectors(), p.metaSectors()), p.data.Path())
}

func (r *run) superblock(meta *block.Device) (*integrity.Superblock, error) {
	sb, err := integrity.ReadSuperblock(meta, 0)
	if err == nil {
		return sb, nil
	}
	var said *setup.Failed
	if explained := explainField(err, meta.Path()); errors.As(explained, &said) {
		r.ui.Errorf("%s", said.Text)
	}
	return nil, setup.Because(ui.Failed, "Device "+meta.Path()+" is not a valid INTEGRITY device.", err)
}

// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"io/fs"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// metadataSize names the device that gets the header and its size in bytes; 0 for a file, which can
// be made longer.
func metadataSize(c *verb.Command, d formatTarget) (path string, size uint64, err error) {
	path, size = d.path, d.size
	if c.Opt.Header.Set {
		if path, err = block.Resolve(c.Opt.Header.V); err != nil {
			return path, 0, verb.DeviceError(c.Opt.Header.V, err)
		}
		size = 0
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Size() < 512: // a key file, perhaps
		return path, 0, verb.Failure(ui.Failed, "Device %s is too small.", path)
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular():
		return path, 0, nil
	case err != nil || path == d.path:
		return path, size, verb.DeviceError(path, err)
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return path, 0, verb.DeviceError(path, err)
	}
	return path, uint64(dev.Size()), verb.DeviceError(path, dev.Close())
}

// metadataTarget opens the device that gets the header. A file is made where it is missing, and made
// longer where it is too short. On a full file system it stays as long as it is, and gets the keyslots that
// fit, where nobody asked for more.
func metadataTarget(c *verb.Command, p *formatPlan) (*luks.File, error) {
	if p.size == 0 {
		err := volume.Extend(p.path, int64(p.room))
		full := errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
		if full && p.fitInto(c, p.path) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	file, err := luks.OpenDevice(p.path, luks.DeviceOptions{Write: true, Exclusive: true, NoLocks: c.Opt.DisableLocks})
	return file, verb.DeviceError(p.path, err)
}

// fitInto plans for a header file as long as it is, and reports whether that has room for a keyslot.
func (p *formatPlan) fitInto(c *verb.Command, path string) bool {
	info, err := os.Stat(path)
	if err != nil || !p.options.Detached || p.options.Version != 2 || c.Opt.LUKS2KeyslotsSize.Set || info.Size() == 0 {
		return false
	}
	g, err := p.options.Check(uint64(info.Size()))
	if err != nil {
		return false
	}
	p.small = 0
	if g.VerySmall() {
		p.small = g.KeyslotsSize
	}
	return true
}

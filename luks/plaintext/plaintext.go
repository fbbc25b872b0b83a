// SPDX-License-Identifier: Apache-2.0

// Package plaintext reads and writes the data of a volume in user space: without root, without a mapping, on
// image files and in memory alike.
package plaintext

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/authentic"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Plaintext is the data of a volume, encrypted on the device and plain here. It must not write while the
// volume is mapped. It is an io.ReaderAt and io.WriterAt with offsets in bytes from the start of the data, and
// may be used by several goroutines for reading.
type Plaintext struct {
	dev    header.Device
	cipher *sector.Cipher
	data   view.Data
	size   int64             // bytes
	tagged *authentic.Reader // nil where sectors are not authenticated
}

// Open takes the volume's key. dev holds the data. Sectors that are authenticated are only read, and only those of
// aes-gcm and of xts with an HMAC. Errors: fault.ErrUnsupported for other segments, a luks2.RequirementsError, those of
// packages sector, authentic and dm/integrity, a fault.GeometryError for a device that is too small.
func Open(dev header.Device, v view.View, key []byte) (*Plaintext, error) {
	if v.Data.Type != "crypt" {
		return nil, fmt.Errorf("segment of type %q: %w", v.Data.Type, fault.ErrUnsupported)
	}
	if err := v.CheckRequirements(); err != nil {
		return nil, err
	}
	if v.Data.Integrity != nil {
		return openTagged(dev, v, key)
	}
	size, err := length(v.Data, dev.Size())
	if err != nil {
		return nil, err
	}
	c, err := sector.New(v.Data.Cipher, key, v.Data.SectorSize)
	if err != nil {
		return nil, err
	}
	return &Plaintext{dev: dev, cipher: c, data: v.Data, size: size}, nil
}

// ErrNegative refuses an offset before the start of the data.
var ErrNegative = errors.New("negative offset")

// ErrReadOnly refuses to write sectors that are authenticated.
var ErrReadOnly = errors.New("authenticated sectors are only read here")

func openTagged(dev header.Device, v view.View, key []byte) (*Plaintext, error) {
	i := v.Data.Integrity
	scheme, err := authentic.Of(v.Data.Cipher, i.Type, int(i.KeySize))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", fault.ErrUnsupported, err)
	}
	r, err := authentic.NewReader(dev, scheme, key, v.Data.SectorSize, v.Data.Offset, uint64(dev.Size()))
	if v.Data.IVTweak != 0 {
		err = authentic.ErrNoReader
	}
	if errors.Is(err, authentic.ErrNoReader) {
		err = fmt.Errorf("cipher %s: %w: %w", v.Data.Cipher, fault.ErrUnsupported, err)
	}
	if err != nil {
		return nil, err
	}
	return &Plaintext{size: r.Size(), tagged: r}, nil
}

// length is that of the data on a device of that size, in bytes and whole sectors.
func length(d view.Data, device int64) (int64, error) {
	if d.Offset > uint64(device) {
		return 0, fault.Geometry("device", "%d bytes, the data begins at %d", device, d.Offset)
	}
	room := uint64(device) - d.Offset
	if d.Dynamic {
		return int64(extent.Down(room, uint64(d.SectorSize))), nil
	}
	if d.Size > room {
		return 0, fault.Geometry("device", "%d bytes for data of %d at %d", device, d.Size, d.Offset)
	}
	return int64(d.Size), nil
}

// Size returns the length of the data in bytes.
func (p *Plaintext) Size() int64 { return p.size }

// Close wipes the round keys. The device stays open.
func (p *Plaintext) Close() {
	if p.tagged != nil {
		p.tagged.Close()
		return
	}
	p.cipher.Close()
}

// ReadAt decrypts len(b) bytes from offset off.
func (p *Plaintext) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d: %w", off, ErrNegative)
	}
	b, end := p.clip(b, off)
	if len(b) == 0 {
		return 0, end
	}
	if p.tagged != nil {
		n, err := p.tagged.ReadAt(b, off)
		return n, errors.Join(err, end)
	}
	first, buf := p.window(off, len(b))
	if err := p.load(buf, first); err != nil {
		return 0, err
	}
	return copy(b, buf[off-first:]), end
}

// WriteAt encrypts b to offset off; sectors written in part are read first.
func (p *Plaintext) WriteAt(b []byte, off int64) (int, error) {
	if p.tagged != nil {
		return 0, ErrReadOnly
	}
	if off < 0 {
		return 0, fmt.Errorf("write at byte %d: %w", off, ErrNegative)
	}
	whole := len(b)
	b, _ = p.clip(b, off)
	if len(b) < whole {
		return 0, io.ErrShortWrite
	}
	if whole == 0 {
		return 0, nil // wherever it lies: the sector around it is not written anew
	}
	first, buf := p.window(off, len(b))
	if err := p.load(buf, first); err != nil {
		return 0, err
	}
	copy(buf[off-first:], b)
	if err := p.cipher.Encrypt(buf, buf, p.number(first)); err != nil {
		return 0, err
	}
	if _, err := p.dev.WriteAt(buf, int64(p.data.Offset)+first); err != nil {
		return 0, err
	}
	return len(b), nil
}

// clip cuts b at the end of the data; io.EOF goes with what was cut.
func (p *Plaintext) clip(b []byte, off int64) ([]byte, error) {
	if off >= p.size {
		return nil, io.EOF
	}
	if rest := p.size - off; int64(len(b)) > rest {
		return b[:rest], io.EOF
	}
	return b, nil
}

// window returns the start of the whole sectors around a range, and room for them.
func (p *Plaintext) window(off int64, n int) (int64, []byte) {
	size := int64(p.data.SectorSize)
	first := extent.Down(off, size)
	last := extent.Up(off+int64(n), size)
	return first, make([]byte, last-first)
}

// load decrypts the whole sectors that begin at byte `first` of the data.
func (p *Plaintext) load(buf []byte, first int64) error {
	n, err := p.dev.ReadAt(buf, int64(p.data.Offset)+first)
	if n < len(buf) {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	return p.cipher.Decrypt(buf, buf, p.number(first))
}

// number is the IV number of the sector at byte `at` of the data, 512-byte sectors.
func (p *Plaintext) number(at int64) uint64 { return p.data.IVTweak + uint64(at)/512 }

// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/plaintext"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// Plaintext reads and writes the data of a volume, encrypted on the device and plain here, in user space. It
// must not write while the volume is mapped.
type Plaintext = plaintext.Plaintext

// Plaintext opens the data on dev, which is the volume's own device or, with a detached header,
// the one that holds the data. Sectors that are authenticated are only read, and one that was changed is an
// *integrity.CorruptError. Errors: ErrUnsupported for other segments, and ciphers that only the kernel reads so,
// those of package sector for ciphers, GeometryError for a device that is too small.
func (v *Volume) Plaintext(dev Device, key *Key) (*Plaintext, error) {
	if err := readable(dev, key); err != nil {
		return nil, err
	}
	return plaintext.Open(dev, *v.now(), key.Bytes())
}

// readable refuses to read data without a device or a key.
func readable(dev Device, key *Key) error {
	switch {
	case !present(dev):
		return ErrNoDevice
	case key.Len() == 0:
		return ErrVolumeKey
	}
	return nil
}

// ErrNoTags: nothing tells of a sector whether it is what was written.
var ErrNoTags = plaintext.ErrNoTags

// Tags is the layer of tags of a volume whose sectors are authenticated: its Verify holds every sector against its tag,
// and what the journal has newer counts. dev and key are as for Plaintext; the key has to stay until then. Errors:
// ErrNoTags, and those of Plaintext.
func (v *Volume) Tags(ctx context.Context, dev Device, key *Key) (*integrity.Volume, error) {
	if err := errors.Join(given.Context(ctx), readable(dev, key)); err != nil {
		return nil, err
	}
	return plaintext.Tags(ctx, dev, v.now(), key.Bytes())
}

// Contents tells where what lies inside the volume ends, decrypting its superblock in user space:
// see signature.Inside. dev holds the data, as for Plaintext. It is for volumes that are not mapped;
// of a mapped one the kernel may hold a newer superblock than the disk: see activate.Contents.
func (v *Volume) Contents(dev Device, key *Key) (signature.Contents, error) {
	p, err := v.Plaintext(dev, key)
	if err != nil {
		return signature.Contents{}, err
	}
	defer p.Close()
	return signature.Inside(p, p.Size())
}

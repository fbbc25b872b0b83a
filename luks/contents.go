// SPDX-License-Identifier: Apache-2.0

package luks

import (
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
	switch {
	case !present(dev):
		return nil, ErrNoDevice
	case key.Len() == 0:
		return nil, ErrVolumeKey
	}
	return plaintext.Open(dev, *v.now(), key.Bytes())
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

// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/luks/signature"
)

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

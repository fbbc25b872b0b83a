// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Levels is how many mappings lie one upon the other.
func (v *Volume) Levels() int { return len(v.Chain.List()) }

// Line is the mapping of a level, 0 the lowest, which has the innermost cipher, on device, which is "major:minor": that
// of the data, or of the level below. The line has a copy of the key; the caller closes it. The error is that of
// Chain.Mappable, or that of memory.
func (v *Volume) Line(level int, device string, s Segment, flags target.CryptFlags) (*target.Crypt, error) {
	if err := v.Chain.Mappable(); err != nil {
		return nil, err
	}
	list := v.Chain.List()
	i := len(list) - 1 - level
	line := &target.Crypt{
		Length: s.Length, Cipher: list[i] + "-" + v.Chain.Mode, IVOffset: s.IVOffset, Device: device, Flags: flags,
	}
	if level == 0 {
		line.Offset = s.Offset
	}
	key, err := secret.New(v.Chain.keySize(i))
	if err != nil {
		return nil, err
	}
	v.Chain.key(key.Bytes(), v.keys.Bytes(), i)
	line.Key.Raw = key
	return line, nil
}

// VolumeKey is what tcryptDump shows: the keys of the ciphers one after the other, the outermost first. The caller
// closes it.
func (v *Volume) VolumeKey() (*secret.Buffer, error) {
	all, err := secret.New(v.Chain.Bits() / 8)
	if err != nil {
		return nil, err
	}
	at := 0
	for i := range v.Chain.List() {
		n := v.Chain.keySize(i)
		v.Chain.key(all.Bytes()[at:at+n], v.keys.Bytes(), i)
		at += n
	}
	return all, nil
}

// SPDX-License-Identifier: Apache-2.0

package sector

import "testing"

// BenchmarkOthers measures what is not AES-XTS.
func BenchmarkOthers(b *testing.B) {
	for _, spec := range []string{
		"aes-cbc-essiv:sha256", "aes-ctr-plain64", "serpent-xts-plain64", "serpent-cbc-plain64", "twofish-xts-plain64",
	} {
		c := mustNew(b, spec, pattern("key", 32), 512)
		data := make([]byte, 64<<10)
		for name, crypt := range map[string]func(dst, src []byte, sector uint64) error{"encrypt": c.Encrypt, "decrypt": c.Decrypt} {
			b.Run(spec+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					if err := crypt(data, data, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

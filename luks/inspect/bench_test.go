// SPDX-License-Identifier: Apache-2.0

package inspect

import "testing"

// BenchmarkJudge is one image in memory, read and judged; check does 1,000 of them in a call.
func BenchmarkJudge(b *testing.B) {
	for _, name := range []string{"luks2-argon2id-4096", "luks2-metadata-64k", "luks1-sha1"} {
		b.Run(name, func(b *testing.B) {
			d := vector(name)
			for b.Loop() {
				if _, err := Judge(Read(d)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

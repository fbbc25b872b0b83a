// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"path"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// AllowedCipher tells whether one of the patterns fits: the cipher's name, in which "*" stands for
// anything. Without patterns sector.BootPatterns count: null ciphers and ecb are not among them.
func AllowedCipher(patterns []string, cipher string) bool {
	if len(patterns) == 0 {
		patterns = sector.BootPatterns()
	}
	for _, p := range patterns {
		if ok, err := path.Match(p, cipher); err == nil && ok {
			return true
		}
	}
	return false
}
